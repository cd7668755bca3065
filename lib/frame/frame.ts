// What a frame is, RFC 6455 §5.2.

import type { Opcode } from './opcode.ts';

/** The role of an endpoint. Clients mask, servers do not (RFC 6455 §5.1). */
export type Role = 'client' | 'server';

/** One frame: a plain record, never changed by this library, that can be sent as often as one likes. */
export interface Frame {
  /** Whether this is the last frame of its message. */
  readonly fin: boolean;
  /** RSV1: false unless an extension has defined it, as permessage-deflate has (RFC 7692 §6). */
  readonly rsv1: boolean;
  /** RSV2: false unless an extension has defined it. */
  readonly rsv2: boolean;
  /** RSV3: false unless an extension has defined it. */
  readonly rsv3: boolean;
  /** What kind of frame it is. */
  readonly opcode: Opcode;
  /** The payload, not masked. */
  readonly payload: Uint8Array;
}

/** The most bytes that the payload of a control frame may have (RFC 6455 §5.5). */
export const MAX_CONTROL_PAYLOAD = 125;
