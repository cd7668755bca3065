import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allocate, copyOf } from '../../lib/bytes/allocate.ts';
import { Random } from '../support/random.ts';

const test = suite('allocate');

const sizes = [0, 1, 64, 65, 4096, 8192, 262_143, 262_144, 262_145, 1_000_000];

for (const size of sizes) {
  test(`an array of ${size} bytes is a plain one, and all of its buffer is its own`, () => {
    const bytes = allocate(size);
    assert.is(bytes.constructor, Uint8Array);
    assert.is(bytes.byteLength, size);
    assert.is(bytes.byteOffset, 0);
    assert.is(bytes.buffer.byteLength, size, 'no pool of the platform is shown');
  });
}

test('a copy is of those bytes alone, and another one', () => {
  const random = new Random();
  const bytes = random.bytes(1_100_000);
  for (const size of sizes) {
    const start = random.below(bytes.byteLength - Math.min(size, bytes.byteLength - 1));
    const end = Math.min(bytes.byteLength, start + size);
    const copy = copyOf(bytes, start, end);
    assert.is(Buffer.compare(copy, bytes.subarray(start, end)), 0);
    assert.is.not(copy.buffer, bytes.buffer);
    assert.is(copy.constructor, Uint8Array);
  }
});

test('where the platform has no way to leave memory as it is, it is filled with zeros', () => {
  const { Buffer } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, 'Buffer');
    assert.ok(allocate(300_000).every((byte) => byte === 0));
    assert.equal([...copyOf(Uint8Array.of(1, 2, 3), 1, 3)], [2, 3]);
  } finally {
    globalThis.Buffer = Buffer;
  }
});

test('whatever sizes are asked for, the ballast is what they are due: about one for 128 KiB', () => {
  const { Array: Own } = globalThis;
  let made = 0;
  globalThis.Array = new Proxy(Own, {
    construct(target, parameters) {
      made++;
      return Reflect.construct(target, parameters);
    },
    // Bun leaves the `new` away.
    apply(target, self, parameters) {
      made++;
      return Reflect.apply(target, self, parameters);
    },
  });
  try {
    for (let count = 0; count < 100; count++) allocate(250_000);
    assert.ok(made <= 100, `${made} for those of 250 kB`);
    made = 0;
    for (let count = 0; count < 640; count++) allocate(2048);
    assert.ok(made >= 9 && made <= 11, `${made} for 1.25 MiB`);
  } finally {
    globalThis.Array = Own;
  }
});

test.run();
