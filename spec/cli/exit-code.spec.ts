import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasFailed, toExitCode } from '../../lib/cli/exit-code.ts';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { ConnectionError } from '../../lib/error.ts';

const test = suite('exit-code');

function info(closeCode: number, more: Partial<CloseInfo> = {}): CloseInfo {
  const status = { closeCode, reason: '' };
  return {
    closeCode,
    reason: '',
    wasClean: true,
    initiator: 'remote',
    received: status,
    sent: status,
    error: undefined,
    abandoned: { messages: 0, bytes: 0, handler: false },
    ...more,
  };
}

const sent = (closeCode: number) => ({ closeCode, reason: '' });

test('closed with 1000 or without a code is 0, whoever began', () => {
  for (const closeCode of [1000, 1005]) {
    for (const initiator of ['local', 'remote'] as const) assert.is(toExitCode(info(closeCode, { initiator })), 0);
  }
});

test('another code is 3 where the peer says it, and 0 where it answers ours', () => {
  for (const closeCode of [1001, 1011, 4000]) {
    assert.is(toExitCode(info(closeCode)), 3);
    assert.is(toExitCode(info(closeCode, { initiator: 'local' })), 0);
    // Both have closed at the same time.
    assert.is(toExitCode(info(closeCode, { initiator: 'local', sent: sent(1000) })), 3);
  }
});

test('an end without a closing handshake, or by a fault, is 1', () => {
  const error = new ConnectionError('ERR_WS_CONNECTION_LOST', 'lost');
  for (const failed of [
    info(1006, { wasClean: false, error }),
    info(1000, { wasClean: false }),
    info(1000, { error }),
  ]) {
    assert.is(toExitCode(failed), 1);
    assert.ok(hasFailed(failed));
  }
});

test('what was cancelled here has not failed where it was closed well', () => {
  const error = new ConnectionError('ERR_WS_CANCELLED', 'cancelled');
  assert.is(toExitCode(info(1001, { initiator: 'local', error })), 0);
  assert.is(toExitCode(info(1006, { initiator: 'local', error, wasClean: false })), 1);
});

test.run();
