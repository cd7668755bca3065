// The loop that accepts, by hand: what goes wrong with one connection, and with the listening itself.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DenoConn, DenoListener } from '../../lib/adapter/deno-api.ts';
import { createDenoListen } from '../../lib/adapter/deno-listen.ts';
import type { Accepted, Listener } from '../../lib/adapter/listener.ts';
import { throws } from '../support/check.ts';
import { TestClock } from '../support/clock.ts';
import { denoError, FakeConn } from '../support/fake-conn.ts';
import { fakeDeno, installDeno } from '../support/fake-deno.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns } from '../support/until.ts';

class FakeListener implements DenoListener {
  readonly addr = { transport: 'tcp', hostname: '127.0.0.1', port: 4711 };
  accepts = 0;
  isClosed = false;
  #settle: ((outcome: DenoConn | Error) => void) | undefined;
  readonly #outcomes: (DenoConn | Error)[] = [];

  accept(): Promise<DenoConn> {
    this.accepts++;
    const next = this.#outcomes.shift();
    if (next instanceof Error) return Promise.reject(next);
    if (next !== undefined) return Promise.resolve(next);
    return new Promise((resolve, reject) => {
      this.#settle = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
    });
  }

  come(outcome: DenoConn | Error): void {
    const settle = this.#settle;
    this.#settle = undefined;
    if (settle === undefined) this.#outcomes.push(outcome);
    else settle(outcome);
  }

  close(): void {
    this.isClosed = true;
    this.come(denoError('BadResource'));
  }
}

interface Listening {
  readonly fake: FakeListener;
  readonly clock: TestClock;
  readonly listener: Listener;
  readonly accepted: Accepted[];
  readonly errors: unknown[];
}

async function listen(take: (accepted: Accepted) => void = () => {}): Promise<Listening> {
  const fake = new FakeListener();
  const remove = installDeno({ ...fakeDeno, listen: () => fake as never });
  const clock = new TestClock();
  const accepted: Accepted[] = [];
  const errors: unknown[] = [];
  const listener = await createDenoListen({ handshakeTimeout: 1, maxHandshakes: 1, clock })(
    (each) => {
      accepted.push(each);
      take(each);
    },
    (error) => errors.push(error),
  );
  remove();
  return { fake, clock, listener, accepted, errors };
}

const test = suite('deno-listen');

test('connections are told with their addresses, one after the other', async () => {
  const { fake, listener, accepted, errors } = await listen();
  assert.is(listener.host, '127.0.0.1');
  assert.is(listener.port, 4711);
  for (let index = 0; index < 3; index++) fake.come(new FakeConn());
  await turns(3);
  assert.is(accepted.length, 3);
  assert.is(accepted[0]?.localAddress, '127.0.0.1');
  assert.is(accepted[0]?.remoteAddress, '127.0.0.2');
  assert.equal(errors, []);
  await listener.close();
});

test('a connection that was gone before it was taken is passed by, at once and in silence', async () => {
  const { fake, listener, accepted, errors } = await listen();
  fake.come(denoError('ConnectionAborted'));
  fake.come(denoError('ConnectionReset'));
  fake.come(new FakeConn());
  await turns(3);
  assert.is(accepted.length, 1);
  assert.equal(errors, []);
  await listener.close();
});

test('while nothing can be accepted it is tried less and less often, told once, and goes on in the end', async () => {
  const { fake, clock, listener, accepted, errors } = await listen();
  for (let index = 0; index < 20; index++) fake.come(denoError('TooManyOpenFiles'));
  await turns(2);
  assert.is(fake.accepts, 1);
  for (const wait of [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]) {
    const before = fake.accepts;
    await clock.turn(wait - 1);
    await turns(2);
    assert.is(fake.accepts, before, `not before ${wait} ms`);
    await clock.turn(1);
    await turns(2);
    assert.is(fake.accepts, before + 1);
  }
  assert.is(errors.length, 1);
  for (let index = 0; index < 20; index++) {
    await clock.turn(1000);
    await turns(2);
  }
  fake.come(new FakeConn());
  await turns(2);
  assert.is(accepted.length, 1);
  fake.come(denoError('TooManyOpenFiles'));
  await turns(2);
  assert.is(errors.length, 2, 'told again, since it had gone well meanwhile');
  await listener.close();
});

test('a close ends the wait for better times', async () => {
  const { fake, listener } = await listen();
  fake.come(denoError('TooManyOpenFiles'));
  await turns(2);
  await listener.close();
  assert.is(fake.isClosed, true);
  assert.is(fake.accepts, 1);
});

test('whoever is told throws: that connection is closed, and the next one is accepted', async () => {
  const { fake, listener, accepted, errors } = await listen(() => {
    throw new RangeError('a bug');
  });
  const first = new FakeConn();
  fake.come(first);
  await turns(2);
  fake.come(new FakeConn());
  await turns(2);
  assert.is(first.isClosed, true);
  assert.is(accepted.length, 2);
  assert.is(errors.length, 2);
  await listener.close();
});

test('a connection that comes behind the close is closed; a second close waits for the same end', async () => {
  const { fake, listener, accepted } = await listen();
  const late = new FakeConn();
  await turns(2);
  fake.come(late);
  const closing = Promise.all([listener.close(), listener.close()]);
  await closing;
  assert.is(late.isClosed, true);
  assert.equal(accepted, []);
});

test('TLS options that Deno has not are refused', () => {
  const remove = installDeno();
  const base = { handshakeTimeout: 1, maxHandshakes: 1 };
  throws(() => createDenoListen({ ...base, tls: { cert: 'x', key: 'y', ca: 'z' } as never }), TypeError, /"ca"/);
  throws(() => createDenoListen({ ...base, tls: { cert: 'x' } as never }), TypeError, /key/);
  throws(() => createDenoListen({ ...base, tls: { cert: 'x', key: 'y' }, socketPath: '/x' }), TypeError);
  remove();
  throws(() => createDenoListen(base), TypeError, /no sockets of Deno/);
});

test.after(() => assertNothingEscaped());
test.run();
