// Close codes and reasons of both sides, against real clients: which are taken, which are sent, what each side is told.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { rejects } from '../support/check.ts';
import { clients } from '../support/peers.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';

/** Each code that a close frame may carry, at the borders of the ranges. */
const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];

const nothingAbandoned = { messages: 0, bytes: 0, handler: false };

// --- Close codes -----------------------------------------------------------------------------------------------------

for (const client of clients) {
  const codeSuite = suite(`node-server · ${client.name} · RFC 6455 §7.4 · close codes`);

  for (const code of codes.filter((each) => client.sendsAllCodes || each === 1000 || each >= 3000)) {
    for (const reason of ['', 'because €']) {
      const what = `${code} ${reason === '' ? 'without' : 'with'} a reason`;
      codeSuite(`server echoes ${what} of the client, and tells the session of it`, async () => {
        await using host = await startServer();
        const peer = await client.open(host.url);
        peer.close(code, reason);
        assert.equal(await peer.ended(), { code, reason: '' });
        const info = await endOf(await host.session());
        assertEnd(info, {
          closeCode: code,
          reason,
          wasClean: true,
          initiator: 'remote',
          received: { closeCode: code, reason },
          sent: { closeCode: code, reason: '' },
          error: undefined,
          abandoned: nothingAbandoned,
        });
        await host.quiet();
      });
    }
  }

  for (const code of codes) {
    for (const reason of ['', 'because €']) {
      const what = `${code} ${reason === '' ? 'without' : 'with'} a reason`;
      codeSuite(`session closes with ${what}, and the client sees it`, async () => {
        let info: CloseInfo | undefined;
        await using host = await startServer(async (session) => {
          info = await session.close(code, reason);
        });
        const peer = await client.open(host.url);
        assert.equal(await peer.ended(), { code, reason });
        const session = await host.session();
        const end = await endOf(session);
        assert.is(info, end, 'close, session and job tell the same');
        assert.is(await session.closed, end);
        assertEnd(end, {
          wasClean: true,
          initiator: 'local',
          sent: { closeCode: code, reason },
          error: undefined,
          abandoned: nothingAbandoned,
        });
        assert.is(session.job.state, 'completed');
        await host.quiet();
      });
    }
  }

  codeSuite('server answers an empty close frame with an empty one, and 1005 is reported', async () => {
    await using host = await startServer();
    const peer = await client.open(host.url);
    peer.close();
    assert.equal(await peer.ended(), { code: 1005, reason: '' });
    assertEnd(await endOf(await host.session()), {
      closeCode: 1005,
      reason: '',
      wasClean: true,
      initiator: 'remote',
      received: { closeCode: 1005, reason: '' },
      sent: { closeCode: 1005, reason: '' },
      error: undefined,
    });
  });

  codeSuite('session closes with 1000 when it is given no code', async () => {
    await using host = await startServer((session) => session.close());
    const peer = await client.open(host.url);
    assert.equal(await peer.ended(), { code: 1000, reason: '' });
    assertEnd(await endOf(await host.session()), { wasClean: true, initiator: 'local', error: undefined });
  });

  codeSuite('session closes with a reason of 123 bytes', async () => {
    const reason = `${'€'.repeat(40)}abc`;
    await using host = await startServer((session) => session.close(4000, reason));
    const peer = await client.open(host.url);
    assert.equal(await peer.ended(), { code: 4000, reason });
  });

  codeSuite('session that is given a code or a reason that may not be sent stays open', async () => {
    await using host = await startServer(async (session) => {
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535, 1000.5, Number.NaN]) {
        await rejects(session.close(code), RangeError);
      }
      await rejects(session.close(1000, 'x'.repeat(124)), RangeError);
      await rejects(session.close('1000' as unknown as number), TypeError);
      await rejects(session.close(1000, new Float32Array(4) as unknown as string), TypeError);
      await echo(session);
    });
    const peer = await client.open(host.url);
    peer.send('open');
    assert.is(await peer.receive(), 'open');
    peer.close(1000);
    assert.is((await peer.ended()).code, 1000);
    assert.equal(host.reported, []);
  });

  codeSuite('both sides may close at once', async () => {
    let closeNow = (): void => {};
    await using host = await startServer(async (session) => {
      await new Promise<void>((resolve) => {
        closeNow = resolve;
      });
      await session.close(4001, 'server');
    });
    const peer = await client.open(host.url);
    const session = await host.session();
    peer.close(4002, 'client');
    closeNow();
    await peer.ended();
    const info = await endOf(session);
    assertEnd(info, { wasClean: true, received: { closeCode: 4002, reason: 'client' }, error: undefined });
    await host.quiet();
  });

  codeSuite.run();
}

const escapeSuite = suite('node-server · close codes · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
