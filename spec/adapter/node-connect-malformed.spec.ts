// The client of Node against a server that answers wrongly, in every way that is known of attacks: each ends in an error of its own, in time, with nothing left open.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ErrorCode } from '../../lib/error.ts';
import { HandshakeError } from '../../lib/error.ts';
import { connect, type NodeConnectOptions, permessageDeflate } from '../../lib/node.ts';
import { AnsweringServer, type Caller } from '../support/answering-server.ts';
import { rejects } from '../support/check.ts';
import { TestClock } from '../support/clock.ts';
import { wire } from '../support/frames.ts';
import { assertEnd, assertNothingEscaped, endOf } from '../support/server.ts';
import { turn, until, within } from '../support/until.ts';

const test = suite('node connect · malformed handshakes');

const deflate = permessageDeflate();

/** Connects to a server that answers so; asserts the error, and that the connection is closed. */
async function refused(
  answer: (caller: Caller) => string | Uint8Array,
  code: ErrorCode,
  status: number,
  options: NodeConnectOptions = {},
): Promise<HandshakeError> {
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(answer(caller));
  });
  const what = JSON.stringify(String(answer).slice(0, 100));
  const error = (await rejects(within(connect(server.url, options), what, 5_000), HandshakeError)) as HandshakeError;
  assert.equal([error.code, error.status], [code, status], `${what}: ${error.message}`);
  await until(() => server.open === 0, `the connection is closed, for ${what}`, 5_000);
  return error;
}

