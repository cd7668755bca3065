import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OutputQueue, Slab } from '../../lib/bytes/output-queue.ts';
import { KiB } from '../support/deliver-drip.ts';
import { hex, join, toHex } from '../support/hex.ts';
import { seed } from '../support/random.ts';

const test = suite('output-queue');

const ALL = Number.MAX_SAFE_INTEGER;

/** Queues a small frame. */
function write(queue: OutputQueue, bytes: Uint8Array, overhead = 0): void {
  // An encoder reserves what a frame may need at most.
  queue.reserve(bytes.byteLength * 3);
  queue.slab.bytes.set(bytes, queue.slab.position);
  queue.commit(bytes.byteLength, overhead);
}

function take(queue: OutputQueue, size = ALL): string[] {
  const pieces: Uint8Array[] = [];
  queue.take(size, pieces);
  return pieces.map(toHex);
}

// --- The slab ------------------------------------------------------------------------------------------------------

test('a slab has no buffer before the first byte is wanted', () => {
  assert.is(new Slab().bytes.byteLength, 0);
});

test('a slab gives one buffer out front to back and then takes another', () => {
  const slab = new Slab();
  slab.reserve(10);
  const first = slab.bytes;
  assert.is(first.byteLength, 32 * KiB);
  slab.position = first.byteLength - 10;
  slab.reserve(10);
  assert.is(slab.bytes, first, 'exactly as many bytes are free');
  slab.reserve(11);
  assert.is.not(slab.bytes, first);
  assert.is(slab.position, 0);
});

test('a slab takes a buffer as large as is wanted', () => {
  const slab = new Slab();
  slab.reserve(100 * KiB);
  assert.is(slab.bytes.byteLength, 100 * KiB);
});

// --- The queue -----------------------------------------------------------------------------------------------------

test('is empty and weighs nothing at first', () => {
  const queue = new OutputQueue(new Slab());
  assert.ok(queue.isEmpty);
  assert.is(queue.weight, 0);
  assert.equal(take(queue), []);
});

test('gathers small frames in one piece', () => {
  const queue = new OutputQueue(new Slab());
  for (const bytes of ['01', '02 03', '04']) write(queue, hex(bytes));
  assert.not(queue.isEmpty);
  assert.equal(take(queue), ['01 02 03 04']);
  assert.ok(queue.isEmpty);
});

test('gives a large payload as it is, behind its header and before what follows', () => {
  const queue = new OutputQueue(new Slab());
  const payload = hex('aa bb cc');
  write(queue, hex('01'));
  write(queue, hex('02'));
  queue.appendPayload(payload);
  write(queue, hex('03'));
  const pieces: Uint8Array[] = [];
  queue.take(ALL, pieces);
  assert.equal(pieces.map(toHex), ['01 02', 'aa bb cc', '03']);
  assert.is(pieces[1], payload);
});

test('weighs the bytes of each frame and its overhead, and take returns the weight of what it took', () => {
  const queue = new OutputQueue(new Slab());
  write(queue, hex('01 02'), 64);
  assert.is(queue.weight, 66);
  write(queue, hex('03'), 64);
  queue.appendPayload(new Uint8Array(1000));
  assert.is(queue.weight, 66 + 65 + 1000);
  assert.is(queue.take(ALL, []), 66 + 65 + 1000);
  assert.is(queue.weight, 0);
  assert.is(queue.take(ALL, []), 0);
});

test('never parts a payload from its header', () => {
  for (const size of [1, 2, 3, 100, 1001]) {
    const queue = new OutputQueue(new Slab());
    write(queue, hex('01 02'), 64);
    queue.appendPayload(new Uint8Array(1000));
    write(queue, hex('03'), 64);
    const pieces: Uint8Array[] = [];
    assert.is(queue.take(size, pieces), 1066, `size ${size}`);
    assert.equal(
      pieces.map((piece) => piece.byteLength),
      [2, 1000],
    );
    assert.is(queue.weight, 65);
    assert.equal(take(queue), ['03']);
  }
});

test('takes nothing when no byte is asked for', () => {
  const queue = new OutputQueue(new Slab());
  write(queue, hex('01'), 64);
  assert.is(queue.take(0, []), 0);
  assert.is(queue.weight, 65);
  assert.equal(take(queue), ['01']);
});

test('gives what is written after a take as a piece of its own', () => {
  const queue = new OutputQueue(new Slab());
  write(queue, hex('01'));
  assert.equal(take(queue), ['01']);
  write(queue, hex('02'));
  write(queue, hex('03'));
  assert.equal(take(queue), ['02 03']);
});

test('is empty after clear, and can be used again', () => {
  const queue = new OutputQueue(new Slab());
  write(queue, hex('01'), 64);
  queue.appendPayload(new Uint8Array(10));
  write(queue, hex('02'), 64);
  queue.clear();
  assert.ok(queue.isEmpty);
  assert.is(queue.weight, 0);
  assert.equal(take(queue), []);
  write(queue, hex('03'), 64);
  assert.is(queue.weight, 65);
  assert.equal(take(queue), ['03']);
});

