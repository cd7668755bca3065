// Why a session that outlives its connections has not ended well.

import { ConnectionError } from '../error.ts';
import { CloseCode } from '../frame/close-code.ts';
import type { Loss, ReconnectEnd } from './reconnect-state.ts';

/**
 * The error of an end; undefined when all has ended well.
 *
 * @param loss The last one; undefined when nothing was tried.
 * @param abortReason The reason of the signal, where one has ended it.
 */
export function createEndError(
  reason: ReconnectEnd['reason'],
  loss: Pick<Loss, 'error' | 'closeInfo'> | undefined,
  abortReason: unknown,
): Error | undefined {
  switch (reason) {
    case 'closed':
      return loss?.closeInfo?.error;
    case 'aborted':
      return new ConnectionError('ERR_WS_CANCELLED', 'The session was cancelled', { cause: abortReason });
    case 'final':
      return createFinalError(loss);
    default:
      return isGivenUp(loss?.error) ? loss.error : giveUp(reason, loss?.error);
  }
}

/** No other connection is tried, though another would have been worth a try. */
export function giveUp(bound: 'tries' | 'time', cause?: unknown): ConnectionError {
  const text = bound === 'tries' ? 'as often as may be' : 'for as long as may be';
  return new ConnectionError('ERR_WS_GAVE_UP', `No other connection is tried: it was tried ${text}`, { cause });
}

function isGivenUp(error: unknown): error is ConnectionError {
  return error instanceof ConnectionError && error.code === 'ERR_WS_GAVE_UP';
}

function createFinalError(loss: Pick<Loss, 'error' | 'closeInfo'> | undefined): Error | undefined {
  const { error, closeInfo } = loss ?? {};
  if (error instanceof Error) return error;
  const isNormal = closeInfo?.closeCode === CloseCode.NORMAL_CLOSURE && closeInfo.wasClean;
  if (error === undefined && isNormal) return undefined;
  const said = closeInfo === undefined ? '' : ` after a close with ${closeInfo.closeCode}`;
  const text = `No other connection is tried${said}`;
  return new ConnectionError('ERR_WS_FINAL_CLOSE', text, { cause: error });
}