test('RFC 6455 §4.1: a 101 whose accept value is wrong, missing, twice there or of another key', async () => {
  const cases: ((caller: Caller) => string)[] = [
    (caller) => caller.good().replace(caller.accept, 'x'.repeat(28)),
    (caller) => caller.good().replace(caller.accept, caller.accept.toLowerCase()),
    (caller) => caller.good().replace(caller.accept, caller.accept.slice(0, -1)),
    (caller) => caller.good().replace(caller.accept, ''),
    (caller) => caller.good().replace(/Sec-WebSocket-Accept: .*\r\n/, ''),
    (caller) => caller.good(`Sec-WebSocket-Accept: ${caller.accept}\r\n`),
    (caller) => caller.good('Sec-WebSocket-Accept: x\r\n'),
    (caller) => caller.good().replace(caller.accept, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='),
    (caller) => caller.good().replace(caller.accept, caller.field('sec-websocket-key') ?? ''),
  ];
  for (const answer of cases) await refused(answer, 'ERR_WS_RESPONSE_INVALID', 101);
});

test('RFC 6455 §4.1: a 101 without Upgrade or Connection, or with another one; one that says it has content', async () => {
  const cases: ((caller: Caller) => string)[] = [
    (caller) => caller.good().replace('Upgrade: websocket\r\n', ''),
    (caller) => caller.good().replace('Upgrade: websocket', 'Upgrade: h2c'),
    (caller) => caller.good().replace('Upgrade: websocket', 'Upgrade: websocket, h2c'),
    (caller) => caller.good('Upgrade: h2c\r\n'),
    (caller) => caller.good().replace('Connection: Upgrade\r\n', ''),
    (caller) => caller.good().replace('Connection: Upgrade', 'Connection: close'),
    (caller) => caller.good().replace('Connection: Upgrade', 'Connection: Upgraded'),
    (caller) => caller.good('Content-Length: 5\r\n'),
    (caller) => caller.good('Transfer-Encoding: chunked\r\n'),
  ];
  for (const answer of cases) await refused(answer, 'ERR_WS_RESPONSE_INVALID', 101);
});

test('a subprotocol or an extension that was not offered, or is there twice', async () => {
  const cases: [fields: string, options: NodeConnectOptions][] = [
    ['Sec-WebSocket-Protocol: a\r\n', {}],
    ['Sec-WebSocket-Protocol: \r\n', {}],
    ['Sec-WebSocket-Protocol: c\r\n', { subprotocols: ['a', 'b'] }],
    ['Sec-WebSocket-Protocol: A\r\n', { subprotocols: ['a', 'b'] }],
    ['Sec-WebSocket-Protocol: a, b\r\n', { subprotocols: ['a', 'b'] }],
    ['Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n', { subprotocols: ['a', 'b'] }],
    ['', { subprotocols: ['a'], requiresSubprotocol: true }],
    ['Sec-WebSocket-Extensions: permessage-deflate\r\n', {}],
    ['Sec-WebSocket-Extensions: x-other\r\n', { extensions: [deflate] }],
    ['Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n', { extensions: [deflate] }],
    [
      'Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate\r\n',
      { extensions: [deflate] },
    ],
    ['Sec-WebSocket-Extensions: constructor\r\n', { extensions: [deflate] }],
    ['Sec-WebSocket-Extensions: __proto__; toString\r\n', { extensions: [deflate] }],
  ];
  for (const [fields, options] of cases) {
    await refused((caller) => caller.good(fields), 'ERR_WS_RESPONSE_INVALID', 101, options);
  }
});

test('RFC 7692 §7.1: parameters of deflate out of their range, repeated, unknown, or without what was offered', async () => {
  const wrong = [
    'server_max_window_bits=99',
    'server_max_window_bits=7',
    'server_max_window_bits=16',
    'server_max_window_bits=08',
    'server_max_window_bits',
    'server_max_window_bits=-1',
    'server_max_window_bits=1e1',
    'server_max_window_bits="x"',
    'client_max_window_bits=99',
    'client_max_window_bits',
    'server_no_context_takeover=1',
    'server_no_context_takeover; server_no_context_takeover',
    'constructor',
    '__proto__=1',
    'unknown',
    `a="${'\\"'.repeat(4_000)}`,
    'a=b=c',
    ';',
  ];
  for (const parameter of wrong) {
    await refused(
      (caller) => caller.good(`Sec-WebSocket-Extensions: permessage-deflate; ${parameter}\r\n`),
      'ERR_WS_RESPONSE_INVALID',
      101,
      { extensions: [deflate] },
    );
  }
});

test('another status is told with its headers and its body: 200, 401, 404, 426, 500, 503', async () => {
  for (const status of [200, 204, 301, 400, 401, 403, 404, 426, 429, 500, 503]) {
    const body = status === 204 ? '' : `The body of ${status}`;
    const length = status === 204 ? '' : `Content-Length: ${body.length}\r\n`;
    const error = await refused(
      () => `HTTP/1.1 ${status} Whatever\r\nX-Status: ${status}\r\n${length}\r\n${body}`,
      'ERR_WS_NOT_UPGRADED',
      status,
    );
    assert.is(new TextDecoder().decode(error.body), body);
    assert.equal(error.headers[0], ['X-Status', String(status)]);
  }
});

test('a body in chunks, up to the end, longer than 64 KiB, or of the wrong length', async () => {
  const long = 'x'.repeat(200_000);
  const chunked = await refused(
    () => 'HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n4;ext=1\r\nBusy\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n',
    'ERR_WS_NOT_UPGRADED',
    503,
  );
  assert.is(new TextDecoder().decode(chunked.body), 'Busy!');
  for (const fields of ['', `Content-Length: ${long.length}\r\n`, 'Content-Length: 99999999999999999999999\r\n']) {
    const error = await refused(() => `HTTP/1.1 503 X\r\n${fields}\r\n${long}`, 'ERR_WS_NOT_UPGRADED', 503);
    assert.is(error.body.byteLength, 64 * 1024);
  }
  await using ending = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send('HTTP/1.1 401 X\r\nContent-Length: 50\r\n\r\nWho');
    caller.raw.end();
  });
  const error = (await rejects(connect(ending.url), HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError;
  assert.is(new TextDecoder().decode(error.body), 'Who');
});

test('what is no HTTP/1.1 response at all', async () => {
  const cases: [answer: string, status: number][] = [
    ['SSH-2.0-OpenSSH_9\r\n', 0],
    ['HTTP/1.0 101 Switching Protocols\r\n', 101],
    ['HTTP/2 101 X\r\n', 0],
    ['HTTP/1.1 99 X\r\n', 0],
    ['HTTP/1.1 1010 X\r\n', 0],
    ['HTTP/1.1  101 X\r\n', 0],
    ['http/1.1 101 X\r\n', 0],
    ['\r\nHTTP/1.1 101 X\r\n', 0],
    ['HTTP/1.1 101 X\n', 0],
    ['ICY 200 OK\r\n', 0],
    ['\0'.repeat(50), 0],
    ['GET / HTTP/1.1\r\n\r\n', 0],
    ['\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n', 0],
  ];
  for (const [answer, status] of cases) await refused(() => answer, 'ERR_WS_RESPONSE_MALFORMED', status);
});

test('a header that is injected, folded or malformed', async () => {
  const cases: ((caller: Caller) => string)[] = [
    (caller) => caller.good('X: a\r\n b\r\n'),
    (caller) => caller.good('X: a\nY: b\r\n'),
    (caller) => caller.good('X: a\rY: b\r\n'),
    (caller) => caller.good('X: a\0b\r\n'),
    (caller) => caller.good('X : a\r\n'),
    (caller) => caller.good('no colon\r\n'),
    (caller) => caller.good(': nameless\r\n'),
    (caller) => caller.good('Ü: a\r\n'),
    (caller) => caller.good('X\0: a\r\n'),
  ];
  for (const answer of cases) await refused(answer, 'ERR_WS_RESPONSE_MALFORMED', 101);
});

test('1,000 headers, one of a megabyte, a status line without an end, interim responses without an end', async () => {
  await refused((caller) => caller.good('X: y\r\n'.repeat(1000)), 'ERR_WS_HEAD_TOO_LARGE', 101);
  await refused((caller) => caller.good(`X: ${'y'.repeat(2 ** 20)}\r\n`), 'ERR_WS_HEAD_TOO_LARGE', 101);
  await refused((caller) => caller.good(`X: ${' '.repeat(64 * 1024)}\r\n`), 'ERR_WS_HEAD_TOO_LARGE', 101);
  await refused(() => `HTTP/1.1 101 ${'x'.repeat(100_000)}`, 'ERR_WS_HEAD_TOO_LARGE', 0);
  await refused(() => 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000), 'ERR_WS_HEAD_TOO_LARGE', 0);
  const wide = { limits: { maxHeaders: 2000, maxHeadSize: 2 ** 21 } };
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(caller.good(`${'X: y\r\n'.repeat(1000)}Z: ${'z'.repeat(2 ** 20)}\r\n`));
  });
  const session = await connect(server.url, wide);
  assert.is(session.response?.headers.getAll('x').length, 1000);
  session.job.cancel();
  for (const caller of server.callers) caller.raw.end();
  await endOf(session);
});