test('is not empty only because bytes have been reserved', () => {
  const queue = new OutputQueue(new Slab());
  queue.reserve(10);
  assert.equal(take(queue), []);
  assert.ok(queue.isEmpty);
});

test('goes on in a new buffer when the slab is full, with no byte lost or moved', () => {
  const queue = new OutputQueue(new Slab());
  const frames = Array.from({ length: 100 }, (_, index) => new Uint8Array(900).fill(index));
  for (const frame of frames) write(queue, frame);
  const pieces: Uint8Array[] = [];
  queue.take(ALL, pieces);
  assert.ok(pieces.length > 1 && pieces.length < 10, `${pieces.length} pieces`);
  assert.ok(Buffer.compare(join(...pieces), join(...frames)) === 0);
});

test('never mixes the bytes of two queues that share a slab', () => {
  const slab = new Slab();
  const left = new OutputQueue(slab);
  const right = new OutputQueue(slab);
  for (const byte of ['01', '02']) {
    write(left, hex(byte));
    write(right, hex(`f${byte[1]}`));
    write(right, hex(`f${byte[1]}`));
  }
  assert.equal(take(left), ['01', '02']);
  assert.equal(take(right), ['f1 f1', 'f2 f2']);
});

test('gathers in one piece again what one queue writes without another between', () => {
  const slab = new Slab();
  const left = new OutputQueue(slab);
  const right = new OutputQueue(slab);
  write(left, hex('01'));
  write(right, hex('f1'));
  write(left, hex('02'));
  write(left, hex('03'));
  assert.equal(take(left), ['01', '02 03']);
});

test('what was taken stays as it is, whatever is written afterwards', () => {
  const slab = new Slab();
  const queues = [new OutputQueue(slab), new OutputQueue(slab)] as const;
  write(queues[0], hex('01 02 03'));
  const pieces: Uint8Array[] = [];
  queues[0].take(ALL, pieces);
  for (let count = 0; count < 200; count++) {
    for (const queue of queues) {
      write(queue, new Uint8Array(1000).fill(0xff));
      queue.take(ALL, []);
    }
  }
  assert.equal(pieces.map(toHex), ['01 02 03']);
});

// --- Properties ----------------------------------------------------------------------------------------------------

interface Step {
  readonly queue: 0 | 1;
  readonly kind: 'small' | 'large' | 'take';
  readonly size: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    queue: fc.constantFrom(0 as const, 1 as const),
    kind: fc.constantFrom('small' as const, 'small' as const, 'large' as const, 'take' as const),
    size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12_000 })),
  }),
  { maxLength: 300, size: 'max' },
);

test('gives all bytes in their order, whole frames at a time, with the right weights, in whatever sizes it is taken', () => {
  const property = fc.property(steps, (list) => {
    const slab = new Slab();
    const sides = [0, 1].map(() => ({
      queue: new OutputQueue(slab),
      frames: [] as Uint8Array[],
      taken: [] as Uint8Array[],
      copies: [] as Uint8Array[],
      weight: 0,
    }));
    const takeFrom = (side: (typeof sides)[number], size: number): void => {
      const pieces: Uint8Array[] = [];
      const before = side.queue.weight;
      const weight = side.queue.take(size, pieces);
      assert.is(before - side.queue.weight, weight);
      side.weight += weight;
      side.taken.push(...pieces);
      side.copies.push(...pieces.map((piece) => piece.slice()));
      const bytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
      assert.ok(bytes >= size || side.queue.isEmpty, 'as many as were asked for, or all');
      // A boundary between two frames: the bytes so far are those of the first so many frames.
      let left = side.taken.reduce((sum, piece) => sum + piece.byteLength, 0);
      for (const frame of side.frames) if (left > 0) left -= frame.byteLength;
      assert.is(left, 0, 'no frame is cut');
    };
    for (const [index, { queue, kind, size }] of list.entries()) {
      const side = sides[queue] as (typeof sides)[number];
      if (kind === 'take') {
        takeFrom(side, size);
        continue;
      }
      const frame = new Uint8Array(size + 2).fill(index);
      side.frames.push(frame);
      write(side.queue, kind === 'small' ? frame : frame.subarray(0, 2), 64);
      if (kind === 'large') side.queue.appendPayload(frame.subarray(2));
    }
    for (const side of sides) {
      takeFrom(side, ALL);
      assert.ok(side.queue.isEmpty);
      assert.is(side.queue.weight, 0);
      const all = join(...side.frames);
      assert.is(side.weight, all.byteLength + 64 * side.frames.length);
      assert.ok(Buffer.compare(join(...side.taken), all) === 0, 'all bytes, in order');
      assert.ok(Buffer.compare(join(...side.copies), all) === 0, 'what was taken has not changed since');
    }
  });
  fc.assert(property, { seed, numRuns: 100 });
});

test.run();
