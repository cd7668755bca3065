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

const isBun = 'Bun' in globalThis;

/** What arrays a use of `new Array` has made, as long as they live. */
function arraysMadeIn(use: () => void): WeakRef<unknown[]>[] {
  const { Array: Own } = globalThis;
  const made: WeakRef<unknown[]>[] = [];
  globalThis.Array = new Proxy(Own, {
    construct(target, parameters) {
      const array = Reflect.construct(target, parameters) as unknown[];
      made.push(new WeakRef(array));
      return array;
    },
  });
  try {
    use();
  } finally {
    globalThis.Array = Own;
  }
  return made;
}

test('whatever sizes are asked for, the ballast is what they are due: about one for 128 KiB, and none in Bun', () => {
  const long = arraysMadeIn(() => {
    for (let count = 0; count < 100; count++) allocate(250_000);
  });
  assert.ok(isBun ? long.length === 0 : long.length > 50 && long.length <= 100, `${long.length} for those of 250 kB`);
  const short = arraysMadeIn(() => {
    for (let count = 0; count < 640; count++) allocate(2048);
  });
  assert.ok(isBun ? short.length === 0 : short.length >= 9 && short.length <= 11, `${short.length} for 1.25 MiB`);
});

test('nothing keeps the ballast alive, which would survive each collection', async () => {
  const made = arraysMadeIn(() => {
    for (let count = 0; count < 640; count++) copyOf(new Uint8Array(2048), 0, 2048);
  });
  // What a WeakRef points to stays alive until the end of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc?.();
  for (const array of made) assert.is(array.deref(), undefined);
});

test.run();
