import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Edits } from '../../lib/testing/edits.ts';
import { throws } from '../support/check.ts';
import { count } from '../support/far-end.ts';

const test = suite('testing · edits');

/** Bytes 0 to 9 in pieces of every size: what becomes of them, which is always the same. */
function edit(change: (edits: Edits) => void): number[] {
  const results = [1, 2, 3, 4, 7, 10].map((size) => {
    const edits = new Edits();
    change(edits);
    const changed: number[] = [];
    for (let at = 0; at < 10; at += size) changed.push(...edits.apply(count(Math.min(size, 10 - at), at), at));
    return changed;
  });
  for (const result of results) assert.equal(result, results[0]);
  return results[0] as number[];
}

test('without an edit the bytes are the same bytes', () => {
  const bytes = count(10);
  const edits = new Edits();
  assert.is(edits.apply(bytes, 0), bytes);
  edits.flip(100, 1);
  assert.is(edits.apply(bytes, 10), bytes);
});

test('bits are flipped in one byte', () => {
  assert.equal(
    edit((edits) => edits.flip(3, 0x81)),
    [0, 1, 2, 0x82, 4, 5, 6, 7, 8, 9],
  );
});

test('bytes are replaced, put in and taken out at their place', () => {
  assert.equal(
    edit((edits) => edits.replace(2, Uint8Array.of(20, 30, 40))),
    [0, 1, 20, 30, 40, 5, 6, 7, 8, 9],
  );
  assert.equal(
    edit((edits) => edits.insert(0, Uint8Array.of(100, 101))),
    [100, 101, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(
    edit((edits) => edits.insert(4, Uint8Array.of(100, 101))),
    [0, 1, 2, 3, 100, 101, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(
    edit((edits) => edits.drop(7, 3)),
    [0, 1, 2, 3, 4, 5, 6],
  );
  assert.equal(
    edit((edits) => edits.drop(0, 10)),
    [],
  );
});

test('several edits hold, each at the place that it named', () => {
  const changed = edit((edits) => {
    edits.drop(1, 2);
    edits.insert(1, Uint8Array.of(50));
    edits.flip(2, 0xff);
    edits.flip(5, 0x01);
    edits.flip(5, 0x02);
    edits.insert(9, Uint8Array.of(60));
  });
  assert.equal(changed, [0, 50, 3, 4, 5 ^ 3, 6, 7, 8, 60, 9]);
});

test('an edit keeps its bytes, whatever becomes of the caller’s', () => {
  const bytes = Uint8Array.of(7, 7);
  const edits = new Edits();
  edits.replace(0, bytes);
  bytes.fill(9);
  assert.equal([...edits.apply(count(2), 0)], [7, 7]);
});

test('the given bytes are left as they are', () => {
  const bytes = count(4);
  const edits = new Edits();
  edits.flip(0, 0xff);
  edits.apply(bytes, 0);
  assert.equal([...bytes], [0, 1, 2, 3]);
});

test('an offset or a count that is none is refused', () => {
  const edits = new Edits();
  for (const offset of [-1, 0.5, Number.NaN]) {
    throws(() => edits.flip(offset, 1), RangeError, /no such offset/);
    throws(() => edits.insert(offset, count(1)), RangeError, /no such offset/);
  }
  throws(() => edits.drop(0, -1), RangeError, /-1 bytes/);
});

test.run();
