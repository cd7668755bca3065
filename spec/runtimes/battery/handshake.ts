// The opening handshake: what a server admits, and what a client is told.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../../lib/error.ts';
import { Refusal } from '../../../lib/job/refusal.ts';
import { rejects } from '../../support/check.ts';
import { binary, close, closeStatus, continuation, headerOf, ping, text } from '../../support/raw-client.ts';
import { assertEnd } from '../../support/server.ts';
import { until, within } from '../../support/until.ts';
import { assertEchoes, Bench, idle, next } from './bench.ts';
import type { ClientOptions, Host } from './host.ts';

async function refusalOf(bench: Bench, options: ClientOptions = {}, path = '/'): Promise<HandshakeError> {
  return (await rejects(bench.connect(options, path), HandshakeError)) as HandshakeError;
}

export function testHandshake(host: Host): void {
  const test = suite(`${host.name} · opening handshake`);

  test('the most preferred subprotocol of the server that is offered is chosen, RFC 6455 §1.9', async () => {
    await using bench = await Bench.open(host, { subprotocols: ['v3', 'v2', 'v1'] });
    const session = await bench.connect({ subprotocols: ['v1', 'v2'] });
    assert.is(session.subprotocol, 'v2');
    assert.is((await bench.session()).subprotocol, 'v2');
    await within(session.close(), 'the close');
    const other = await bench.connect();
    assert.is(other.subprotocol, '');
    await within(other.close(), 'the close');
  });

  test('a refusal tells its status, its header fields and its body', async () => {
    const admit = (): Refusal => new Refusal(401, { headers: [['X-Why', 'because']], body: 'Who are you? ☃' });
    await using bench = await Bench.open(host, { admit });
    const error = await refusalOf(bench);
    assert.is(error.status, 401);
    assert.is(new TextDecoder().decode(error.body), 'Who are you? ☃');
    assert.ok(error.headers.some(([name, value]) => name.toLowerCase() === 'x-why' && value === 'because'));
    assert.equal([bench.server.counters.refused, bench.server.counters.upgraded, bench.sessions.length], [1, 0, 0]);
  });

  test('a foreign origin is 403, the own one and those of the list are admitted', async () => {
    await using bench = await Bench.open(host, { origins: ['https://*.example.com'] });
    for (const origin of ['https://evil.test', 'null', 'https://example.com']) {
      const { status, code } = await refusalOf(bench, { headers: { Origin: origin } });
      assert.is(status, 403, `${origin} ${code}`);
    }
    const own = bench.server.url.replace(/^ws/, 'http');
    for (const origin of [own, 'https://a.example.com']) {
      const session = await bench.connect({ headers: { Origin: origin } });
      await within(session.close(), 'the close');
    }
  });

  test('a hook sees the request, may take its time, and gives the context; one that fails is 500', async () => {
    await using bench = await Bench.open(host, {
      path: '/rooms/:room',
      admit: async (request) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        const user = request.headers.get('x-user');
        if (user === 'crash') throw new Error('a secret');
        return { user, room: request.parameters['room'] };
      },
    });
    const session = await bench.connect({ headers: { 'X-User': 'ada' } }, '/rooms/blue%20one?x=1');
    await assertEchoes(session, 'hello');
    const peer = await bench.session();
    assert.equal(peer.context as unknown, { user: 'ada', room: 'blue one' });
    assert.is(peer.request?.url, '/rooms/blue%20one?x=1');
    assert.is(peer.remoteAddress, '127.0.0.1');
    await within(session.close(), 'the close');
    assert.is((await refusalOf(bench, { headers: { 'X-User': 'crash' } }, '/rooms/red')).status, 500);
    assert.is(bench.reported.length, 1);
    assert.is((await refusalOf(bench, {}, '/elsewhere')).status, 404);
  });

  test('frames that come in one packet with the request are not lost, whether or not a hook is asked', async () => {
    for (const admit of [undefined, () => new Promise<unknown>((resolve) => setTimeout(resolve, 10, { is: 'late' }))]) {
      await using bench = await Bench.open(host, admit === undefined ? {} : { admit });
      using raw = await host.raw(bench.server, {}, Buffer.concat([text('first'), text('second'), ping('third')]));
      const frames = await raw.frames(3);
      const seen = frames.map(({ opcode, payload }) => `${opcode} ${payload}`);
      assert.equal(seen.sort(), ['1 first', '1 second', '10 third']);
      raw.send(close(1000));
      assert.is((await raw.untilClose()).code, 1000);
    }
  });

  test('what the server says at once, right behind its response, is not lost', async () => {
    await using bench = await Bench.open(host, {}, async (session) => {
      void session.send('welcome');
      await session.closed;
    });
    for (let count = 0; count < 20; count++) {
      const session = await bench.connect();
      assert.is(await next(session), 'welcome');
      await within(session.close(), 'the close');
    }
  });

  test('requests that are none, or no upgrade, are told so, and the next client is served', async () => {
    await using bench = await Bench.open(host);
    for (const [request, status] of [
      [{ method: 'POST' }, 405],
      [{ headers: { 'Sec-WebSocket-Version': '8' } }, 426],
      [{ headers: { 'Sec-WebSocket-Key': 'short' } }, 400],
      [{ headers: { Host: ['a', 'b'] } }, 400],
    ] as const) {
      using raw = await host.dial(bench.server);
      const { requestHead } = await import('../../support/raw-client.ts');
      raw.send(requestHead(Number(new URL(bench.server.url).port), request));
      assert.is((await raw.response()).status, status, JSON.stringify(request));
    }
    const session = await bench.connect();
    await assertEchoes(session, 'hello');
    await within(session.close(), 'the close');
  });

  test('a request that comes byte by byte is as good as any', async () => {
    await using bench = await Bench.open(host);
    const { requestHead } = await import('../../support/raw-client.ts');
    using raw = await host.dial(bench.server);
    await raw.drip(requestHead(Number(new URL(bench.server.url).port)), text('dripped'));
    const response = await raw.accepted();
    assert.is(headerOf(response, 'upgrade'), 'websocket');
    assert.is((await raw.frame()).payload.toString(), 'dripped');
  });

  test('faults of a client by hand: the code, then FIN, no reset', async () => {
    await using bench = await Bench.open(host, { limits: { maxMessageSize: 1000 } });
    for (const [bytes, code] of [
      [Uint8Array.of(0x81, 0x01, 0x41), 1002],
      [Uint8Array.of(0xf1, 0x80, 0, 0, 0, 0), 1002],
      [binary(new Uint8Array(1001)), 1009],
      [continuation('x'), 1002],
      [text(Uint8Array.of(0xff)), 1007],
      [close(1005), 1002],
    ] as const) {
      using raw = await host.raw(bench.server, {}, text('before'));
      assert.is((await raw.frame()).payload.toString(), 'before');
      raw.send(bytes, new Uint8Array(10_000));
      const last = await raw.untilClose();
      assert.is(last.code, code);
      assert.is(await within(raw.ending, 'the end'), 'fin');
      raw.end();
    }
    await bench.quiet();
  });

  test('FIN without a close frame: the server’s half ends too, and the end is told as 1006', async () => {
    await using bench = await Bench.open(host);
    using raw = await host.raw(bench.server, {}, text('before'));
    assert.is((await raw.frame()).payload.toString(), 'before');
    raw.end();
    assert.is(await within(raw.ending, 'the end'), 'fin');
    assertEnd(await bench.end(), { closeCode: 1006, wasClean: false, initiator: 'remote' });
  });

  // TLS has no halves that one could rest on: TLS 1.2 answers close_notify at once, and Node gives up what was to be sent.
  if (!host.isTls) {
    test('FIN right behind the close frame: the answer comes all the same (half-close)', async () => {
      await using bench = await Bench.open(host);
      using raw = await host.raw(bench.server);
      raw.send(text('last'), close(3000, 'bye'));
      raw.end();
      const seen = await raw.frames(2);
      assert.is(seen[0]?.payload.toString(), 'last');
      assert.is(closeStatus(seen[1] as never).code, 3000);
      assertEnd(await bench.end(), { closeCode: 3000, reason: 'bye', wasClean: true });
    });
  }

  test('clients that go away in the middle of the handshake leave nothing', async () => {
    await using bench = await Bench.open(host, { admit: () => idle() as never });
    const { requestHead } = await import('../../support/raw-client.ts');
    const whole = requestHead(Number(new URL(bench.server.url).port));
    for (const size of [0, 1, 40, whole.byteLength - 1, whole.byteLength]) {
      const raw = await host.dial(bench.server);
      if (size > 0) raw.send(whole.subarray(0, size));
      await new Promise((resolve) => setTimeout(resolve, 5));
      raw.reset();
    }
    const { counters } = bench.server as unknown as { counters: { connections?: number } };
    if (counters.connections !== undefined) {
      const count = (): number => (bench.server.counters as unknown as { connections: number }).connections;
      await until(() => count() === 0, 'all connections are gone');
    }
    assert.is(bench.sessions.length, 0);
  });

  test('a server that cannot be reached, and one that is no WebSocket server, are told', async () => {
    const bench = await Bench.open(host);
    await bench.server.stop({ timeout: 0 });
    const { status, code } = await refusalOf(bench);
    assert.equal([status, code], [0, 'ERR_WS_UNREACHABLE']);
  });

  test.run();
}
