// WebSocketError as the WHATWG's draft of WebSocketStream has it: an error that may carry what a close frame says.

/** What a close frame says, of WebSocketStream: all of it may be left out. */
export interface WebSocketCloseInfo {
  /** 1000, or 3000 to 4999. */
  readonly closeCode?: number;
  /** At most 123 bytes of UTF-8. */
  readonly reason?: string;
}

const encoder = new TextEncoder();
// A byte order mark is a character like others.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

// What the engine itself makes may have any close code: 1006, or what the peer has said.
const unchecked = Symbol('unchecked');

interface Unchecked {
  readonly [unchecked]: true;
  readonly closeCode: number | null;
  readonly reason: string;
}

/**
 * An error of a WebSocketStream. Given as the reason of `abort` or `cancel`, its close code and reason go to the peer.
 *
 * @throws DOMException InvalidAccessError when the close code is neither 1000 nor from 3000 to 4999, SyntaxError when the reason is over 123 bytes of UTF-8; TypeError when `init` is
 * no dictionary.
 */
export class WebSocketError extends DOMException {
  readonly #closeCode: number | null;
  readonly #reason: string;

  constructor(message = '', init: WebSocketCloseInfo = {}) {
    super(message, 'WebSocketError');
    if (isUnchecked(init)) {
      this.#closeCode = init.closeCode;
      this.#reason = init.reason;
      return;
    }
    const { closeCode, reason } = checkCloseInfo(init);
    this.#closeCode = closeCode ?? null;
    this.#reason = reason;
  }

  /** The close code; null when there is none. */
  get closeCode(): number | null {
    return this.#closeCode;
  }

  get reason(): string {
    return this.#reason;
  }
}

/** Makes one that tells how a connection ended, with whatever close code that was. */
export function createWebSocketError(message: string, closeCode: number | null = null, reason = ''): WebSocketError {
  const init: Unchecked = { [unchecked]: true, closeCode, reason };
  return new WebSocketError(message, init as unknown as WebSocketCloseInfo);
}

function isUnchecked(init: unknown): init is Unchecked {
  return typeof init === 'object' && init !== null && unchecked in init;
}

/** What is to be said in a close frame, with the rules of the draft kept. Of neither code nor reason: an empty close frame. */
export interface CheckedCloseInfo {
  readonly closeCode: number | undefined;
  readonly reason: string;
}

/** Converts and validates a dictionary of close code and reason. Throws as the constructor of {@link WebSocketError}. */
export function checkCloseInfo(info: WebSocketCloseInfo | null | undefined): CheckedCloseInfo {
  const { closeCode, reason } = convert(info);
  const code = closeCode === undefined && reason !== '' ? 1000 : closeCode;
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(`The close code ${code} is neither 1000 nor from 3000 to 4999`, 'InvalidAccessError');
  }
  const { byteLength } = encoder.encode(reason);
  if (byteLength > 123) throw new DOMException(`The reason of ${byteLength} bytes is over 123`, 'SyntaxError');
  return { closeCode: code, reason };
}

// Web IDL: `dictionary WebSocketCloseInfo { [EnforceRange] unsigned short closeCode; USVString reason = ""; };`, members in the order of their names.
function convert(info: unknown): CheckedCloseInfo {
  if (info === undefined || info === null) return { closeCode: undefined, reason: '' };
  if (typeof info !== 'object' && typeof info !== 'function') throw new TypeError('The close info is no dictionary');
  const { closeCode } = info as WebSocketCloseInfo;
  const code = closeCode === undefined ? undefined : toUnsignedShort(closeCode);
  const { reason } = info as WebSocketCloseInfo;
  return { closeCode: code, reason: reason === undefined ? '' : toUsvString(reason) };
}

function toUnsignedShort(value: unknown): number {
  const number = Math.trunc(Number(value));
  if (number >= 0 && number <= 65_535) return number + 0;
  throw new TypeError('The close code is no number from 0 to 65535');
}

/** Web IDL's USVString: lone surrogates become U+FFFD. */
export function toUsvString(value: unknown): string {
  return decoder.decode(encoder.encode(`${value as string}`));
}
