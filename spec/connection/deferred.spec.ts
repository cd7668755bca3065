import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Deferred, markHandled, Once } from '../../lib/connection/deferred.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('deferred');

test('is settled from outside, and its rejection is seen by whoever awaits it, and by nobody else', async () => {
  const fulfilled = new Deferred<number>();
  fulfilled.resolve(1);
  assert.is(await fulfilled.promise, 1);
  const rejected = new Deferred<void>();
  rejected.reject(new RangeError('no'));
  const marked = markHandled(Promise.reject(new RangeError('no')));
  await turns();
  await rejects(rejected.promise, RangeError);
  await rejects(marked, RangeError);
  assert.equal(seen, []);
});
test('Once starts one task, and gives its promise to whoever asks, from inside the task too', async () => {
  const once = new Once<number>();
  let inside: Promise<number> | undefined;
  let started = 0;
  const task = async (): Promise<number> => {
    started++;
    inside = once.run(task);
    return 7;
  };
  const first = once.run(task);
  assert.is(once.run(task), first);
  assert.is(inside, first);
  assert.equal([await first, started], [7, 1]);
});
test.run();
