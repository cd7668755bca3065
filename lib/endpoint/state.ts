// The closing handshake as a table, RFC 6455 §5.5.1, §7.1. Everything about its transitions stands here; this file does not know
// the role, but for the last function.
//
//   open ──sends close──▶ close-sent ──receives close──▶ closed
//     ╰──receives close─▶ close-received ──sends close──▶ closed
//   a fault of the peer, or a limit ─▶ failed        the transport ended first ─▶ lost

import type { Role } from '../frame/frame.ts';

/**
 * Where the closing handshake of an endpoint is (RFC 6455 §5.5.1, §7.1).
 *
 * - `open`: neither side has sent a close frame.
 * - `close-sent`: this side has.
 * - `close-received`: the peer has; this side may still send, then answers it.
 * - `closed`: both have.
 * - `failed`: the peer broke a rule or reached a limit; the connection is failed (RFC 6455 §7.1.7).
 * - `lost`: the transport ended before the handshake had.
 */
export type EndpointState = 'open' | 'close-sent' | 'close-received' | 'closed' | 'failed' | 'lost';

/** What moves an endpoint from one state to the next. */
export type Transition = 'send-close' | 'receive-close' | 'fail' | 'end';

/** The transitions; one that is not in the table leaves the state as it is. */
export const transitions: Record<EndpointState, Partial<Record<Transition, EndpointState>>> = {
  open: { 'send-close': 'close-sent', 'receive-close': 'close-received', fail: 'failed', end: 'lost' },
  'close-sent': { 'receive-close': 'closed', fail: 'failed', end: 'lost' },
  // The peer may have closed its half of the transport behind its close frame: ours still can be sent.
  'close-received': { 'send-close': 'closed', fail: 'failed' },
  closed: {},
  failed: {},
  lost: {},
};

/** What an endpoint may do in a state. */
export interface Permissions {
  /** RFC 6455 §5.5.1: "The application MUST NOT send any more data frames after sending a Close frame." */
  readonly send: boolean;
  /** RFC 6455 §1.4: "any further data received after a Close frame is discarded". */
  readonly receive: boolean;
}

export const permissions: Record<EndpointState, Permissions> = {
  open: { send: true, receive: true },
  'close-sent': { send: false, receive: true },
  // Replies to what was received before the peer's close frame may still go out before ours.
  'close-received': { send: true, receive: false },
  closed: { send: false, receive: false },
  failed: { send: false, receive: false },
  lost: { send: false, receive: false },
};

/**
 * Whether the endpoint ends its half of the transport once all its output is written. RFC 6455 §7.1.1: "in most normal cases the
 * server SHOULD close the connection first ... A client SHOULD wait for the server to close the connection". One that failed the
 * connection ends its half at once, in either role.
 */
export function endsTransport(state: EndpointState, role: Role): boolean {
  return state === 'failed' || state === 'lost' || (state === 'closed' && role === 'server');
}
