import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LinkOptions, resolveLink } from '../../lib/testing/link.ts';
import { throws } from '../support/check.ts';

const test = suite('testing · link');

test('what is left out has its default', () => {
  const { bufferSize, chunkSize, latency, bytesPerSecond, alter, tap } = resolveLink({});
  assert.equal([bufferSize, chunkSize(1e9), latency(), bytesPerSecond], [65_536, 65_536, 0, Number.POSITIVE_INFINITY]);
  assert.is(alter(new Uint8Array(1), 0), undefined);
  assert.is(tap(new Uint8Array(1)), undefined);
});

test('what is undefined has its default too', () => {
  const options = { bufferSize: undefined, chunkSize: undefined, latency: undefined } as unknown as LinkOptions;
  const { bufferSize, chunkSize, latency } = resolveLink(options);
  assert.equal([bufferSize, chunkSize(1), latency()], [65_536, 65_536, 0]);
});

test('at a rate chunks are of a tenth of a second, at least a byte and at most 65,536', () => {
  for (const [bytesPerSecond, size] of [
    [1, 1],
    [15, 1],
    [1000, 100],
    [1e9, 65_536],
  ] as const)
    assert.is(resolveLink({ bytesPerSecond }).chunkSize(1e9), size);
  assert.is(resolveLink({ bytesPerSecond: 1000, chunkSize: 7 }).chunkSize(1e9), 7);
});

test('a function is asked each time, and when it gives no number the default holds', () => {
  let latest = 0;
  const { chunkSize, latency } = resolveLink({
    chunkSize: (available) => available - ++latest,
    latency: () => (latest === 1 ? Number.NaN : latest),
  });
  assert.equal([chunkSize(10), latency(), chunkSize(10), latency()], [9, 0, 8, 2]);
});

test('an option that makes no sense is refused', () => {
  const wrong: readonly [LinkOptions, RegExp][] = [
    [{ bufferSize: 0 }, /bufferSize/],
    [{ bufferSize: Number.POSITIVE_INFINITY }, /bufferSize/],
    [{ chunkSize: 0.5 }, /chunkSize/],
    [{ chunkSize: -1 }, /chunkSize/],
    [{ latency: -1 }, /latency/],
    [{ latency: Number.POSITIVE_INFINITY }, /latency/],
    [{ bytesPerSecond: 0 }, /bytesPerSecond/],
    [{ bytesPerSecond: Number.NaN }, /bytesPerSecond/],
  ];
  for (const [options, message] of wrong) throws(() => resolveLink(options), RangeError, message);
});

test('an option that is no function where one belongs, or that does not exist, is a TypeError', () => {
  throws(() => resolveLink({ tap: 1 } as unknown as LinkOptions), TypeError, /tap/);
  throws(() => resolveLink({ alter: 'x' } as unknown as LinkOptions), TypeError, /alter/);
  throws(() => resolveLink({ delay: 1 } as unknown as LinkOptions), TypeError, /"delay"/);
});

test.run();
