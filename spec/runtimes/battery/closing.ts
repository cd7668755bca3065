// The end of a connection, from both sides.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectionError, LimitError, RemoteProtocolError } from '../../../lib/error.ts';
import type { Frame } from '../../../lib/frame/frame.ts';
import { assertEnd } from '../../support/server.ts';
import { until, within } from '../../support/until.ts';
import { Bench, idle, next } from './bench.ts';
import type { Host } from './host.ts';

const ends: readonly (readonly [number, string])[] = [
  [1000, ''],
  [1001, 'going'],
  [1011, 'no'],
  [3000, 'ü'.repeat(61)],
  [4999, 'x'],
];

export function testClosing(host: Host): void {
  const test = suite(`${host.name} · closing`);

  test('the client closes: both sides tell its code and its reason, RFC 6455 §7.1', async () => {
    await using bench = await Bench.open(host);
    for (const [index, [code, reason]] of ends.entries()) {
      const session = await bench.connect();
      const info = await within(session.close(code, reason), 'the close');
      assertEnd(info, { closeCode: code, wasClean: true, initiator: 'local', error: undefined });
      assertEnd(await bench.end(index), { closeCode: code, reason, wasClean: true, initiator: 'remote' });
    }
    await bench.quiet();
    assert.equal(bench.reported, []);
  });

  test('the server closes: both sides tell its code and its reason', async () => {
    await using bench = await Bench.open(host, {}, idle);
    for (const [index, [code, reason]] of ends.entries()) {
      const session = await bench.connect();
      void (await bench.session(index)).close(code, reason);
      assert.is(await within(session.receive(), 'the end'), undefined);
      assertEnd(await within(session.closed, 'the end'), {
        closeCode: code,
        reason,
        wasClean: true,
        initiator: 'remote',
      });
      await within((await bench.session(index)).closed, 'the end');
    }
  });

  test('a close frame without a code is told as 1005, on both sides', async () => {
    await using bench = await Bench.open(host);
    const session = await bench.connect();
    assert.is((await within(session.close(null), 'the close')).closeCode, 1005);
    assertEnd(await bench.end(), { closeCode: 1005, reason: '', wasClean: true });
  });

  test('the handler returns: what it has sent arrives, then 1000', async () => {
    await using bench = await Bench.open(host, {}, async (session) => {
      for (let index = 0; index < 100; index++) void session.send(`${index}`);
    });
    const session = await bench.connect();
    for (let index = 0; index < 100; index++) assert.is(await next(session), `${index}`);
    assert.is(await within(session.receive(), 'the end'), undefined);
    assertEnd(await within(session.closed, 'the end'), { closeCode: 1000, wasClean: true, initiator: 'remote' });
  });

  test('the handler throws: 1011, nothing of it for the peer, all of it for the user context', async () => {
    await using bench = await Bench.open(host, {}, async (session) => {
      void session.send('last words');
      throw new Error('a secret');
    });
    const session = await bench.connect();
    assert.is(await next(session), 'last words');
    assert.is(await within(session.receive(), 'the end'), undefined);
    const info = await within(session.closed, 'the end');
    assert.is(info.closeCode, 1011);
    assert.not.match(info.reason, 'secret');
    assert.is((await bench.end()).error?.message.includes('a secret') || bench.reported.length === 1, true);
    assert.equal(
      bench.reported.map((error) => (error as Error).message),
      ['a secret'],
    );
  });

  test('both close at once: both ends are clean', async () => {
    await using bench = await Bench.open(host, {}, idle);
    for (let index = 0; index < 20; index++) {
      const session = await bench.connect();
      const peer = await bench.session(index);
      const [ours, theirs] = await within(Promise.all([session.close(3001), peer.close(3002)]), 'both ends');
      assert.ok(ours.wasClean && theirs.wasClean);
      assert.ok([3001, 3002].includes(ours.closeCode) && [3001, 3002].includes(theirs.closeCode));
    }
  });

  test('a job that is cancelled: 1001 for the peer, an error here', async () => {
    await using bench = await Bench.open(host, {}, idle);
    const session = await bench.connect();
    (await bench.session()).job.cancel('enough');
    assert.is((await within(session.closed, 'the end')).closeCode, 1001);
    assertEnd(await bench.end(), { error: 'ERR_WS_CANCELLED' });
    const other = await bench.connect();
    other.job.cancel('enough');
    assert.is((await bench.end(1)).closeCode, 1001);
    await within(other.job.closed, 'the end');
  });

  test('a signal that is aborted, at each moment of the client’s life, leaves nothing', async () => {
    await using bench = await Bench.open(host);
    for (let moment = 0; moment < 12; moment++) {
      const controller = new AbortController();
      const opening = bench.connect({ signal: controller.signal });
      opening.catch(() => {});
      for (let count = 0; count < moment; count++) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(new Error('not now'));
      const session = await opening.catch((error: Error) => {
        assert.is(error.message, 'not now');
        return undefined;
      });
      if (session !== undefined) await within(session.job.closed, 'the end of a job');
    }
    await until(() => bench.server.counters.open === 0, 'the server has let go of all');
    const session = await bench.connect();
    await within(session.close(), 'the close');
  });

  for (const [limits, message, code] of [
    [{ maxMessageSize: 1000 }, 'x'.repeat(1001), 1009],
    [{ maxMessageSize: 1000 }, new Uint8Array(50_000), 1009],
    [{ maxFrameSize: 100, maxMessageSize: 1000 }, 'x'.repeat(101), 1009],
  ] as const) {
    test(`${JSON.stringify(limits)}: one byte more is ${code}, and only that connection ends`, async () => {
      await using bench = await Bench.open(host, { limits });
      const other = await bench.connect();
      const session = await bench.connect();
      void session.send(message);
      assert.is((await within(session.closed, 'the end')).closeCode, code);
      assert.instance((await bench.end(1)).error, LimitError);
      await other.send('still here');
      assert.is(await next(other), 'still here');
      await within(other.close(), 'the close');
    });
  }

  for (const [name, frame, code] of [
    ['text that is not UTF-8 (§8.1)', { opcode: 1, payload: Uint8Array.of(0xc3, 0x28) }, 1007],
    ['a continuation of nothing (§5.4)', { opcode: 0, payload: Uint8Array.of(1) }, 1002],
  ] as const) {
    test(`${name}: ${code}`, async () => {
      const limits = { closeTimeout: 200 };
      await using bench = await Bench.open(host, { limits });
      const session = await bench.connect<Frame, Frame>({ raw: true, limits });
      await session.send({ fin: true, rsv1: false, rsv2: false, rsv3: false, ...frame } as Frame);
      const close = await next(session);
      assert.is(close.opcode, 8);
      assert.is(((close.payload[0] as number) << 8) | (close.payload[1] as number), code);
      assert.instance((await bench.end()).error, RemoteProtocolError);
      session.job.cancel();
      await within(session.job.closed, 'the end of a job');
    });
  }

  test('a peer that does not answer the close is waited for, and no longer', async () => {
    await using bench = await Bench.open(host, { limits: { closeTimeout: 50 } }, idle);
    const session = await bench.connect<Frame, Frame>({ raw: true });
    const peer = await bench.session();
    assertEnd(await within(peer.close(), 'the end'), { wasClean: false });
    assert.instance((await peer.closed).error, ConnectionError);
    session.job.cancel();
    await within(session.job.closed, 'the end of a job');
  });

  test('stop() under load: every session ends with 1001, and the report counts them', async () => {
    await using bench = await Bench.open(host);
    const clients = await Promise.all(Array.from({ length: 20 }, () => bench.connect()));
    const talks = clients.map(async (session) => {
      try {
        for (let index = 0; ; index++) {
          await session.send(`${index}`);
          if ((await session.receive()) === undefined) return;
        }
      } catch {
        // The session has ended.
      }
    });
    await until(() => bench.server.counters.messagesReceived > 200, 'they talk');
    const { closed, cut } = await within(bench.server.stop(), 'the stop');
    assert.equal([closed, cut], [20, 0]);
    await within(Promise.all(talks), 'the end of the talks');
    for (const session of clients) {
      assertEnd(await within(session.closed, 'the end'), { closeCode: 1001, wasClean: true });
    }
    await bench.quiet();
  });

  test('stop() cuts who does not close in time', async () => {
    await using bench = await Bench.open(host, {}, idle);
    const sessions = await Promise.all(Array.from({ length: 3 }, () => bench.connect<Frame, Frame>({ raw: true })));
    await bench.session(2);
    const { closed, cut } = await within(bench.server.stop({ timeout: 50 }), 'the stop');
    assert.equal([closed, cut], [0, 3]);
    for (const session of sessions) {
      session.job.cancel();
      await within(session.job.closed, 'the end of a job');
    }
  });

  test.run();
}
