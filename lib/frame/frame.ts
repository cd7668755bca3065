// What a frame is, RFC 6455 §5.2.

import type { Opcode } from './opcode.ts';

/** The role of an endpoint. Clients mask, servers do not (RFC 6455 §5.1). */
export type Role = 'client' | 'server';

/** One frame: a plain record, never changed by this library, that can be sent as often as one likes. */
export interface Frame {
  /** Whether this is the last frame of its message. */
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly rsv2: boolean;
  readonly rsv3: boolean;
  readonly opcode: Opcode;
  /** The payload, not masked. */
  readonly payload: Uint8Array;
}

/** The most bytes that the payload of a control frame may have (RFC 6455 §5.5). */
export const MAX_CONTROL_PAYLOAD = 125;
