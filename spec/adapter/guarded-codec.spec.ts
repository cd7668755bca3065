// The guard, around streams that play a part: what it hands to them, and what it makes of what they say. (Around those that do DEFLATE: the battery.)

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { guardCodec } from '../../lib/adapter/guarded-codec.ts';
import type { CodecStream, DeflateCodec } from '../../lib/extension/deflate-codec.ts';
import { throws } from '../support/check.ts';
import { usual } from '../support/codec-steps.ts';

const test = suite('adapter · guarded-codec');

type Run = (...args: Parameters<CodecStream['run']>) => boolean;

/** A stream that says 1, 2, 3 … up to a last number, and notes what it is asked for. */
class Counting implements CodecStream {
  read = 0;
  written = 0;
  readonly rooms: number[] = [];
  readonly calls: string[] = [];
  readonly #last: number;
  #next = 1;
  onRun: Run = () => true;

  constructor(last: number) {
    this.#last = last;
  }

  run(...args: Parameters<Run>): boolean {
    const [, start, end, output, from, to] = args;
    this.rooms.push(to - from);
    this.read = end - start;
    this.written = 0;
    while (this.#next <= this.#last && from + this.written < to) output[from + this.written++] = this.#next++;
    return this.onRun(...args);
  }

  reset(): void {
    this.calls.push('reset');
    this.#next = 1;
  }

  close(): void {
    this.calls.push('close');
  }
}

function guarded(counting: CodecStream): DeflateCodec {
  return guardCodec({ createDeflater: () => counting, createInflater: () => counting });
}

const input = new Uint8Array(10);

test('a deflater whose room is small is given one that is not, and what it writes is handed out as there is room', () => {
  for (const room of [1, 2, 3, 4, 5, 6]) {
    const counting = new Counting(150);
    const stream = guarded(counting).createDeflater(usual);
    const output = new Uint8Array(200);
    let from = 0;
    let read = 0;
    do {
      assert.ok(stream.run(input, read, 10, output, from, from + room));
      read += stream.read;
      from += stream.written;
      assert.is(output[from], 0);
    } while (stream.written === room);
    assert.is(read, 10);
    assert.equal(
      [...output.subarray(0, from)],
      Array.from({ length: 150 }, (_, index) => index + 1),
    );
    assert.ok(counting.rooms.every((it) => it >= 7));
  }
});

test('what is still to be handed out comes before what is written into a large room', () => {
  const counting = new Counting(40);
  const stream = guarded(counting).createDeflater(usual);
  const output = new Uint8Array(100);
  stream.run(input, 0, 10, output, 0, 3);
  assert.equal([stream.read, stream.written], [10, 3]);
  counting.onRun = (_, start, end) => start === 4 && end === 6;
  assert.ok(stream.run(input, 4, 6, output, 3, 90));
  assert.equal([stream.read, stream.written], [2, 37]);
  assert.equal([...output.subarray(0, 41)], [...Array.from({ length: 40 }, (_, index) => index + 1), 0]);
});

test('where what is still to be handed out fills the room, the stream is not called', () => {
  const counting = new Counting(40);
  const stream = guarded(counting).createDeflater(usual);
  const output = new Uint8Array(100);
  stream.run(input, 0, 10, output, 0, 3);
  for (const room of [0, 1, 10, 26]) {
    assert.ok(stream.run(input, 0, 10, output, 0, room));
    assert.equal([stream.read, stream.written], [0, room]);
  }
  assert.is(counting.rooms.length, 1);
});

test('an inflater is given any room but none at all', () => {
  const counting = new Counting(40);
  const stream = guarded(counting).createInflater({ windowBits: 15 });
  for (const room of [0, 1, 3, 6, 0, 7]) assert.ok(stream.run(input, 0, 10, new Uint8Array(10), 0, room));
  assert.equal(counting.rooms, [1, 3, 6, 7]);
  stream.run(input, 0, 10, new Uint8Array(10), 5, 5);
  assert.equal([stream.read, stream.written], [0, 0]);
});

test('an exception in a run is a run that gives false', () => {
  for (const room of [3, 50]) {
    const counting = new Counting(5);
    counting.onRun = () => {
      throw new Error('out of memory');
    };
    const stream = guarded(counting).createDeflater(usual);
    assert.is(stream.run(input, 0, 10, new Uint8Array(50), 0, room), false);
    counting.onRun = () => true;
    stream.reset();
    assert.is(stream.run(input, 0, 10, new Uint8Array(50), 0, 50), true);
    assert.is(stream.written, 5);
  }
});

test('of a run that gave false nothing is handed out, nor is anything of what was before a reset', () => {
  const counting = new Counting(20);
  const stream = guarded(counting).createDeflater(usual);
  const output = new Uint8Array(50);
  counting.onRun = () => false;
  assert.is(stream.run(input, 0, 10, output, 0, 3), false);
  counting.onRun = () => true;
  for (let round = 0; round < 2; round++) {
    stream.reset();
    stream.run(input, 0, 10, output, 0, 3);
    assert.equal([...output.subarray(0, 4)], [1, 2, 3, 0]);
  }
  assert.equal(counting.calls, ['reset', 'reset']);
});

test('a range that is none is refused before anything is read or written', () => {
  const counting = new Counting(20);
  for (const stream of [guarded(counting).createDeflater(usual), guarded(counting).createInflater(usual)]) {
    const bytes = new Uint8Array(10);
    for (const [start, end] of [
      [-1, 5],
      [0, 11],
      [6, 5],
      [Number.NaN, 5],
      [0, Number.NaN],
      [0, Number.POSITIVE_INFINITY],
    ] as const) {
      throws(() => stream.run(bytes, start, end, bytes, 0, 10), RangeError, /read/);
      throws(() => stream.run(bytes, 0, 10, bytes, start, end), RangeError, /write/);
    }
    const moved = new Uint8Array(10);
    structuredClone(moved, { transfer: [moved.buffer] });
    throws(() => stream.run(moved, 0, 10, bytes, 0, 10), RangeError, /read/);
    throws(() => stream.run(bytes, 0, 10, moved, 0, 10), RangeError, /write/);
  }
  assert.equal(counting.rooms, []);
});

test('options are integers in their ranges: a window of 8 bits is one for inflating alone (RFC 7692, section 7.1.2.1)', () => {
  const codec = guarded(new Counting(1));
  const ranges: readonly [name: string, least: number, most: number][] = [
    ['level', 0, 9],
    ['memoryLevel', 1, 9],
    ['windowBits', 9, 15],
  ];
  for (const [name, least, most] of ranges) {
    for (const value of [least, most]) codec.createDeflater({ ...usual, [name]: value });
    for (const value of [least - 1, most + 1, least + 0.5, Number.NaN, undefined, '9']) {
      throws(() => codec.createDeflater({ ...usual, [name]: value }), RangeError, new RegExp(name));
    }
  }
  for (const windowBits of [8, 15]) codec.createInflater({ windowBits });
  for (const windowBits of [7, 16, 8.5, Number.NaN]) {
    throws(() => codec.createInflater({ windowBits }), RangeError, /windowBits/);
  }
});

test('a stream is closed once, and then not called again', () => {
  const counting = new Counting(5);
  const stream = guarded(counting).createDeflater(usual);
  stream.close();
  stream.close();
  throws(() => stream.run(input, 0, 10, new Uint8Array(10), 0, 10), TypeError, /closed/);
  throws(() => stream.reset(), TypeError, /closed/);
  assert.equal(counting.calls, ['close']);
  assert.equal(counting.rooms, []);
});

test.run();
