// TLS handshakes of accepted connections, by hand.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DenoTlsConn } from '../../lib/adapter/deno-api.ts';
import { DenoHandshakes } from '../../lib/adapter/deno-handshakes.ts';
import type { TlsFacts } from '../../lib/job/session.ts';
import { TestClock } from '../support/clock.ts';
import { denoError, FakeConn } from '../support/fake-conn.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns } from '../support/until.ts';

class Handshaking extends FakeConn implements DenoTlsConn {
  succeed: (alpnProtocol: string | null) => void = () => {};
  fail: (error: Error) => void = () => {};

  handshake(): Promise<{ readonly alpnProtocol: string | null }> {
    return new Promise((resolve, reject) => {
      this.succeed = (alpnProtocol) => resolve({ alpnProtocol });
      this.fail = reject;
    });
  }

  override close(): void {
    super.close();
    this.fail(denoError('Interrupted'));
  }
}

function make(maxHandshakes = 10): { clock: TestClock; handshakes: DenoHandshakes; done: [DenoTlsConn, TlsFacts][] } {
  const clock = new TestClock();
  const done: [DenoTlsConn, TlsFacts][] = [];
  const options = { clock, handshakeTimeout: 1000, maxHandshakes };
  return { clock, handshakes: new DenoHandshakes(options, (...each) => done.push(each)), done };
}

const test = suite('deno-handshakes');

test('one that succeeds is handed on once, with what ALPN has chosen', async () => {
  const { clock, handshakes, done } = make();
  const conn = new Handshaking();
  handshakes.add(conn);
  assert.is(handshakes.size, 1);
  conn.succeed('http/1.1');
  await turns(2);
  assert.is(done[0]?.[0], conn);
  assert.equal(done[0]?.[1], {
    protocol: '',
    cipher: '',
    alpnProtocol: 'http/1.1',
    serverName: '',
    isAuthorized: false,
  });
  await clock.turn(5000);
  handshakes.stop();
  assert.is(conn.isClosed, false);
  assert.is(handshakes.size, 0);
});

test('one that fails is closed, and nobody hears of it', async () => {
  const { handshakes, done } = make();
  const conn = new Handshaking();
  handshakes.add(conn);
  conn.fail(denoError('InvalidData'));
  await turns(2);
  assert.is(conn.isClosed, true);
  assert.equal(done, []);
});

test('one that takes too long is cut, and is not handed on when it succeeds nevertheless', async () => {
  const { clock, handshakes, done } = make();
  const conn = new Handshaking();
  handshakes.add(conn);
  await clock.turn(999);
  assert.is(conn.isClosed, false);
  const { succeed } = conn;
  await clock.turn(1);
  assert.is(conn.isClosed, true);
  succeed(null);
  await turns(2);
  assert.equal(done, []);
});

test('beyond the most of them the oldest is cut', async () => {
  const { handshakes } = make(3);
  const conns = Array.from({ length: 5 }, () => new Handshaking());
  for (const conn of conns) handshakes.add(conn);
  await turns(2);
  assert.equal(
    conns.map((conn) => conn.isClosed),
    [true, true, false, false, false],
  );
  handshakes.stop();
  await turns(2);
  assert.ok(conns.every((conn) => conn.isClosed));
});

test.after(() => assertNothingEscaped());
test.run();
