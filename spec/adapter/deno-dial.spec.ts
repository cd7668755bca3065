// Dialling with Deno, by hand: what comes late, what is aborted, what Deno cannot do. spec/runtimes/deno/connect.ts has the rest.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DenoApi, DenoConn, DenoTlsConn } from '../../lib/adapter/deno-api.ts';
import { checkTarget, checkTlsOptions, dialDeno } from '../../lib/adapter/deno-dial.ts';
import { parseTarget } from '../../lib/client/target.ts';
import { rejects, throws } from '../support/check.ts';
import { denoError, FakeConn } from '../support/fake-conn.ts';
import { fakeDeno, installDeno } from '../support/fake-deno.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { turns } from '../support/until.ts';

/** A connection whose handshake is the test. */
class TlsConn extends FakeConn implements DenoTlsConn {
  succeed: () => void = () => {};
  fail: (error: Error) => void = () => {};

  handshake(): Promise<{ readonly alpnProtocol: string | null }> {
    if (this.isClosed) return Promise.reject(denoError('BadResource'));
    return new Promise((resolve, reject) => {
      this.succeed = () => resolve({ alpnProtocol: 'http/1.1' });
      this.fail = reject;
    });
  }

  override close(): void {
    super.close();
    this.fail(denoError('Interrupted'));
  }
}

/** A Deno in which each step waits for the test. */
class SlowDeno {
  readonly asked: { readonly name: string; readonly options: Record<string, unknown> }[] = [];
  readonly plain = new FakeConn();
  readonly secured = new TlsConn();
  connected: (outcome: DenoConn | Error) => void = () => {};
  started: (outcome: DenoConn | Error) => void = () => {};
  readonly remove: () => void;

  constructor() {
    const wait = (name: string, options: unknown, keep: 'connected' | 'started') => {
      this.asked.push({ name, options: options as Record<string, unknown> });
      return new Promise<never>((resolve, reject) => {
        this[keep] = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome as never));
      });
    };
    const api: DenoApi = {
      ...fakeDeno,
      connect: (options: unknown) => wait('connect', options, 'connected'),
      connectTls: (options) => wait('connectTls', options, 'connected'),
      startTls: (_, options) => wait('startTls', options, 'started'),
    };
    this.remove = installDeno(api);
  }
}

const test = suite('deno-dial');
let deno: SlowDeno;
test.before.each(() => {
  deno = new SlowDeno();
});
test.after.each(() => deno.remove());
test.after(() => assertNothingEscaped());

const plain = parseTarget('ws://example.com/');
const secure = parseTarget('wss://example.com/');
const reason = new RangeError('enough');

test('a connection is dialled with host and port, and stands for its transport', async () => {
  const dialling = dialDeno(parseTarget('ws://[::1]:8080/'), {}, new AbortController().signal);
  deno.connected(deno.plain);
  const { transport, remoteAddress, tls } = await dialling;
  assert.is(deno.asked[0]?.options['hostname'], '::1');
  assert.is(deno.asked[0]?.options['port'], 8080);
  assert.is(remoteAddress, '127.0.0.2');
  assert.is(tls, undefined);
  transport.destroy();
  assert.is(deno.plain.isClosed, true);
});

test('a signal that is aborted already dials nothing', async () => {
  await rejects(dialDeno(plain, {}, AbortSignal.abort(reason)), RangeError);
  await rejects(dialDeno(secure, { cert: 'x', key: 'y' }, AbortSignal.abort(reason)), RangeError);
  await rejects(dialDeno(parseTarget('ws+unix:/x'), {}, AbortSignal.abort(reason)), RangeError);
  assert.equal(deno.asked, []);
});

test('a connection that comes behind the abort is closed, over each way', async () => {
  for (const [target, tls] of [
    [plain, {}],
    [secure, { cert: 'x', key: 'y' }],
    [parseTarget('ws+unix:/x'), {}],
  ] as const) {
    const abort = new AbortController();
    const dialling = dialDeno(target, tls, abort.signal);
    await turns(1);
    abort.abort(reason);
    await rejects(dialling, RangeError);
    const late = new TlsConn();
    deno.connected(late);
    await turns(1);
    assert.is(late.isClosed, true);
  }
});

