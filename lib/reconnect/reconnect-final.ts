// Which losses are final: another connection would end in the same way, or is not wanted.

import type { CloseInfo } from '../connection/close-info.ts';
import { HandshakeError, LimitError, RemoteProtocolError } from '../error.ts';
import { CloseCode } from '../frame/close-code.ts';
import type { Loss } from './reconnect-state.ts';

// What was done is done (1000), or was wrong and would be so again: the protocol, the data, a policy, a size, an extension that is missing. Not 1001, 1011 to 1014 (the peer goes away or is
// in trouble), nor an end without a code or without a close frame.
const finalCodes: ReadonlySet<number> = new Set([
  CloseCode.NORMAL_CLOSURE,
  CloseCode.PROTOCOL_ERROR,
  CloseCode.UNSUPPORTED_DATA,
  CloseCode.INVALID_FRAME_PAYLOAD_DATA,
  CloseCode.POLICY_VIOLATION,
  CloseCode.MESSAGE_TOO_BIG,
  CloseCode.MANDATORY_EXTENSION,
]);

// RFC 9110 §15.5.9: "the client MAY repeat the request"; RFC 8470 §5.2; RFC 6585 §4.
const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/** Whether the rules say that no other connection is to be tried. */
export function isFinalLoss({ phase, closeInfo, error }: Pick<Loss, 'phase' | 'closeInfo' | 'error'>): boolean {
  // Whatever the user's functions ask (a token's server) may be there again later; TypeErrors of `fetch` too.
  if (phase === 'asking') return false;
  if (closeInfo !== undefined) return isFinalCode(closeCodeOf(closeInfo));
  if (error instanceof HandshakeError) return isFinalAnswer(error);
  // A wrong argument does not become right by waiting.
  return error instanceof TypeError || error instanceof RangeError;
}

/** The close code that tells why the connection ended: that of the side that began. */
export function closeCodeOf({ initiator, closeCode, sent, error }: CloseInfo): number {
  if (initiator === 'remote') return closeCode;
  if (error instanceof RemoteProtocolError || error instanceof LimitError) return error.closeCode;
  return sent?.closeCode ?? CloseCode.ABNORMAL_CLOSURE;
}

// 3000 to 4999 are the application's own words (RFC 6455 §7.4.2): only it knows which of them ask for another connection.
function isFinalCode(code: number): boolean {
  return finalCodes.has(code) || code >= 3000;
}

// No status (0): nobody has answered, or not to the end. 5xx: the server is in trouble. Anything else is an answer, and will be the same: no WebSocket here, not for you, or elsewhere.
function isFinalAnswer({ code, status }: HandshakeError): boolean {
  if (code === 'ERR_WS_RESPONSE_INCOMPLETE') return false;
  return status > 0 && status < 500 && !passing.has(status);
}
