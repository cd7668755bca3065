import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isReadableStream, type Sendable, toBodySource } from '../../lib/connection/sendable.ts';
import { streams } from '../../lib/stream/streams.ts';
import { throws } from '../support/check.ts';

async function* chunks(): AsyncGenerator<string> {
  yield 'a';
}

function createStream(): ReadableStream<string> {
  const { ReadableStream } = streams();
  return new ReadableStream<string>({ start: (controller) => controller.enqueue('a') });
}

const test = suite('sendable');

test('strings, buffers and views of them are whole messages', () => {
  const buffer = new ArrayBuffer(4);
  for (const whole of ['', 'text', buffer, new Uint8Array(buffer), new DataView(buffer), new Float32Array(1)]) {
    assert.is(toBodySource(whole), undefined);
  }
  assert.is(toBodySource(Buffer.from('abc')), undefined);
});

test('a ReadableStream and an async iterable are bodies whose type their chunks tell', () => {
  for (const body of [createStream(), chunks()]) assert.equal(toBodySource(body), { type: undefined, body });
});

test('an object with a type and a body is a message of that type', () => {
  for (const type of ['text', 'binary'] as const) {
    const body = chunks();
    assert.equal(toBodySource({ type, body }), { type, body });
  }
});

test('what has a type and a body is sent by them, though it can be iterated too', () => {
  const body = chunks();
  const message = Object.assign(chunks(), { type: 'text' as const, body });
  assert.is(toBodySource(message)?.body, body);
});

test('a stream that is locked is refused, and stays as it was', () => {
  const body = createStream();
  const reader = body.getReader();
  throws(() => toBodySource(body), TypeError, /locked/);
  throws(() => toBodySource({ type: 'text', body }), TypeError, /locked/);
  reader.releaseLock();
  assert.ok(toBodySource(body));
});

test('streams of the other implementation are bodies too', () => {
  const { ReadableStream } = globalThis;
  assert.ok(isReadableStream(new ReadableStream()));
  assert.not(isReadableStream(chunks()));
});

test('anything else is a TypeError', () => {
  const wrong = [
    null,
    undefined,
    5,
    true,
    Symbol.iterator,
    5n,
    {},
    [],
    ['a'],
    () => 'a',
    { type: 'text' },
    { body: createStream() },
    { type: 'json', body: createStream() },
    { type: 'text', body: 'abc' },
    { type: 'text', body: ['a'] },
    new Map(),
    new Response('a'),
    Promise.resolve('a'),
  ];
  for (const value of wrong) throws(() => toBodySource(value as unknown as Sendable), TypeError, /Cannot send/);
});
test.run();
