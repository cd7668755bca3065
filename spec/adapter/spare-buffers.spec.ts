// Large buffers that connections have in turn: a bounded number, and never one for two.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { giveSpare, SPARE_SIZE, takeSpare } from '../../lib/adapter/spare-buffers.ts';

const test = suite('spare buffers');

test('as many as there are, and no more: then nobody is given one until one comes back', () => {
  const taken: Uint8Array[] = [];
  for (let next = takeSpare(); next !== undefined; next = takeSpare()) taken.push(next);
  assert.is(taken.length, 32);
  assert.is(new Set(taken.map(({ buffer }) => buffer)).size, 32);
  assert.ok(taken.every(({ byteLength }) => byteLength === SPARE_SIZE));
  const one = taken.pop() as Uint8Array;
  giveSpare(one);
  assert.is(takeSpare(), one);
  assert.is(takeSpare(), undefined);
  for (const buffer of [...taken, one]) giveSpare(buffer);
});

test.run();
