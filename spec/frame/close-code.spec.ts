import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RemoteProtocolError } from '../../lib/error.ts';
import {
  CloseCode,
  type CloseStatus,
  encodeClosePayload,
  isSendableCloseCode,
  MAX_CLOSE_REASON,
  parseClosePayload,
  truncateCloseReason,
} from '../../lib/frame/close-code.ts';
import { throws } from '../support/check.ts';
import { closePayload } from '../support/frames.ts';
import { hex, toHex } from '../support/hex.ts';

const test = suite('close-code · RFC 6455 §5.5.1 and §7.4');

// Every code from 0 to 5100, and the last of 16 bits.
const codes: readonly number[] = [...Array.from({ length: 5101 }, (_, code) => code), 32768, 65535];

// RFC 6455 §7.4.1 and §7.4.2, and IANA's registry.
const sendable = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];

function maySend(code: number): boolean {
  return sendable.includes(code) || (code >= 3000 && code < 5000);
}

function parseError(payload: Uint8Array): RemoteProtocolError {
  const status = parseClosePayload(payload);
  assert.instance(status, RemoteProtocolError);
  return status as RemoteProtocolError;
}

// --- Codes ---------------------------------------------------------------------------------------------------------

test('the registered codes have their numbers', () => {
  assert.equal(CloseCode, {
    NORMAL_CLOSURE: 1000,
    GOING_AWAY: 1001,
    PROTOCOL_ERROR: 1002,
    UNSUPPORTED_DATA: 1003,
    NO_STATUS_RECEIVED: 1005,
    ABNORMAL_CLOSURE: 1006,
    INVALID_FRAME_PAYLOAD_DATA: 1007,
    POLICY_VIOLATION: 1008,
    MESSAGE_TOO_BIG: 1009,
    MANDATORY_EXTENSION: 1010,
    INTERNAL_ERROR: 1011,
    SERVICE_RESTART: 1012,
    TRY_AGAIN_LATER: 1013,
    BAD_GATEWAY: 1014,
  });
});

test('1000 to 1003, 1007 to 1014 and 3000 to 4999 may be sent, and no other code', () => {
  for (const code of codes) assert.is(isSendableCloseCode(code), maySend(code), String(code));
});

test('what is no integer may not be sent', () => {
  for (const code of [1000.5, Number.NaN, Number.POSITIVE_INFINITY, -1000, '1000', null, undefined, {}, [1000]]) {
    assert.is(isSendableCloseCode(code as number), false, String(code));
  }
});

// --- Payloads that come --------------------------------------------------------------------------------------------

test('an empty payload is reported as 1005 without a reason', () => {
  assert.equal(parseClosePayload(new Uint8Array(0)), { closeCode: 1005, reason: '' });
});

test('a payload of one byte is refused with 1002', () => {
  for (const byte of ['00', '03', 'ff']) {
    const error = parseError(hex(byte));
    assert.is(error.code, 'ERR_WS_INVALID_CLOSE_PAYLOAD');
    assert.is(error.closeCode, 1002);
  }
});

test('a code that may be sent is taken, with a reason and without; any other is refused with 1002', () => {
  for (const code of codes) {
    for (const reason of ['', 'because']) {
      const status = parseClosePayload(closePayload(code, reason));
      if (maySend(code)) {
        assert.equal(status, { closeCode: code, reason });
        continue;
      }
      const { closeCode, code: errorCode } = status as RemoteProtocolError;
      assert.instance(status, RemoteProtocolError);
      assert.equal([closeCode, errorCode], [1002, 'ERR_WS_INVALID_CLOSE_CODE'], String(code));
    }
  }
});

test('the code is read with its first byte as the most significant', () => {
  assert.equal(parseClosePayload(hex('03 e8')), { closeCode: 1000, reason: '' });
  // Ktor echoes this one: 59395, the bytes of 1000 the wrong way round.
  assert.is(parseError(hex('e8 03')).code, 'ERR_WS_INVALID_CLOSE_CODE');
});

test('a reason that is not UTF-8 is refused with 1007', () => {
  for (const reason of ['80', 'c3', 'ed a0 80', 'c0 af', '61 ff', 'f4 90 80 80', 'e2 82']) {
    const error = parseError(closePayload(1000, hex(reason)));
    assert.is(error.code, 'ERR_WS_INVALID_UTF8');
    assert.is(error.closeCode, 1007);
  }
});

test('a code that must not be sent is refused before the reason is looked at', () => {
  assert.is(parseError(closePayload(1005, hex('ff'))).code, 'ERR_WS_INVALID_CLOSE_CODE');
});

