import { Readable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readInput } from '../../lib/cli/input.ts';
import { InputError } from '../../lib/cli/line-splitter.ts';
import { rejects } from '../support/check.ts';

const test = suite('input');

const text = { isBinary: false, maxLength: 100 };

async function collect(messages: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

test('lines are messages, whatever chunks they come in, the last one without its end too', async () => {
  const stream = Readable.from([Buffer.from('a\nb'), Buffer.from('c\nd')], { objectMode: false });
  assert.equal(await collect(readInput(stream, text)), ['a', 'bc', 'd']);
});

test('chunks are messages where they are binary', async () => {
  const stream = Readable.from([Buffer.from('a\nb'), Buffer.of(255)], { objectMode: false });
  const messages = await collect(readInput(stream, { isBinary: true, maxLength: 1 }));
  assert.equal(messages, [Buffer.from('a\nb'), Buffer.of(255)]);
});

test('no more is read than is taken', async () => {
  let given = 0;
  const stream = new Readable({
    highWaterMark: 2,
    read() {
      given++;
      this.push('y\n');
    },
  });
  const input = readInput(stream, text);
  const messages = input[Symbol.asyncIterator]();
  for (let count = 0; count < 10; count++) assert.equal(await messages.next(), { value: 'y', done: false });
  assert.ok(given < 20, String(given));
  input.stop();
  assert.ok(stream.destroyed);
});

test('a stream that fails is an InputError behind what has come', async () => {
  const stream = new Readable({ read() {} });
  stream.push('a\nb');
  const messages = readInput(stream, text)[Symbol.asyncIterator]();
  assert.equal(await messages.next(), { value: 'a', done: false });
  stream.destroy(new Error('EISDIR: it is a folder'));
  await rejects(messages.next(), InputError, /^cannot read standard input: EISDIR/);
});

test.run();
