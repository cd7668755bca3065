// The server that is measured, in a process of its own. It is told which handler it runs, and tells what it holds in memory.

import { serve } from 'millrace';
import { retained } from '../support/memory.js';
import { answer, pause } from '../support/process.js';
import { GiB, KiB } from '../support/units.js';

const CHUNK = new Uint8Array(64 * KiB).fill(0x61);

/** How far the messages of this run are, in bytes. */
let moved = 0;

async function* chunks(bytes) {
  for (let left = bytes; left > 0; left -= CHUNK.byteLength) {
    yield left < CHUNK.byteLength ? CHUNK.subarray(0, left) : CHUNK;
    moved += CHUNK.byteLength;
  }
}

/** @type {Record<string, (session: any, options: any) => unknown>} */
const handlers = {
  loop: async (session) => {
    for await (const message of session) await session.send(message);
  },
  pipe: (session) => session.readable.pipeTo(session.writable),
  never: (session) => session.closed,
  slow: async (session) => {
    let sincePause = 0;
    for await (const message of session) {
      sincePause += message.length;
      if (sincePause < 64 * KiB) continue;
      sincePause = 0;
      await pause(1);
    }
  },
  // These are for `messages: 'streamed'`.
  receive: async (session) => {
    for await (const message of session) {
      for await (const chunk of message) moved += chunk.byteLength;
      await session.send('received');
    }
  },
  'receive-stream': async (session) => {
    for await (const message of session) {
      for await (const chunk of message.body) moved += chunk.byteLength;
      await session.send('received');
    }
  },
  send: async (session, { bytes }) => {
    await session.receive();
    await session.send({ type: 'binary', body: chunks(bytes) });
    await session.closed;
  },
  'send-stream': async (session, { bytes }) => {
    await session.receive();
    const iterator = chunks(bytes);
    const body = new ReadableStream({
      pull: async (controller) => {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
    await session.send({ type: 'binary', body });
    await session.closed;
  },
  echo: async (session) => {
    for await (const message of session) await session.send(message);
  },
};

// What lives in every way: the path tells how.
const lives = {
  loop: handlers.loop,
  pipe: (session) => session.readable.pipeTo(session.writable).catch(() => {}),
  return: () => {},
  throw: () => {
    throw new Error('A handler fails');
  },
  cancel: (session) => session.job.cancel(),
  close: (session) => session.close(4000),
  idle: (session) => session.closed,
  stuck: () => new Promise(() => {}),
};
handlers.life = (session) => lives[session.request.url.split('/')[2]](session);

let server;
let residentBefore = 0;
let retainedBefore = 0;
let residentPeak = 0;

function handles() {
  const counts = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  // Those of this measurement.
  delete counts.Timeout;
  delete counts.PipeWrap;
  return counts;
}

answer({
  start: async ({ handler, limits, messages, bytes = GiB }) => {
    const options = { limits, userContext: { onError: () => {} }, ...(messages === undefined ? {} : { messages }) };
    server = await serve(options, (session) => handlers[handler](session, { bytes }));
    return { port: server.port };
  },
  // From here on growth is counted.
  baseline: async () => {
    retainedBefore = await retained();
    residentBefore = process.memoryUsage.rss();
    residentPeak = residentBefore;
    moved = 0;
    setInterval(() => {
      residentPeak = Math.max(residentPeak, process.memoryUsage.rss());
    }, 10).unref();
    return { handles: handles() };
  },
  // What is resident is taken before the collection.
  measure: async () => {
    const resident = Math.max(residentPeak, process.memoryUsage.rss()) - residentBefore;
    return { resident, retained: (await retained()) - retainedBefore, handles: handles(), counters: server.counters };
  },
  // Without a collection, which would take part in what is measured.
  progress: () => ({ moved, resident: process.memoryUsage.rss(), cpu: process.cpuUsage() }),
});
