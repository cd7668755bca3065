// WebSocketError as the WHATWG's draft of WebSocketStream has it: an error that may carry what a close frame says.

import { defineInterface, toDictionary, toUnsignedShort, toUsvString } from './web-idl.ts';

/** What a close frame says. To close with, all of it may be left out. */
export interface WebSocketCloseInfo {
  /** To close with: 1000, or 3000 to 4999. */
  readonly closeCode?: number;
  /** At most 123 bytes of UTF-8. */
  readonly reason?: string;
}

/** What is to be said in a close frame, with the rules of the draft kept. Of neither code nor reason: an empty close frame. */
export interface CheckedCloseInfo {
  readonly closeCode: number | undefined;
  readonly reason: string;
}

const NOTHING: CheckedCloseInfo = { closeCode: undefined, reason: '' };

const encoder = new TextEncoder();

/** What the engine itself tells may have any close code: 1006, or what the peer has said. */
class Told {
  readonly closeCode: number | null;
  readonly reason: string;

  constructor(closeCode: number | null, reason: string) {
    this.closeCode = closeCode;
    this.reason = reason;
  }
}

/**
 * An error of a {@link WebSocketStream}. Given as the reason of `abort` or `cancel`, its close code and reason go to the peer.
 *
 * Of a connection that could not be made, or was lost, the `cause` is the engine's own error, where there is one: a HandshakeError has the status of the response. (That is more
 * than the draft tells: a browser must not say it.)
 *
 * @example
 * await stream.closed.catch((error: WebSocketError) => console.log(error.closeCode, error.reason, error.cause));
 * await writable.abort(new WebSocketError('enough', { closeCode: 4000, reason: 'enough' }));
 */
export class WebSocketError extends DOMException {
  readonly #closeCode: number | null;
  readonly #reason: string;

  /**
   * @throws DOMException InvalidAccessError when the close code is neither 1000 nor from 3000 to 4999, SyntaxError when the reason is over 123 bytes of UTF-8; TypeError when `init` is
   * no dictionary, or its close code no number from 0 to 65535.
   */
  constructor(message = '', init: WebSocketCloseInfo = {}) {
    super(message, 'WebSocketError');
    const { closeCode, reason } = init instanceof Told ? init : checkCloseInfo(init);
    this.#closeCode = closeCode ?? null;
    this.#reason = reason;
  }

  /** The close code; null when there is none. */
  get closeCode(): number | null {
    return this.#closeCode;
  }

  /** The reason; '' when there is none. */
  get reason(): string {
    return this.#reason;
  }
}

defineInterface(WebSocketError, 'WebSocketError', ['closeCode', 'reason']);

/** Makes one that tells how a connection ended, with whatever close code that was. */
export function createWebSocketError(
  message: string,
  closeCode: number | null,
  reason: string,
  cause: unknown,
): WebSocketError {
  const error = new WebSocketError(message, new Told(closeCode, reason) as WebSocketCloseInfo);
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true });
  return error;
}

/**
 * Converts and validates a dictionary of close code and reason.
 *
 * @throws As the constructor of {@link WebSocketError}.
 */
export function checkCloseInfo(info: unknown): CheckedCloseInfo {
  const { closeCode, reason } = convert(info);
  const code = closeCode === undefined && reason !== '' ? 1000 : closeCode;
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(`The close code ${code} is neither 1000 nor from 3000 to 4999`, 'InvalidAccessError');
  }
  const { byteLength } = encoder.encode(reason);
  if (byteLength > 123) throw new DOMException(`The reason of ${byteLength} bytes is over 123`, 'SyntaxError');
  return { closeCode: code, reason };
}

/** What is said in the close frame when a stream is aborted or cancelled for a reason: what a WebSocketError has, if that may be said. */
export function closeInfoOf(reason: unknown): CheckedCloseInfo {
  if (!(reason instanceof WebSocketError)) return NOTHING;
  try {
    return checkCloseInfo({ closeCode: reason.closeCode ?? undefined, reason: reason.reason });
  } catch {
    return NOTHING;
  }
}

// Web IDL reads the members of a dictionary in the order of their names, and converts each before it reads the next.
function convert(info: unknown): CheckedCloseInfo {
  const dictionary = toDictionary(info, 'The close info');
  const { closeCode } = dictionary;
  const code = closeCode === undefined ? undefined : toUnsignedShort(closeCode, 'The close code');
  const { reason } = dictionary;
  return { closeCode: code, reason: reason === undefined ? '' : toUsvString(reason) };
}
