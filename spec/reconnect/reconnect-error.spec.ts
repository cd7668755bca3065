// The error that an end is told with.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { ConnectionError, HandshakeError } from '../../lib/error.ts';
import { createEndError, giveUp } from '../../lib/reconnect/reconnect-error.ts';

const test = suite('reconnect error');
const refusal = new HandshakeError('ERR_WS_NOT_UPGRADED', 'no', 401);

function closed(closeCode: number, wasClean = true): { closeInfo: CloseInfo; error: undefined } {
  return { closeInfo: { closeCode, wasClean } as CloseInfo, error: undefined };
}

test('closed by this side there is none, unless the closing handshake failed', () => {
  const error = new ConnectionError('ERR_WS_CLOSE_TIMEOUT', 'late');
  assert.is(createEndError('closed', undefined, undefined), undefined);
  assert.is(createEndError('closed', { closeInfo: undefined, error: refusal }, undefined), undefined);
  assert.is(createEndError('closed', { closeInfo: { error } as unknown as CloseInfo, error }, undefined), error);
});

test('aborted it has the reason of the signal for its cause', () => {
  const error = createEndError('aborted', undefined, 'enough') as ConnectionError;
  assert.equal([error.code, error.cause], ['ERR_WS_CANCELLED', 'enough']);
});

test('final it is the error of the last loss; a clean 1000 has none, another clean close has one that tells its code', () => {
  assert.is(createEndError('final', { closeInfo: undefined, error: refusal }, undefined), refusal);
  assert.is(createEndError('final', closed(1000), undefined), undefined);
  for (const loss of [closed(4001), closed(1000, false)]) {
    const error = createEndError('final', loss, undefined) as ConnectionError;
    assert.is(error.code, 'ERR_WS_FINAL_CLOSE');
    assert.match(error.message, String(loss.closeInfo.closeCode));
  }
  const thrown = createEndError('final', { closeInfo: undefined, error: 'a string' }, undefined) as ConnectionError;
  assert.equal([thrown.code, thrown.cause], ['ERR_WS_FINAL_CLOSE', 'a string']);
});

test('given up it has the last loss for its cause, and is made once', () => {
  for (const reason of ['tries', 'time'] as const) {
    const error = createEndError(reason, { closeInfo: undefined, error: refusal }, undefined) as ConnectionError;
    assert.equal([error.code, error.cause], ['ERR_WS_GAVE_UP', refusal]);
    const given = giveUp(reason);
    assert.is(createEndError(reason, { closeInfo: undefined, error: given }, undefined), given);
  }
});

test.run();