test('a reason is decoded to its last character, a byte order mark too', () => {
  for (const reason of ['x'.repeat(123), 'websocket закрыт', '日本語', 'a😀b', '\ufeffmark', '\u0000']) {
    assert.equal(parseClosePayload(closePayload(4000, reason)), { closeCode: 4000, reason });
  }
});

// --- Payloads that are sent ----------------------------------------------------------------------------------------

test('no code and no reason make an empty payload', () => {
  assert.is(encodeClosePayload().byteLength, 0);
  assert.is(encodeClosePayload(undefined, '').byteLength, 0);
});

test('a reason without a code gets 1000', () => {
  assert.is(toHex(encodeClosePayload(undefined, 'ok')), '03 e8 6f 6b');
});

test('a code goes first, its most significant byte first, then the reason', () => {
  assert.is(toHex(encodeClosePayload(1000)), '03 e8');
  assert.is(toHex(encodeClosePayload(4999, 'é')), '13 87 c3 a9');
});

test('each code that may be sent comes back with its reason; any other is a RangeError', () => {
  for (const code of codes) {
    if (!maySend(code)) throws(() => encodeClosePayload(code), RangeError, new RegExp(`code ${code}`));
    else assert.equal(parseClosePayload(encodeClosePayload(code, 'why')), { closeCode: code, reason: 'why' });
  }
});

test('a code that is no number is a TypeError, one that is no integer a RangeError', () => {
  for (const code of ['1000', null, {}, [1000], true]) {
    throws(() => encodeClosePayload(code as unknown as number), TypeError, /not a number/);
  }
  for (const code of [Number.NaN, 1000.5, -1, Number.POSITIVE_INFINITY])
    throws(() => encodeClosePayload(code), RangeError);
});

test('a reason that is no string is a TypeError, bytes too', () => {
  // ws took a typed array and sent memory of others with it (CVE-2026-45736).
  for (const reason of [42, null, {}, new Uint8Array(3), new Float32Array(3), ['a']]) {
    throws(() => encodeClosePayload(1000, reason as unknown as string), TypeError, /not a string/);
  }
});

test('a reason of 123 bytes fills a control frame, one of 124 is a RangeError', () => {
  assert.is(MAX_CLOSE_REASON, 123);
  assert.is(encodeClosePayload(1000, 'x'.repeat(123)).byteLength, 125);
  throws(() => encodeClosePayload(1000, 'x'.repeat(124)), RangeError, /124 bytes, at most 123/);
  // Bytes are counted, not characters: 61 of two bytes and one of one.
  assert.is(encodeClosePayload(1000, `${'я'.repeat(61)}x`).byteLength, 125);
  throws(() => encodeClosePayload(1000, 'я'.repeat(62)), RangeError, /124 bytes/);
});

test('a lone surrogate in a reason becomes U+FFFD', () => {
  assert.is(toHex(encodeClosePayload(1000, 'a\ud800b')), '03 e8 61 ef bf bd 62');
  throws(() => encodeClosePayload(1000, '\udc00'.repeat(42)), RangeError, /126 bytes/);
});

// --- Reasons of the engine's own -----------------------------------------------------------------------------------

test('a reason of up to 123 bytes is not cut', () => {
  for (const reason of ['', 'short', 'x'.repeat(123), 'я'.repeat(61)]) assert.is(truncateCloseReason(reason), reason);
});

test('a longer reason is cut to 123 bytes at a character', () => {
  const cases: readonly [string, string][] = [
    ['a'.repeat(500), 'a'.repeat(123)],
    ['я'.repeat(200), 'я'.repeat(61)],
    [`${'a'.repeat(122)}я`, 'a'.repeat(122)],
    [`${'a'.repeat(121)}я`, `${'a'.repeat(121)}я`],
    [`${'a'.repeat(120)}😀`, 'a'.repeat(120)],
    [`${'a'.repeat(119)}😀x`, `${'a'.repeat(119)}😀`],
  ];
  for (const [reason, cut] of cases) {
    assert.is(truncateCloseReason(reason), cut);
    const status = parseClosePayload(encodeClosePayload(1011, truncateCloseReason(reason))) as CloseStatus;
    assert.is(status.reason, cut);
  }
});

test('a reason with lone surrogates is cut to what fits when they have become U+FFFD', () => {
  const cut = truncateCloseReason('\ud800'.repeat(100));
  assert.is(cut.length, 41);
  assert.is(encodeClosePayload(1011, cut).byteLength, 125);
});

test.run();
