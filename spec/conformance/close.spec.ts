// RFC 6455 §5.5.1 and §7, row by row of the checklist of requirements (C1 to C14), over a real socket, each input as one write and byte by byte.
//
// Left out: C7, C11 and C12 bind a client or a user interface. Of C2, "1010 is not sent by servers": RFC 6455 §7.4.1 says that it "is not used by the
// server", it does not forbid it, and this engine lets the user's code choose it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rejects } from '../support/check.ts';
import { assertFailed, describe, exchange } from '../support/exchange.ts';
import { hex } from '../support/hex.ts';
import { binary, close, continuation, masked, ping, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, endOf, startServer } from '../support/server.ts';
import { turns } from '../support/until.ts';

const host = await startServer();

const allowed = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  ...[3000, 3001, 3999, 4000, 4001, 4998, 4999],
];

const forbidden = [
  ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999],
  ...[5000, 5001, 10_000, 32_768, 65_535],
];

// --- Bodies and codes ------------------------------------------------------------------------------------------------

const bodySuite = suite('conformance · RFC 6455 §5.5.1, §7.4 · the body of a close frame');

bodySuite('C1 server answers an empty close frame with an empty one', async () => {
  const { code, info } = await exchange(host, close());
  assert.is(code, 1005);
  assertEnd(info, { wasClean: true, closeCode: 1005, reason: '', error: undefined });
});

bodySuite('C1 server fails with 1002 on a close frame with a body of one byte', async () => {
  for (const byte of [0x00, 0x03, 0xe8, 0xff]) {
    const frame = masked({ opcode: 8, payload: Uint8Array.of(byte) });
    await assertFailed(host, [frame], 1002, 'ERR_WS_INVALID_CLOSE_PAYLOAD');
  }
});

for (const length of [0, 1, 2, 122, 123]) {
  bodySuite(`C1 server takes a reason of ${length} bytes`, async () => {
    const reason = '*'.repeat(length);
    const { code, info } = await exchange(host, close(1000, reason));
    assert.is(code, 1000);
    assertEnd(info, { wasClean: true, closeCode: 1000, reason, received: { closeCode: 1000, reason } });
  });
}

bodySuite('C1 server fails with 1002 on a reason of 124 bytes', async () => {
  await assertFailed(host, [close(1000, '*'.repeat(124))], 1002, 'ERR_WS_CONTROL_FRAME_TOO_LONG');
});

bodySuite('C1 server reads the code in network byte order', async () => {
  const { info } = await exchange(host, masked({ opcode: 8, payload: hex('0f a1 e2 82 ac') }));
  assert.equal(info.received, { closeCode: 4001, reason: '€' });
});

for (const code of allowed) {
  bodySuite(`C3 C4 server takes the code ${code} and answers with it, with and without a reason`, async () => {
    for (const reason of ['', 'Reason']) {
      const { code: answer, frames, info } = await exchange(host, close(code, reason));
      assert.is(answer, code);
      assert.equal(frames, []);
      assertEnd(info, {
        wasClean: true,
        closeCode: code,
        reason,
        sent: { closeCode: code, reason: '' },
        error: undefined,
      });
    }
  });
}

for (const code of forbidden) {
  bodySuite(`C2 server fails with 1002 on the code ${code}, with and without a reason`, async () => {
    for (const reason of ['', 'Reason']) {
      await assertFailed(host, [close(code, reason)], 1002, 'ERR_WS_INVALID_CLOSE_CODE');
    }
  });
}

bodySuite('C2 session does not send a code that must not be sent', async () => {
  await using refusing = await startServer(async (session) => {
    for (const code of forbidden) await rejects(session.close(code), RangeError);
    await echo(session);
  });
  using client = await RawClient.open(refusing.port, {}, text('still open'));
  assert.is(describe(await client.frame()), 'text still open');
  client.send(close(1000));
  assert.is((await client.untilClose()).code, 1000);
  client.end();
  await refusing.quiet();
  assert.equal(refusing.reported, []);
});

bodySuite('C10 code of a close frame without one is reported as 1005, and never sent', async () => {
  using client = await RawClient.open(host.port, { target: '/c10' });
  client.send(close());
  assert.is(describe(await client.frame()), 'opcode 8', 'the answer has no body');
  client.end();
  const session = host.sessions.find(({ request }) => request?.url === '/c10');
  assert.ok(session);
  assert.is((await endOf(session)).closeCode, 1005);
});

bodySuite.run();

// --- The handshake ---------------------------------------------------------------------------------------------------

const handshakeSuite = suite('conformance · RFC 6455 §5.5.1, §7.1 · the closing handshake');

handshakeSuite('C4 server answers what came before, then the close frame, once', async () => {
  const { frames, code } = await exchange(host, text('Hello World!'), close(1000), close(1000));
  assert.equal(frames, ['text Hello World!']);
  assert.is(code, 1000);
});

handshakeSuite('C4 server answers a large message before the close frame', async () => {
  const { frames, code } = await exchange(host, binary(new Uint8Array(256 * 1024)), close(1000));
  assert.equal(frames, ['binary of 262144']);
  assert.is(code, 1000);
});

