// Every error class of the library and the table of their codes. An error says who was at fault: the peer
// (RemoteProtocolError), a limit (LimitError), the caller (LocalProtocolError, or the language's own TypeError and
// RangeError), an extension of his (ExtensionError), the opening handshake (HandshakeError), the transport or time (ConnectionError).

/**
 * What each stable `code` means. A code never changes its meaning; the text of a message may.
 */
export const errorCodes = {
  // The peer broke RFC 6455 §5 (close code 1002) or sent invalid UTF-8 or corrupt compressed data (1007).
  ERR_WS_UNEXPECTED_RSV: 'A reserved bit is set that no negotiated extension defines (RFC 6455 §5.2)',
  ERR_WS_UNKNOWN_OPCODE: 'A frame has a reserved opcode (RFC 6455 §5.2)',
  ERR_WS_MISSING_MASK: 'A frame from a client is not masked (RFC 6455 §5.1)',
  ERR_WS_UNEXPECTED_MASK: 'A frame from a server is masked (RFC 6455 §5.1)',
  ERR_WS_CONTROL_FRAME_FRAGMENTED: 'A control frame is fragmented (RFC 6455 §5.5)',
  ERR_WS_CONTROL_FRAME_TOO_LONG: 'A control frame has over 125 bytes of payload (RFC 6455 §5.5)',
  ERR_WS_UNEXPECTED_CONTINUATION: 'A continuation frame comes where no message has been started (RFC 6455 §5.4)',
  ERR_WS_EXPECTED_CONTINUATION: 'A message starts inside another fragmented message (RFC 6455 §5.4)',
  ERR_WS_LENGTH_NOT_MINIMAL: 'A payload length is not in its shortest form (RFC 6455 §5.2)',
  ERR_WS_INVALID_LENGTH: 'The most significant bit of a 64-bit payload length is set (RFC 6455 §5.2)',
  ERR_WS_INVALID_UTF8: 'A text message or a close reason is not valid UTF-8 (RFC 6455 §8.1)',
  ERR_WS_INVALID_CLOSE_PAYLOAD: 'A close frame has a payload of one byte (RFC 6455 §5.5.1)',
  ERR_WS_INVALID_CLOSE_CODE: 'A close frame has a close code that must not be sent (RFC 6455 §7.4)',
  ERR_WS_INVALID_DEFLATE: 'The data of a compressed message is corrupt (RFC 7692 §7.2.2)',
  // A limit of this side was reached (close code 1009, where no other is said).
  ERR_WS_FRAME_TOO_LONG: 'A frame declares a payload over the limit',
  ERR_WS_MESSAGE_TOO_LONG: 'A message is over the limit',
  ERR_WS_TOO_MANY_FRAGMENTS: 'A message has more fragments than the limit',
  ERR_WS_CONTROL_FRAME_RATE: 'Pings or pongs come faster than the limit (close code 1008)',
  ERR_WS_IDLE: 'No message has come or gone for the idle time-out (close code 1001)',
  ERR_WS_SLOW_CONSUMER: 'The peer reads too slowly for the policy of the session (close code 1008 or 1013)',
  ERR_WS_RETAINED: 'The connections together retain more than the limit, and this one most (close code 1013)',
  ERR_WS_UNREAD: 'More waits unread than the limit, and the platform cannot be told to wait (close code 4009)',
  // The caller asked for what cannot be done now; nothing was changed.
  ERR_WS_CLOSED: 'The session is closing or closed',
  ERR_WS_QUEUE_FULL: 'The message was not taken: the peer reads too slowly, and the policy is to fail',
  ERR_WS_MESSAGE_UNFINISHED: 'A fragmented message has been begun and is not finished (RFC 6455 §5.4)',
  // An extension of the caller's has thrown.
  ERR_WS_EXTENSION_FAILED: 'An extension failed on what was received or sent (close code 1011)',
  // The connection ended without a closing handshake.
  ERR_WS_CONNECTION_LOST: 'The transport ended or failed without a closing handshake',
  ERR_WS_PING_TIMEOUT: 'The peer has been silent behind a ping for too long (close code 1011)',
  ERR_WS_STALLED: 'The peer has not read for the stall time-out',
  ERR_WS_MESSAGE_ABORTED: 'The source of a streamed message failed, so it could not be finished (close code 1011)',
  ERR_WS_CLOSE_TIMEOUT: 'The closing handshake did not end in time',
  ERR_WS_HANDLER_TIMEOUT: 'The handler did not end in time after the connection had ended',
  ERR_WS_CANCELLED: 'The job was cancelled',
  ERR_WS_HANDLER_FAILED: 'The handler failed',
  // No other connection is tried, where there had been one after the other.
  ERR_WS_FINAL_CLOSE: 'The connection was closed with a code after which no other one is tried',
  ERR_WS_GAVE_UP: 'No other connection is tried: the bound on tries or on time is reached',
  // The server refused the opening handshake.
  ERR_WS_HANDSHAKE: 'The request is no valid opening handshake (RFC 6455 §4.2.1)',
  ERR_WS_VERSION: 'The version of the protocol is not supported (RFC 6455 §4.4)',
  ERR_WS_ORIGIN: 'The origin is not admitted (RFC 6455 §10.2)',
  ERR_WS_HOST: 'The host is not admitted',
  ERR_WS_REFUSED: 'The hook of the server refused the request, or failed',
  ERR_WS_HEAD_TOO_LARGE: 'The head of the request or of the response is over the limit',
  // The client's opening handshake failed.
  ERR_WS_UNREACHABLE: 'No connection could be made, or it was lost before the response',
  ERR_WS_HANDSHAKE_TIMEOUT: 'The opening handshake did not end in time',
  ERR_WS_PROXY: 'The proxy could not be reached, or does not pass on; status, headers and body are its own',
  ERR_WS_REDIRECT: 'The server redirects to where nobody should follow',
  ERR_WS_RESPONSE_INCOMPLETE: 'The transport ended before the head of the response was whole',
  ERR_WS_RESPONSE_MALFORMED: 'What has come is no HTTP/1.1 response',
  ERR_WS_NOT_UPGRADED: 'The server answered with a status other than 101',
  ERR_WS_RESPONSE_INVALID: 'The 101 is no valid answer to the opening handshake (RFC 6455 §4.1)',
} as const;