test('a head that never ends is cut after the time-out, however slowly or fast it comes', async () => {
  const clock = new TestClock();
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send('HTTP/1.1 101 X\r\n');
    while (!caller.isGone) {
      caller.send('X');
      await turn();
    }
  });
  const opening = connect(server.url, { engineContext: { clock }, limits: { handshakeTimeout: 500 } });
  opening.catch(() => {});
  await until(() => server.callers[0]?.head.endsWith('\r\n\r\n') === true, 'the request has come');
  await clock.turn(499);
  await clock.turn(1);
  await rejects(within(opening, 'the time-out'), HandshakeError, 'ERR_WS_HANDSHAKE_TIMEOUT');
  await until(() => server.open === 0, 'the connection is closed');
  assert.is(clock.pending, 0);
});

test('bytes that are no ASCII come through in the values and harm nobody', async () => {
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(caller.good('X-Bytes: \x80\xe4\xff\r\nY:\t padded \t\r\nZ:\r\n'));
  });
  const session = await connect(server.url);
  const headers = session.response?.headers;
  assert.equal([headers?.get('x-bytes'), headers?.get('y'), headers?.get('z')], ['\x80\xe4\xff', 'padded', '']);
  session.job.cancel();
  for (const caller of server.callers) caller.raw.end();
  await endOf(session);
  for (const name of ['Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions']) {
    const answer = (caller: Caller): string => caller.good(`${name}: \x80\xff\r\n`);
    await refused(answer, 'ERR_WS_RESPONSE_INVALID', 101, { subprotocols: ['a'], extensions: [deflate] });
  }
});

