// A runtime that lacks WHATWG Streams, or a part of them: web-streams-polyfill comes in by itself, and everything works. It runs in every runtime (the column
// "pack" of the matrix); `npm run build` comes first.

import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/entries.ts';
import { ask, currentRunner, everything } from '../support/using.ts';

const test = suite('package · without streams');

// The programs lie inside the package: they import it by its name.
const programs = join(root, 'spec/package/use');
const classes = ['ReadableStream', 'WritableStream', 'TransformStream'];

for (const missing of [...classes.map((name) => [name]), classes.slice(1), classes]) {
  test(`without ${missing.join(' and ')} all of it works, on one implementation`, async () => {
    const told = await ask(programs, ['without-streams.js'], { MISSING: missing.join(',') });
    assert.equal(told, { ...everything, missing, kind: 'polyfill' });
  });
}

test('with all of them there they are the platform’s', async () => {
  assert.equal(await ask(programs, ['without-streams.js'], { MISSING: '' }), everything);
});

test('without what else belongs to streams all of it works too: nobody needs it', async () => {
  const others = [
    'ByteLengthQueuingStrategy',
    'CountQueuingStrategy',
    'ReadableByteStreamController',
    'ReadableStreamBYOBReader',
    'ReadableStreamBYOBRequest',
    'ReadableStreamDefaultController',
    'ReadableStreamDefaultReader',
    'TransformStreamDefaultController',
    'WritableStreamDefaultController',
    'WritableStreamDefaultWriter',
    'CompressionStream',
    'DecompressionStream',
    'TextDecoderStream',
    'TextEncoderStream',
  ];
  assert.equal(await ask(programs, ['without-streams.js'], { MISSING: others.join(',') }), everything);
});

// What a page of an old browser, or another engine, has: the language, and this.
const realm = {
  AbortController,
  AbortSignal,
  DOMException,
  TextDecoder,
  TextEncoder,
  URL,
  clearTimeout,
  console,
  crypto,
  performance,
  queueMicrotask,
  setTimeout,
};

if (currentRunner().kind === 'node') {
  test('in a realm with nothing of Node and no streams, bytes become messages, and an upgrade runs in both roles', async () => {
    const { build } = await import('esbuild');
    const { outputFiles } = await build({
      stdin: { contents: inRealm, resolveDir: programs },
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'told',
      platform: 'browser',
      target: 'es2022',
      external: ['node:*'],
      logLevel: 'error',
    });
    const text = outputFiles[0]?.text ?? '';
    assert.not.match(text, /node:/);
    const context = createContext({ ...realm });
    assert.is(
      runInContext('typeof ReadableStream + typeof process + typeof Buffer + typeof setImmediate', context),
      'undefined'.repeat(4),
    );
    runInContext(text, context);
    // Each realm has its own arrays.
    assert.equal(JSON.parse(await runInContext('told.run().then(JSON.stringify)', context)), {
      messages: ['Hello'],
      answer: 'HELLO',
      closed: [true, 1000],
      state: 'completed',
    });
  });
}

const inRealm = `
import { FrameDecoderStream, MessageAssemblerStream, upgrade } from '${join(root, 'dist/index.js')}';
import { TransformStream } from 'web-streams-polyfill';

export async function run() {
  const decoder = new FrameDecoderStream({ role: 'client' });
  const writer = decoder.writable.getWriter();
  void writer.write(Uint8Array.of(0x81, 5, 0x48, 0x65));
  void writer.write(Uint8Array.of(0x6c, 0x6c, 0x6f));
  void writer.close();
  const messages = [];
  const reader = decoder.readable.pipeThrough(new MessageAssemblerStream()).getReader();
  for (let result = await reader.read(); !result.done; result = await reader.read()) messages.push(result.value);

  const up = new TransformStream();
  const down = new TransformStream();
  const server = upgrade(up.readable, down.writable, undefined, undefined, {
    handler: (session) =>
      session.readable
        .pipeThrough(new TransformStream({ transform: (message, out) => out.enqueue(message.toUpperCase()) }))
        .pipeTo(session.writable),
  });
  const { session } = upgrade(down.readable, up.writable, undefined, undefined, { role: 'client' });
  void session.send('hello');
  const answer = await session.receive();
  const { wasClean, closeCode } = await session.close();
  await server.closed;
  return { messages, answer, closed: [wasClean, closeCode], state: server.state };
}
`;
test.run();