test('the signal that Deno is given is aborted with the attempt, and never behind it', async () => {
  const abort = new AbortController();
  const dialling = dialDeno(plain, {}, abort.signal);
  const given = deno.asked[0]?.options['signal'] as AbortSignal;
  deno.connected(deno.plain);
  await dialling;
  abort.abort(reason);
  assert.is(given.aborted, false);
  const other = new AbortController();
  const aborted = dialDeno(plain, {}, other.signal);
  other.abort(reason);
  await rejects(aborted, RangeError);
  const passed = deno.asked[1]?.options['signal'] as AbortSignal | undefined;
  assert.is(passed?.reason, reason);
  deno.connected(denoError('Interrupted'));
  await turns(1);
});

test('an abort while TLS is started closes what there is', async () => {
  const abort = new AbortController();
  const dialling = dialDeno(secure, {}, abort.signal);
  deno.connected(deno.plain);
  await turns(1);
  assert.is(deno.asked[1]?.name, 'startTls');
  abort.abort(reason);
  await rejects(dialling, RangeError);
  deno.started(deno.secured);
  await turns(1);
  assert.is(deno.plain.isClosed, true);
  assert.is(deno.secured.isClosed, true);
});

test('an abort in the handshake closes it, and rejects with the reason', async () => {
  const abort = new AbortController();
  const dialling = dialDeno(secure, {}, abort.signal);
  deno.connected(deno.plain);
  await turns(1);
  deno.started(deno.secured);
  await turns(1);
  abort.abort(reason);
  await rejects(dialling, RangeError);
  assert.is(deno.secured.isClosed, true);
});

test('a handshake that fails closes it, and rejects with what Deno says', async () => {
  const dialling = dialDeno(secure, {}, new AbortController().signal);
  deno.connected(deno.plain);
  await turns(1);
  deno.started(deno.secured);
  await turns(1);
  deno.secured.fail(denoError('InvalidData', 'invalid peer certificate'));
  await rejects(dialling, Error, /invalid peer certificate/);
  assert.is(deno.secured.isClosed, true);
});

test('TLS that cannot be started closes the connection', async () => {
  const dialling = dialDeno(secure, { caCerts: ['x'] }, new AbortController().signal);
  deno.connected(deno.plain);
  await turns(1);
  deno.started(denoError('InvalidData'));
  await rejects(dialling, Error);
  assert.is(deno.plain.isClosed, true);
});

test('TLS asks for the host, or another name, by ALPN for http/1.1', async () => {
  for (const [tls, hostname] of [
    [{}, 'example.com'],
    [{ serverName: 'other.example' }, 'other.example'],
  ] as const) {
    const abort = new AbortController();
    const dialling = dialDeno(secure, tls, abort.signal);
    deno.connected(new FakeConn());
    await turns(1);
    assert.is(deno.asked.at(-1)?.options['hostname'], hostname);
    assert.equal(deno.asked.at(-1)?.options['alpnProtocols'], ['http/1.1']);
    abort.abort(reason);
    await rejects(dialling, RangeError);
  }
});

test('what Deno cannot do, and what is of the wrong type, is a TypeError that says so', () => {
  const wrong: readonly [object, RegExp][] = [
    [{ rejectUnauthorized: false }, /"rejectUnauthorized".*millrace\/node/],
    [{ rejectUnauthorized: true }, /"rejectUnauthorized"/],
    [{ checkCertificate: () => {} }, /"checkCertificate"/],
    [{ minVersion: 'TLSv1.3' }, /"minVersion"/],
    [{ ca: 'x' }, /caCerts/],
    [{ servername: 'x' }, /serverName/],
    [{ caCerts: 'x' }, /caCerts/],
    [{ caCerts: [1] }, /caCerts/],
    [{ serverName: 1 }, /serverName/],
    [{ cert: 'x' }, /together/],
    [{ key: 'x' }, /together/],
    [{ cert: 'x', key: 'y', serverName: 'z' }, /serverName/],
  ];
  for (const [options, message] of wrong) throws(() => checkTlsOptions(options), TypeError, message);
  for (const options of [{}, { ca: undefined }, { caCerts: [] }, { cert: 'x', key: 'y' }]) {
    assert.is(checkTlsOptions(options as object), options);
  }
  throws(() => checkTarget(parseTarget('wss+unix:/x')), TypeError);
});

test.run();
