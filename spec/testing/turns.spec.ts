import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { turns } from '../../lib/testing/turns.ts';

const test = suite('testing · turns');

test('in each turn what the event loop had ready has happened, and what that made ready', async () => {
  const log: string[] = [];
  setImmediate(() => {
    log.push('first');
    Promise.resolve().then(() => log.push('its microtask'));
    setImmediate(() => log.push('second'));
  });
  await turns(1);
  assert.equal(log, ['first', 'its microtask']);
  await turns(1);
  assert.equal(log, ['first', 'its microtask', 'second']);
});

test('timers that a test has faked do not stop it', async () => {
  const { setImmediate: original } = globalThis;
  globalThis.setImmediate = (() => {}) as unknown as typeof setImmediate;
  try {
    await turns();
  } finally {
    globalThis.setImmediate = original;
  }
  assert.is(globalThis.setImmediate, original);
});

test.run();
