// Which losses are final by the rules, each with its reason in the file.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { type ErrorCode, HandshakeError, LimitError, RemoteProtocolError } from '../../lib/error.ts';
import { closeCodeOf, isFinalLoss } from '../../lib/reconnect/reconnect-final.ts';

const test = suite('reconnect final');

function info(given: Partial<CloseInfo>): CloseInfo {
  const abandoned = { messages: 0, bytes: 0, handler: false };
  const ends = { received: undefined, sent: undefined, error: undefined, abandoned };
  return { closeCode: 1006, reason: '', wasClean: false, initiator: 'remote', ...ends, ...given };
}

function isFinal(closeInfo: CloseInfo): boolean {
  return isFinalLoss({ phase: 'open', closeInfo, error: closeInfo.error });
}

function refused(status: number, code: ErrorCode = 'ERR_WS_NOT_UPGRADED'): boolean {
  const error = new HandshakeError(code, 'no', status);
  return isFinalLoss({ phase: 'connecting', closeInfo: undefined, error });
}

test('of the peer’s close codes those are final that say that it is done, or would be wrong again', () => {
  const codes = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];
  assert.equal(
    codes.filter((closeCode) => isFinal(info({ closeCode }))),
    [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 4999],
  );
});

test('where this side began it is its own code that counts: of its fault, or of its close frame', () => {
  const local = (given: Partial<CloseInfo>): CloseInfo => info({ initiator: 'local', ...given });
  assert.is(closeCodeOf(local({ error: new RemoteProtocolError('ERR_WS_UNEXPECTED_MASK', 'masked') })), 1002);
  assert.is(closeCodeOf(local({ error: new LimitError('ERR_WS_MESSAGE_TOO_LONG', 'long') })), 1009);
  assert.is(closeCodeOf(local({ closeCode: 1000, sent: { closeCode: 1001, reason: '' } })), 1001);
  assert.is(closeCodeOf(local({})), 1006);
  assert.is(closeCodeOf(info({ closeCode: 4000, sent: { closeCode: 1001, reason: '' } })), 4000);
  assert.not.ok(isFinal(local({ closeCode: 1000, sent: { closeCode: 1001, reason: '' } })));
  assert.ok(isFinal(local({ closeCode: 1006, sent: { closeCode: 1000, reason: '' } })));
  assert.not.ok(isFinal(local({ error: new LimitError('ERR_WS_IDLE', 'idle', 1001) })));
});

test('an answer that is no upgrade is final, but for 408, 425, 429 and 5xx', () => {
  const statuses = [101, 200, 204, 301, 400, 401, 403, 404, 408, 410, 421, 425, 426, 429, 431, 500, 502, 503, 504];
  assert.equal(
    statuses.filter((status) => !refused(status)),
    [408, 425, 429, 500, 502, 503, 504],
  );
});

test('no answer, or half of one, is not final', () => {
  assert.not.ok(refused(0, 'ERR_WS_UNREACHABLE'));
  assert.not.ok(refused(0, 'ERR_WS_HANDSHAKE_TIMEOUT'));
  assert.not.ok(refused(101, 'ERR_WS_RESPONSE_INCOMPLETE'));
  assert.ok(refused(101, 'ERR_WS_RESPONSE_INVALID'));
  assert.ok(refused(302, 'ERR_WS_REDIRECT'));
});

test('a wrong argument is final, other errors are not, and nothing that the user’s functions throw is', () => {
  const connecting = (error: unknown): boolean => isFinalLoss({ phase: 'connecting', closeInfo: undefined, error });
  assert.equal([new TypeError(), new RangeError(), new Error(), 'x', undefined].map(connecting), [
    true,
    true,
    false,
    false,
    false,
  ]);
  for (const error of [new TypeError('fetch failed'), new HandshakeError('ERR_WS_NOT_UPGRADED', 'no', 401)]) {
    assert.not.ok(isFinalLoss({ phase: 'asking', closeInfo: undefined, error }));
  }
});

test.run();