test('1xx before the 101, byte by byte, with frames right behind: nothing is lost', async () => {
  const frames = [
    wire({ opcode: 1, payload: 'first', fin: false }),
    wire({ opcode: 9, payload: 'ping' }),
    wire({ opcode: 0, payload: ' and last' }),
    wire({ opcode: 8, payload: Uint8Array.of(0x0f, 0xa0) }),
  ];
  for (const drips of [false, true]) {
    await using server = await AnsweringServer.open(async (caller) => {
      await caller.read();
      const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
      const all = Buffer.concat([Buffer.from(interim + caller.good('X: 1\r\n'), 'latin1'), ...frames]);
      if (drips) await caller.raw.drip(all);
      else caller.send(all);
      const pong = await caller.raw.frame();
      assert.equal([pong.opcode, pong.isMasked, pong.payload.toString()], [10, true, 'ping']);
      const close = await caller.raw.frame();
      assert.equal([close.opcode, close.payload.readUInt16BE(0)], [8, 4000]);
      caller.raw.end();
    });
    const session = await within(connect(server.url), 'the opening');
    assert.equal([...(session.response?.headers.getAll('link') ?? [])], []);
    assert.is(await within(session.receive(), 'a message'), 'first and last');
    assertEnd(await endOf(session), { closeCode: 4000, wasClean: true });
  }
});

test('a frame that breaks the protocol in the packet of the head fails the session, not the process', async () => {
  for (const frame of [wire({ opcode: 3 }), wire({ opcode: 1, rsv: 0x40 }), Uint8Array.of(0xa2, 0)]) {
    await using server = await AnsweringServer.open(async (caller) => {
      await caller.read();
      caller.send(caller.good(), frame);
      await caller.raw.untilClose();
      caller.raw.end();
    });
    const session = await connect(server.url);
    const { error, sent } = await endOf(session);
    assert.is(sent?.closeCode, 1002);
    assert.ok(error !== undefined);
  }
});

test('a reset or an end at every moment: before the request, in it, in the head, behind it', async () => {
  const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n';
  const sizes = [-2, -1, 0, 1, 8, 12, 33, 34, 40, head.length];
  for (const how of ['end', 'reset'] as const) {
    for (const size of sizes) {
      await using server = await AnsweringServer.open(async (caller) => {
        if (size >= -1) await caller.raw.take(1);
        if (size >= 0) await caller.read();
        if (size > 0) caller.send(head.slice(0, size));
        // What was sent is received before the reset drops it.
        if (size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
        caller.raw[how]();
      });
      const opening = within(connect(server.url), `${how} behind ${size}`, 5_000);
      const error = (await rejects(opening, HandshakeError)) as HandshakeError;
      const codes = how === 'end' ? ['ERR_WS_RESPONSE_INCOMPLETE'] : ['ERR_WS_UNREACHABLE'];
      // Unread input makes an end into a reset, for some systems.
      if (size < 0) codes.push('ERR_WS_UNREACHABLE');
      assert.ok(codes.includes(error.code), `${how} behind ${size}: ${error.code}`);
      if (how === 'reset') assert.match(String((error.cause as { code?: string }).code), /ECONNRESET|EPIPE/);
      for (const caller of server.callers) caller.socket.destroy();
    }
  }
  await using server = await AnsweringServer.open(async (caller) => {
    await caller.read();
    caller.send(caller.good());
    await caller.raw.frame();
    caller.raw.reset();
  });
  const session = await connect(server.url);
  await session.send('x');
  assertEnd(await endOf(session), { closeCode: 1006, wasClean: false, error: 'ERR_WS_CONNECTION_LOST' });
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
