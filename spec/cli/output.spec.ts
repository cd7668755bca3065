import { Writable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Output, type OutputOwner } from '../../lib/cli/output.ts';
import { turns, until } from '../support/until.ts';

const test = suite('output');

// So much is written at once.
const MUCH = 'x'.repeat(64 * 1024);

type Callback = (error?: Error | null) => void;

/** A stream whose reader takes when the test says so. */
class Reader {
  readonly stream: Writable;
  readonly told: string[] = [];
  readonly output: Output;
  readonly chunks: string[] = [];
  #done: Callback[] = [];

  constructor({ isThrowing = false, isGathering = true } = {}) {
    this.stream = new Writable({
      highWaterMark: 8,
      write: (chunk: Buffer, _encoding, callback) => {
        if (isThrowing) throw new Error('ENOSPC');
        this.chunks.push(chunk.toString());
        this.#done.push(callback);
      },
    });
    const owner: OutputOwner = {
      heldUp: () => this.told.push('held up'),
      released: () => this.told.push('released'),
      broken: (error) => this.told.push(`broken ${error?.message}`),
    };
    this.output = new Output(this.stream, owner, isGathering);
  }

  take(error?: Error): void {
    this.#done.shift()?.(error);
  }
}

test('what has room is written in one go at the end of the turn', async () => {
  const { output, chunks, told } = new Reader();
  for (const chunk of ['a', 'ü', Uint8Array.of(98), 'c']) await output.write(chunk);
  assert.equal(chunks, []);
  await turns(2);
  assert.equal(chunks, ['aübc']);
  assert.equal(told, []);
});

test('what is much is written without waiting for the end of the turn', () => {
  const { output, chunks } = new Reader();
  void output.write('a');
  void output.write(MUCH);
  assert.equal(chunks, [`a${MUCH}`]);
});

test('where nothing is gathered each is written where it comes', () => {
  const { output, chunks } = new Reader({ isGathering: false });
  void output.write('a');
  assert.equal(chunks, ['a']);
});

test('a slow reader holds the writer up, and is told of both', async () => {
  const reader = new Reader();
  let isWritten = false;
  const writing = reader.output.write(MUCH).then(() => {
    isWritten = true;
  });
  await until(() => reader.chunks.length === 1, 'the write');
  await turns(3);
  assert.equal([isWritten, ...reader.told], [false, 'held up']);
  reader.take();
  await writing;
  assert.equal(reader.told, ['held up', 'released']);
});

test('a reader that goes away is no error, and who waits goes on', async () => {
  const reader = new Reader();
  const writing = reader.output.write(MUCH);
  await until(() => reader.chunks.length === 1, 'the write');
  reader.take(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  await writing;
  assert.equal(reader.told, ['held up', 'released', 'broken undefined']);
  await reader.output.write('more');
  assert.is(reader.chunks.length, 1);
});

test('another error is told once', async () => {
  const reader = new Reader();
  const writing = reader.output.write(MUCH);
  await until(() => reader.chunks.length === 1, 'the write');
  reader.take(new Error('EIO'));
  await writing;
  await turns(3);
  assert.equal(reader.told, ['held up', 'released', 'broken EIO']);
});

test('a stream that throws is broken', async () => {
  const reader = new Reader({ isThrowing: true });
  await reader.output.write('a');
  await until(() => reader.told.length > 0, 'it is told');
  assert.equal(reader.told, ['broken ENOSPC']);
});

test('abandoned, nobody waits and nothing is told', async () => {
  const reader = new Reader();
  const writing = reader.output.write(MUCH);
  reader.output.abandon();
  await writing;
  await reader.output.write('more');
  reader.stream.destroy(new Error('late'));
  await turns(3);
  assert.equal(reader.told, ['held up', 'released']);
});

test.run();
