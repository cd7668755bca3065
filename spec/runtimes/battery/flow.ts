// Backpressure in both directions, in bytes, and connections that break.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectionError } from '../../../lib/error.ts';
import type { Frame } from '../../../lib/frame/frame.ts';
import { assertEnd } from '../../support/server.ts';
import { standstill, until, within } from '../../support/until.ts';
import { Bench, bytesOf, idle, next } from './bench.ts';
import type { Host } from './host.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const PIECE = bytesOf(64 * KiB);
const COUNT = 512;
/** What the system may hold of a connection, each way; what we hold is far less. */
const HELD = 16 * MiB;

function assertHeldUp(readsOn: boolean, sent: number): void {
  if (readsOn) return assert.is(sent, COUNT, 'its sockets are as they were: this is out of date');
  assert.ok(sent < COUNT, 'the sender is held up');
  assert.ok(sent * PIECE.byteLength < HELD, `${sent} messages were taken`);
}

export function testFlow(host: Host): void {
  const test = suite(`${host.name} · flow`);

  test('a server that does not read holds the client up, and nothing is lost when it reads on', async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let received = 0;
    await using bench = await Bench.open(host, {}, async (session) => {
      await released;
      for await (const message of session) {
        assert.is(Buffer.compare(message as Uint8Array, PIECE), 0);
        received++;
      }
    });
    const session = await bench.connect();
    let sent = 0;
    const sending = (async () => {
      for (; sent < COUNT; sent++) await session.send(PIECE);
    })();
    await standstill(() => session.counters.bytesSent, 'the sender', 30);
    assertHeldUp(host.readsOn !== undefined, sent);
    const peer = await bench.session();
    assert.ok(peer.counters.unread <= 3 * PIECE.byteLength, `${peer.counters.unread} bytes wait unread`);
    release();
    await within(sending, 'all is sent');
    assert.ok((await within(session.close(), 'the close')).wasClean);
    await bench.quiet();
    assert.is(received, COUNT);
  });

  test('a client that does not read holds the server up, and nothing is lost when it reads on', async () => {
    let sent = 0;
    await using bench = await Bench.open(host, {}, async (session) => {
      for (; sent < COUNT; sent++) await session.send(PIECE);
    });
    const session = await bench.connect();
    const peer = await bench.session();
    await standstill(() => peer.counters.bytesSent, 'the sender', 30);
    assertHeldUp(host.readsOn === 'both', sent);
    assert.ok(peer.counters.queued <= 3 * PIECE.byteLength, `${peer.counters.queued} bytes wait`);
    let received = 0;
    for await (const message of session) {
      assert.is(Buffer.compare(message as Uint8Array, PIECE), 0);
      received++;
    }
    assert.is(received, COUNT);
    assertEnd(await within(session.closed, 'the end'), { closeCode: 1000, wasClean: true });
  });

  test('behind unread messages a close is still noticed', async () => {
    await using bench = await Bench.open(host, {}, idle);
    const session = await bench.connect();
    for (let index = 0; index < 10; index++) await session.send(`${index}`);
    void session.close(3000, 'enough');
    const peer = await bench.session();
    assert.is((await within(peer.closeReceived, 'the close frame'))?.closeCode, 3000);
    for (let index = 0; index < 10; index++) assert.is(await next(peer), `${index}`);
    assert.is(await within(peer.receive(), 'the end'), undefined);
    void peer.close();
    assertEnd(await within(session.closed, 'the end'), { wasClean: true });
  });

  test('keepalive holds a connection on which nothing is said', async () => {
    const limits = { pingInterval: 20, pingTimeout: 20_000 };
    await using bench = await Bench.open(host, { limits }, idle);
    const session = await bench.connect({ limits });
    await until(() => session.counters.bytesReceived > 40 && session.counters.bytesSent > 40, 'pings and pongs');
    assert.type((await bench.session()).counters.roundTrip, 'number');
    await session.send('still here');
    assert.is(await next(await bench.session()), 'still here');
    (await bench.session()).job.cancel();
    await within(session.closed, 'the end');
  });

  test('a peer that answers no ping is cut: ERR_WS_PING_TIMEOUT', async () => {
    await using bench = await Bench.open(
      host,
      { limits: { pingInterval: 30, pingTimeout: 60, closeTimeout: 30 } },
      idle,
    );
    // A session of frames answers nothing by itself, and nobody reads this one.
    const session = await bench.connect<Frame, Frame>({ raw: true, limits: { closeTimeout: 100 } });
    assertEnd(await bench.end(), { wasClean: false, error: 'ERR_WS_PING_TIMEOUT' });
    session.job.cancel();
    await within(session.job.closed, 'the end of a job');
  });

  if (host.hasSockets) {
    test('a peer that vanishes behind messages: they are delivered, then the end is told as 1006', async () => {
      let got = 0;
      await using bench = await Bench.open(host, {}, async (session) => {
        for await (const _ of session) got++;
      });
      const raw = await host.raw(bench.server);
      const { text } = await import('../../support/raw-client.ts');
      raw.send(text('one'), text('two'));
      await until(() => got === 2, 'both have come');
      raw.reset();
      const info = await bench.end();
      assertEnd(info, { closeCode: 1006, wasClean: false, initiator: 'remote', error: 'ERR_WS_CONNECTION_LOST' });
      assert.instance(info.error, ConnectionError);
      assert.equal(bench.reported, []);
    });
  }

  test.run();
}