handshakeSuite('C4 server answers after the replies to messages that wait', async () => {
  await using slow = await startServer(async (session) => {
    for await (const message of session) {
      await turns(10);
      await session.send(message);
    }
  });
  using client = await RawClient.open(slow.port);
  client.send(text('in hand'), text('waiting'), close(1001));
  const { code, before } = await client.untilClose();
  assert.equal(before.map(describe), ['text in hand', 'text waiting']);
  assert.is(code, 1001);
  client.end();
});

for (const [what, parts] of [
  ['another close frame', [close(4000)]],
  ['a ping', [ping('x')]],
  ['a text', [text('x')]],
  ['the rest of a message', [continuation('x')]],
  ['a close frame, a text and a ping', [close(1000), text('x'), ping()]],
  ['a frame that is wrong', [hex('83 80 00 00 00 00')]],
  ['bytes that are no frame', [hex('ff ff ff ff ff ff')]],
  ['a frame over the limit', [masked({ opcode: 2, declared: 2 ** 40 })]],
] as const) {
  handshakeSuite(`C5 server ignores ${what} behind the close frame`, async () => {
    const { frames, code, info } = await exchange(host, close(1000), ...parts);
    assert.equal(frames, []);
    assert.is(code, 1000);
    assertEnd(info, { wasClean: true, closeCode: 1000, error: undefined });
  });
}

handshakeSuite('C5 server ignores a fragmented message whose rest comes behind the close frame', async () => {
  const { frames, code, info } = await exchange(host, text('fragment1', false), close(1000), continuation('fragment2'));
  assert.equal(frames, []);
  assert.is(code, 1000);
  assert.ok(info.wasClean);
});

handshakeSuite('C6 server closes TCP at once when both close frames are through, before the client does', async () => {
  using client = await RawClient.open(host.port);
  client.send(close(1000));
  await client.untilClose();
  await client.finished();
  assert.not(client.socket.writableEnded);
  client.end();

  await using closing = await startServer((session) => session.close(1000));
  using other = await RawClient.open(closing.port);
  await other.untilClose();
  other.send(close(1000));
  await other.finished();
  assert.not(other.socket.writableEnded);
  other.end();
});

handshakeSuite('C6 server throws away what still comes, and ends without a reset', async () => {
  using client = await RawClient.open(host.port);
  client.send(close(1000), new Uint8Array(2 * 1024 * 1024));
  assert.is((await client.untilClose()).code, 1000);
  client.send(new Uint8Array(1024 * 1024));
  await client.finished();
  client.end();
  await host.quiet();
  assert.is(await client.ending, 'fin');
});

handshakeSuite.run();

// --- Failing, losing, leaving ----------------------------------------------------------------------------------------

const endSuite = suite('conformance · RFC 6455 §7.1.5, §7.1.7, §7.4.1 · other ends');

for (const [what, code, error, parts] of [
  ['a broken frame', 1002, 'ERR_WS_UNKNOWN_OPCODE', [masked({ opcode: 3 })]],
  ['text that is no UTF-8', 1007, 'ERR_WS_INVALID_UTF8', [text(hex('ff'))]],
  ['a message that is too long', 1009, 'ERR_WS_FRAME_TOO_LONG', [masked({ opcode: 1, declared: 2 ** 32 })]],
] as const) {
  endSuite(`C8 server fails ${what} with a close frame of ${code} before it closes TCP`, async () => {
    await assertFailed(host, parts, code, error);
  });
}

endSuite('C8 server closes with 1011 when its handler fails', async () => {
  await using failing = await startServer(() => Promise.reject(new Error('internal')));
  using client = await RawClient.open(failing.port);
  assert.equal(await client.untilClose(), { code: 1011, reason: '', before: [] });
  client.send(close(1011));
  await client.finished();
  client.end();
  await failing.quiet();
});

endSuite('C9 loss without a close frame is reported as 1006, unclean, and no close frame is sent', async () => {
  using client = await RawClient.open(host.port, { target: '/c9' });
  const session = host.sessions.find(({ request }) => request?.url === '/c9');
  client.send(text('x', false));
  client.end();
  assert.is((await client.rest()).byteLength, 0);
  assert.ok(session);
  assertEnd(await endOf(session), { closeCode: 1006, wasClean: false, received: undefined, sent: undefined });
});

endSuite('C13 server does not wait for an answer for ever', async () => {
  await using closing = await startServer((session) => session.close(1000), { limits: { closeTimeout: 50 } });
  using client = await RawClient.open(closing.port);
  assert.is((await client.untilClose()).code, 1000);
  await client.rest();
  assertEnd(await endOf(await closing.session()), { closeCode: 1006, wasClean: false, error: 'ERR_WS_CLOSE_TIMEOUT' });
});

endSuite('C14 server that stops closes with 1001', async () => {
  const stopping = await startServer();
  using client = await RawClient.open(stopping.port);
  const stopped = stopping.server.stop();
  assert.is((await client.untilClose()).code, 1001);
  client.send(close(1001));
  client.end();
  await stopped;
});

endSuite.run();

const escapeSuite = suite('conformance · closing · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
