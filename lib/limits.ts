// The one table of limits and their defaults. README's table is this one; a spec holds them together.

/** Limits of one endpoint's protocol, in the core. Sizes are in bytes of payload. */
export interface ProtocolLimits {
  /** The longest message that is received, over all its fragments. Over it: 1009. */
  readonly maxMessageSize: number;
  /** The longest frame that is received. Over it: 1009. */
  readonly maxFrameSize: number;
  /** The most frames that a received message may consist of, empty ones counted. Over it: 1009. */
  readonly maxFragments: number;
  /** The most pongs that wait unsent; beyond it only the latest is kept (RFC 6455 §5.5.3 allows that). */
  readonly maxUnsentPongs: number;
}

/** Limits of a connection: its protocol, its queues, its times. Sizes are in bytes, times in milliseconds. */
export interface ConnectionLimits extends ProtocolLimits {
  /** The queue of each direction, each message counting 64 bytes more than its payload. */
  readonly queueSize: number;
  /** How far the engine reads on behind a full queue, so that a ping is answered and a close is noticed. */
  readonly lookAhead: number;
  /** How long the closing handshake and the end of the transport may take before the transport is cut. */
  readonly closeTimeout: number;
  /** How long a handler is waited for after its connection has ended. */
  readonly handlerTimeout: number;
}

/** Limits of an opening handshake. */
export interface HandshakeLimits {
  /** How long the head of a request may take to come, in milliseconds. */
  readonly handshakeTimeout: number;
  /** The largest head of a request, in bytes. Over it: 431. */
  readonly maxHeadSize: number;
  /** The most header fields of a request. Over it: 431. */
  readonly maxHeaders: number;
}

/** What one queued message or frame counts beside its payload, in bytes: an empty one is not free. */
export const ITEM_OVERHEAD = 64;

export const defaultLimits: ConnectionLimits & HandshakeLimits = {
  maxMessageSize: 1024 * 1024,
  maxFrameSize: 1024 * 1024,
  maxFragments: 4096,
  maxUnsentPongs: 16,
  queueSize: 64 * 1024,
  lookAhead: 64 * 1024,
  closeTimeout: 5_000,
  handlerTimeout: 5_000,
  handshakeTimeout: 10_000,
  maxHeadSize: 16 * 1024,
  maxHeaders: 100,
};

/**
 * Fills what `limits` leaves out with the defaults. A frame may be as long as a message unless `maxFrameSize` says
 * otherwise.
 *
 * @throws RangeError when a limit is no positive integer (`lookAhead`, `maxUnsentPongs` and the times may be 0), or TypeError
 * when its name is unknown.
 */
export function resolveLimits(
  limits: Partial<ConnectionLimits & HandshakeLimits> = {},
): ConnectionLimits & HandshakeLimits {
  const resolved: Record<string, number> = { ...defaultLimits };
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaultLimits, name)) throw new TypeError(`Cannot set limit "${name}": it does not exist`);
    if (value === undefined) continue;
    const least = name === 'lookAhead' || name === 'maxUnsentPongs' || name.endsWith('Timeout') ? 0 : 1;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new RangeError(`Cannot set limit "${name}": ${String(value)} is not an integer of at least ${least}`);
    }
    resolved[name] = value;
  }
  if (limits.maxFrameSize === undefined) resolved['maxFrameSize'] = resolved['maxMessageSize'] as number;
  return resolved as unknown as ConnectionLimits & HandshakeLimits;
}