/** A stable literal that tells one kind of failure from another: the keys of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/**
 * The base of every error of this library.
 *
 * @example
 * const session = await connect('wss://example.com/chat').catch((error: unknown) => {
 *   if (error instanceof HandshakeError && error.status === 401) return undefined;
 *   throw error;
 * });
 * const info = await session?.closed;
 * if (info?.error instanceof MillraceError) console.log(info.error.code); // 'ERR_WS_PING_TIMEOUT'
 */
export abstract class MillraceError extends Error {
  /** Stable literal; see {@link errorCodes}. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The peer broke the protocol: the connection is failed with {@link closeCode} (RFC 6455 §7.1.7). */
export class RemoteProtocolError extends MillraceError {
  override readonly name: string = 'RemoteProtocolError';
  /** 1002 (protocol error) or 1007 (data that is not what it should be). */
  readonly closeCode: number;

  constructor(code: ErrorCode, message: string, closeCode = 1002) {
    super(code, message);
    this.closeCode = closeCode;
  }
}

/** A limit of this side was reached: the connection is failed with {@link closeCode} (RFC 6455 §10.4). */
export class LimitError extends MillraceError {
  override readonly name: string = 'LimitError';
  /** 1009 (a size), 1008 (a rate, a slow reader), 1001 (idle) or 1013 (too much retained, a slow reader). */
  readonly closeCode: number;

  constructor(code: ErrorCode, message: string, closeCode = 1009) {
    super(code, message);
    this.closeCode = closeCode;
  }
}

/** An extension of the caller's failed on what was received or sent: the connection is failed with {@link closeCode}. Its error is the `cause`. */
export class ExtensionError extends MillraceError {
  override readonly name: string = 'ExtensionError';
  /** 1011: this side met what it did not expect. */
  readonly closeCode: number = 1011;
}

/** The peer, a limit or an extension is at fault: what the core reports instead of throwing. */
export type Fault = RemoteProtocolError | LimitError | ExtensionError;

/** The caller asked for something that the state does not allow. Nothing was changed. */
export class LocalProtocolError extends MillraceError {
  override readonly name: string = 'LocalProtocolError';
}

/** The connection ended, or had to be ended, outside the closing handshake. */
export class ConnectionError extends MillraceError {
  override readonly name: string = 'ConnectionError';
}

/** What is known of a response, for {@link HandshakeError}. */
export interface ResponseDetails {
  /** Its header fields, in their order. Default: none. */
  readonly headers?: readonly (readonly [string, string])[];
  /** What has come of its body. Default: nothing. */
  readonly body?: Uint8Array;
  /** What went wrong underneath. */
  readonly cause?: unknown;
}

/** An opening handshake was refused, or has failed. */
export class HandshakeError extends MillraceError {
  override readonly name: string = 'HandshakeError';
  /** The HTTP status that tells the refusal. 0 for a client that no status has reached. */
  readonly status: number;
  /** Client: the header fields of the response in their order, as far as they came. Server: none. */
  readonly headers: readonly (readonly [string, string])[];
  /** Client: the first 64 KiB of the response's body, as far as they came. Server: empty. */
  readonly body: Uint8Array;

  constructor(code: ErrorCode, message: string, status: number, details: ResponseDetails = {}) {
    super(code, message, 'cause' in details ? { cause: details.cause } : undefined);
    this.status = status;
    this.headers = details.headers ?? [];
    this.body = details.body ?? new Uint8Array(0);
  }
}
