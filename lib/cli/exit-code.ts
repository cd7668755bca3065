// What a script learns of how a connection ended.

import type { CloseInfo } from '../connection/close-info.ts';
import { MillraceError } from '../error.ts';

/** The exit codes of `millrace connect`. */
export const ExitCode = {
  /** Closed well. */
  CLOSED: 0,
  /** Could not connect, or the connection failed, or the input or the output did. */
  FAILED: 1,
  /** The command line is wrong. */
  USAGE: 2,
  /** The peer closed with a code that tells of trouble. */
  CLOSED_BY_PEER: 3,
} as const;

export function toExitCode(info: CloseInfo): number {
  if (hasFailed(info)) return ExitCode.FAILED;
  const { closeCode, initiator, sent } = info;
  const isAnswer = initiator === 'local' && closeCode === sent?.closeCode;
  return closeCode === 1000 || closeCode === 1005 || isAnswer ? ExitCode.CLOSED : ExitCode.CLOSED_BY_PEER;
}

/** Whether it did not end by a closing handshake that one of the sides wanted. */
export function hasFailed({ wasClean, error }: CloseInfo): boolean {
  return !wasClean || (error !== undefined && !isCancellation(error));
}

function isCancellation(error: Error): boolean {
  return error instanceof MillraceError && error.code === 'ERR_WS_CANCELLED';
}
