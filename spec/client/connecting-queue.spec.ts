// RFC 6455 §4.1 (2): one connection in a CONNECTING state for each host and port.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectingQueue } from '../../lib/client/connecting-queue.ts';
import { Deferred } from '../../lib/connection/deferred.ts';
import { rejects } from '../support/check.ts';
import { listenersOn } from '../support/left-behind.ts';
import { turns } from '../support/until.ts';

const test = suite('connecting queue (RFC 6455 §4.1 (2))');

/** Attempts that the test ends by hand, in the order in which they have begun. */
class Attempts {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, Deferred<string>>();

  begin(name: string): () => Promise<string> {
    return () => {
      this.begun.push(name);
      const end = new Deferred<string>();
      this.#ends.set(name, end);
      return end.promise;
    };
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.resolve(`${name} is open`);
    await turns(1);
  }

  async fail(name: string): Promise<void> {
    this.#ends.get(name)?.reject(new Error(`${name} failed`));
    await turns(1);
  }
}

const { signal } = new AbortController();

test('of one key one attempt goes on at a time, in their order; what it gives is given', async () => {
  const queue = new ConnectingQueue();
  const attempts = new Attempts();
  const all = ['a', 'b', 'c'].map((name) => queue.run('host:80', signal, attempts.begin(name)));
  assert.equal(attempts.begun, ['a'], 'the first begins at once');
  await turns(2);
  assert.equal(attempts.begun, ['a']);
  await attempts.end('a');
  assert.equal(attempts.begun, ['a', 'b']);
  await attempts.end('b');
  await attempts.end('c');
  assert.equal(await Promise.all(all), ['a is open', 'b is open', 'c is open']);
});

test('attempts to other hosts, and to other ports of the host, do not wait', async () => {
  const queue = new ConnectingQueue();
  const attempts = new Attempts();
  for (const key of ['host:80', 'host:81', 'other:80']) void queue.run(key, signal, attempts.begin(key));
  assert.equal(attempts.begun, ['host:80', 'host:81', 'other:80']);
  for (const key of attempts.begun) await attempts.end(key);
});

test('an attempt that fails, or throws, lets the next one begin', async () => {
  const queue = new ConnectingQueue();
  const attempts = new Attempts();
  const first = queue.run('host:80', signal, attempts.begin('a'));
  const second = queue.run('host:80', signal, () => {
    throw new RangeError('wrong');
  });
  const third = queue.run('host:80', signal, attempts.begin('c'));
  const failures = [rejects(first, Error, /a failed/), rejects(second, RangeError)];
  await attempts.fail('a');
  await Promise.all(failures);
  assert.equal(attempts.begun, ['a', 'c']);
  await attempts.end('c');
  assert.is(await third, 'c is open');
});

test('one that is given up while it waits never begins, and those behind it keep their order', async () => {
  const queue = new ConnectingQueue();
  const attempts = new Attempts();
  const controller = new AbortController();
  const first = queue.run('host:80', signal, attempts.begin('a'));
  const second = queue.run('host:80', controller.signal, attempts.begin('b'));
  const third = queue.run('host:80', signal, attempts.begin('c'));
  const reason = new Error('no longer wanted');
  controller.abort(reason);
  assert.is(await rejects(second, Error), reason, 'at once, not in its turn');
  assert.equal(attempts.begun, ['a']);
  await attempts.end('a');
  assert.equal(attempts.begun, ['a', 'c']);
  await attempts.end('c');
  await Promise.all([first, third]);
});

test('one that is given up in the moment in which it may begin passes its turn on', async () => {
  const queue = new ConnectingQueue();
  const attempts = new Attempts();
  const controller = new AbortController();
  const first = queue.run('host:80', signal, attempts.begin('a'));
  const second = queue.run('host:80', controller.signal, async () => {
    controller.signal.throwIfAborted();
    return attempts.begin('b')();
  });
  const third = queue.run('host:80', signal, attempts.begin('c'));
  const refused = rejects(second, DOMException);
  void first.then(() => controller.abort());
  await attempts.end('a');
  await refused;
  assert.equal(attempts.begun, ['a', 'c']);
  await attempts.end('c');
  await third;
});

test('one whose signal is aborted already never begins, and holds up nobody', async () => {
  const queue = new ConnectingQueue();
  const attempts = new Attempts();
  const refused = queue.run('host:80', AbortSignal.abort(new Error('before')), attempts.begin('a'));
  await rejects(refused, Error, /before/);
  void queue.run('host:80', signal, attempts.begin('b'));
  assert.equal(attempts.begun, ['b']);
  await attempts.end('b');
});

test('nothing is left behind: the key can be used anew, no listener hangs on a signal', async () => {
  const queue = new ConnectingQueue();
  const attempts = new Attempts();
  const controller = new AbortController();
  const all = ['a', 'b', 'c'].map((name) => queue.run('host:80', controller.signal, attempts.begin(name)));
  assert.is(listenersOn(controller.signal), 1, 'one for those that wait');
  for (const name of ['a', 'b', 'c']) await attempts.end(name);
  await Promise.all(all);
  assert.is(listenersOn(controller.signal), 0);
  void queue.run('host:80', signal, attempts.begin('d'));
  assert.equal(attempts.begun, ['a', 'b', 'c', 'd']);
  await attempts.end('d');
});

test.run();
