import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { onAbort } from '../../lib/job/signal-registry.ts';

const test = suite('signal registry');

test('calls everybody back once with the reason, but those who have taken it back', () => {
  const controller = new AbortController();
  const called: unknown[] = [];
  onAbort(controller.signal, (reason) => called.push(['a', reason]));
  const release = onAbort(controller.signal, () => called.push('b'));
  onAbort(controller.signal, () => called.push('c'));
  release();
  release();
  controller.abort('why');
  controller.abort('again');
  assert.equal(called, [['a', 'why'], 'c']);
});

test('a signal that is aborted already calls back at once', () => {
  const called: unknown[] = [];
  onAbort(AbortSignal.abort('early'), (reason) => called.push(reason))();
  assert.equal(called, ['early']);
});

test('one more after all were taken back is called as well', () => {
  const controller = new AbortController();
  onAbort(controller.signal, () => assert.unreachable())();
  let called = false;
  onAbort(controller.signal, () => {
    called = true;
  });
  controller.abort();
  assert.ok(called);
});

test('ten thousand callbacks on one signal are one listener: Node does not warn', async () => {
  const warnings: unknown[] = [];
  process.on('warning', (warning) => warnings.push(warning));
  const controller = new AbortController();
  const releases = Array.from({ length: 10_000 }, () => onAbort(controller.signal, () => {}));
  await new Promise((resolve) => setImmediate(resolve));
  for (const release of releases) release();
  assert.equal(warnings, []);
});
test.run();
