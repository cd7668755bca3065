// How much memory bytes take that wait: a drip of single ones, and small parts of large chunks.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteQueue } from '../../lib/bytes/byte-queue.ts';
import { KiB, MiB, retainedBy } from '../support/deliver-drip.ts';

const test = suite('byte-queue · memory');

test('keeps a million single bytes in little more than a million bytes', () => {
  const piece = Uint8Array.of(7);
  const retained = retainedBy(() => {
    const queue = new ByteQueue();
    for (let count = 0; count < MiB; count++) queue.append(piece);
    assert.is(queue.length, MiB);
    return queue;
  });
  assert.ok(retained < 2 * MiB, `${retained} bytes are kept`);
});

test('keeps no chunk alive of which it has kept a small part', () => {
  const retained = retainedBy(() => {
    const queue = new ByteQueue();
    for (let count = 0; count < 1000; count++) queue.append(new Uint8Array(64 * KiB), 5, 105);
    return queue;
  });
  assert.ok(retained < MiB, `${retained} bytes are kept for 100,000`);
});

for (const small of [1, 100]) {
  for (const large of [4 * KiB, 16 * KiB]) {
    test(`keeps pieces of ${small} and of ${large} bytes in turn in little more than their bytes`, () => {
      const tiny = new Uint8Array(small);
      const pairs = Math.ceil(MiB / (small + large));
      const retained = retainedBy(() => {
        const queue = new ByteQueue();
        for (let count = 0; count < pairs; count++) {
          queue.append(tiny);
          queue.append(new Uint8Array(large));
        }
        return queue;
      });
      assert.ok(retained < 2 * MiB, `${retained} bytes are kept for ${MiB}`);
    });
  }
}

test('allocates less than 1 KiB for a single byte', () => {
  const queues = Array.from({ length: 1000 }, () => new ByteQueue());
  const before = process.memoryUsage().arrayBuffers;
  for (const queue of queues) queue.append(Uint8Array.of(1));
  assert.ok(process.memoryUsage().arrayBuffers - before < 1000 * KiB);
});

test.run();
