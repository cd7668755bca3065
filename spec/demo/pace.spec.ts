import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Pace } from '../../lib/demo/pace.ts';
import type { Message } from '../../lib/node.ts';
import { turns, within } from '../support/until.ts';

const test = suite('pace');

function open(pace: Pace, signal = new AbortController().signal) {
  const { readable, writable } = pace.transform(signal);
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  const reader = readable.getReader() as ReadableStreamDefaultReader<Message>;
  reader.closed.catch(() => {});
  let isPending = true;
  const read = (): Promise<unknown> =>
    reader
      .read()
      .then(({ value }) => value)
      .finally(() => (isPending = false));
  const write = (message: Message): void => void writer.write(message).catch(() => {});
  return { write, read, isPending: () => isPending };
}

test('by default messages pass at once', async () => {
  const { write, read } = open(new Pace());
  write('now');
  assert.is(await within(read(), 'a message'), 'now');
});

test('a message takes as long as its bytes take', async () => {
  const { write, read } = open(new Pace(1000));
  const begin = performance.now();
  write(new Uint8Array(20));
  await within(read(), 'a message');
  assert.ok(performance.now() - begin > 18);
});

test('a stopped reader lets nothing pass until it is set free', async () => {
  const pace = new Pace(0);
  const { write, read, isPending } = open(pace);
  write('waits');
  const reading = read();
  await turns(10);
  assert.ok(isPending());
  pace.bytesPerSecond = 0;
  await turns(10);
  assert.ok(isPending());
  pace.bytesPerSecond = Number.POSITIVE_INFINITY;
  assert.is(await within(reading, 'a message'), 'waits');
});

test('a message that waits at a slow pace feels a faster one at once', async () => {
  const pace = new Pace(1);
  const { write, read, isPending } = open(pace);
  write('a message that would take a minute at least, one byte a second');
  const reading = read();
  await turns(10);
  assert.ok(isPending());
  pace.bytesPerSecond = 1_000_000;
  await within(reading, 'a message');
});

test('the end of the session lets go of the message that waits', async () => {
  const ended = new AbortController();
  const { write, read } = open(new Pace(0), ended.signal);
  write('waits');
  const reading = read().catch((error: unknown) => error);
  await turns(5);
  const reason = new Error('ended');
  ended.abort(reason);
  assert.is(await within(reading, 'an error'), reason);
});

test.run();
