// Uploads: each binary message is a file, of any size, written to the disk as it comes. The disk's pace is the sender's, and memory holds none of it.

import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import { serve } from '../../lib/index.ts'; // from 'millrace'

const LARGEST = Number(process.env['LARGEST'] ?? 10 * 1024 ** 3);
const folder = process.env['FOLDER'] ?? (await mkdtemp(join(tmpdir(), 'upload-')));

class TooLarge extends Error {}

const server = await serve(
  { port: Number(process.env['PORT'] ?? 8080), messages: 'streamed', limits: { idleTimeout: 600_000 } },
  async (session) => {
    for await (const message of session) {
      if (message.type === 'text') return void session.close(1003, 'Files only');
      try {
        await session.send(JSON.stringify(await store(message.body)));
      } catch (error) {
        if (error instanceof TooLarge) return void session.close(1009, error.message);
        throw error; // the connection was lost, or the disk is full: 1011, if there is somebody to tell
      }
    }
  },
);
console.log(`listening on ${server.url}`);

/** Whole or not at all: what is lost on the way leaves no file. */
async function store(body: AsyncIterable<Uint8Array>): Promise<{ id: string; size: number }> {
  const id = randomUUID();
  const part = join(folder, `${id}.part`);
  let size = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > LARGEST) throw new TooLarge(`More than ${LARGEST} bytes`);
      yield chunk;
    }
  }
  try {
    await pipeline(counted, createWriteStream(part, { flags: 'wx', mode: 0o600 }));
    await rename(part, join(folder, id));
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return { id, size };
}

process.once('SIGINT', () => server.stop()).once('SIGTERM', () => server.stop());
