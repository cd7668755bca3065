// Close codes and close payloads, RFC 6455 §5.5.1 and §7.4.

import { decodeUtf8 } from '../bytes/utf8.ts';
import { RemoteProtocolError } from '../error.ts';
import { MAX_CONTROL_PAYLOAD } from './frame.ts';

/** The close codes that RFC 6455 §7.4.1 and IANA's registry (RFC 6455 §11.7) define. */
export const CloseCode = {
  NORMAL_CLOSURE: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** Only reported: the close frame had no code. */
  NO_STATUS_RECEIVED: 1005,
  /** Only reported: there was no close frame. */
  ABNORMAL_CLOSURE: 1006,
  INVALID_FRAME_PAYLOAD_DATA: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  MANDATORY_EXTENSION: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
} as const;

/** What one close frame says. */
export interface CloseStatus {
  /** The close code; 1005 where the frame had none. */
  readonly closeCode: number;
  /** At most 123 bytes of UTF-8; '' without one. */
  readonly reason: string;
}

/** The most bytes of UTF-8 that a close reason may have: a control frame's 125 less the code's two. */
export const MAX_CLOSE_REASON: number = MAX_CONTROL_PAYLOAD - 2;

const encoder: TextEncoder = new TextEncoder();

/**
 * Whether a close frame may carry this code. 1004, 1005, 1006 and 1015 "MUST NOT be set as a status code in a Close control
 * frame" (RFC 6455 §7.4.1); 0-999 are not used, 1016-2999 reserved, 3000-4999 for libraries and applications (§7.4.2).
 *
 * @example
 * [1000, 1005, 1006, 3000, 5000].filter(isSendableCloseCode); // [1000, 3000]
 */
export function isSendableCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

/** Reads the payload of a close frame. A payload that RFC 6455 forbids gives the error to fail the connection with. */
export function parseClosePayload(payload: Uint8Array): CloseStatus | RemoteProtocolError {
  if (payload.byteLength === 0) return { closeCode: CloseCode.NO_STATUS_RECEIVED, reason: '' };
  // RFC 6455 §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer".
  if (payload.byteLength === 1) {
    return new RemoteProtocolError('ERR_WS_INVALID_CLOSE_PAYLOAD', 'Close frame has a payload of one byte');
  }
  const closeCode = ((payload[0] as number) << 8) | (payload[1] as number);
  if (!isSendableCloseCode(closeCode)) {
    return new RemoteProtocolError('ERR_WS_INVALID_CLOSE_CODE', `Close frame has the invalid code ${closeCode}`);
  }
  const reason = decodeUtf8(payload.subarray(2));
  if (reason === undefined) {
    return new RemoteProtocolError('ERR_WS_INVALID_UTF8', 'Close reason is not valid UTF-8', 1007);
  }
  return { closeCode, reason };
}

/**
 * Makes the payload of a close frame. Without a code it is empty; a reason without a code gets 1000.
 *
 * @throws RangeError when the code may not be sent or the reason is over 123 bytes of UTF-8.
 * @throws TypeError when the code is no number or the reason no string.
 */
export function encodeClosePayload(closeCode?: number, reason = ''): Uint8Array {
  if (typeof reason !== 'string') throw new TypeError('Cannot close: the reason is not a string');
  if (closeCode === undefined && reason === '') return new Uint8Array(0);
  const code = closeCode === undefined ? CloseCode.NORMAL_CLOSURE : closeCode;
  if (typeof code !== 'number') throw new TypeError('Cannot close: the close code is not a number');
  if (!isSendableCloseCode(code)) throw new RangeError(`Cannot close with code ${code}: it must not be sent`);
  const text = encoder.encode(reason);
  if (text.byteLength > MAX_CLOSE_REASON) {
    throw new RangeError(
      `Cannot close: the reason has ${text.byteLength} bytes, at most ${MAX_CLOSE_REASON} are allowed`,
    );
  }
  const payload = new Uint8Array(2 + text.byteLength);
  payload[0] = code >>> 8;
  payload[1] = code;
  payload.set(text, 2);
  return payload;
}

/** Cuts a reason of the engine's own to 123 bytes, at a character. */
export function truncateCloseReason(reason: string): string {
  const { read } = encoder.encodeInto(reason, new Uint8Array(MAX_CLOSE_REASON));
  return reason.slice(0, read);
}
