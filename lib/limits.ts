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
  /** A ping is sent when nothing has come from the peer for this long. `Infinity`: never. */
  readonly pingInterval: number;
  /** How long the peer may be silent behind that ping: any byte is life. Over it: 1011, and the cut. `Infinity`: for ever. */
  readonly pingTimeout: number;
  /** How long no message may come, whole, or go. Over it: 1001. Default: `Infinity`, off. */
  readonly idleTimeout: number;
  /** How long a write may make no progress: the peer does not read. Over it the transport is cut. `Infinity`: for ever. */
  readonly stallTimeout: number;
  /** Messages (frames, in a raw session) that are taken a second. Over it the peer waits. Default: `Infinity`, off. */
  readonly maxMessageRate: number;
  /** Bytes that are read a second, headers included. Over it the peer waits. Default: `Infinity`, off. */
  readonly maxByteRate: number;
  /** Pings and pongs that are taken a second. Over it: 1008. Default: `Infinity`, off. */
  readonly maxControlFrameRate: number;
}

/** Limits of all connections of a server together. */
export interface ServerLimits {
  /**
   * Connections at a time: sessions, and upgrades that are being decided on. Over it: 503. As many more (16 at least) may be there without a place: on them nothing has
   * been asked yet, or they were refused; beyond that the oldest of them is cut. Default: `Infinity`, off.
   */
  readonly maxConnections: number;
  /**
   * What the connections retain together, in bytes: messages that wait unread or are not whole yet, output that the transports have not taken. Over it the connection that
   * holds most is closed with 1013. Default: 256 MiB, or `maxMessageSize` where that is more.
   */
  readonly maxRetained: number;
}

/** Every limit there is. */
export interface Limits extends ConnectionLimits, HandshakeLimits, ServerLimits {}

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

/** What holds where `limits` says nothing. Sizes in bytes, times in milliseconds. */
export const defaultLimits: Limits = {
  maxMessageSize: 1024 * 1024,
  maxFrameSize: 1024 * 1024,
  maxFragments: 4096,
  maxUnsentPongs: 16,
  queueSize: 64 * 1024,
  lookAhead: 64 * 1024,
  closeTimeout: 5_000,
  handlerTimeout: 5_000,
  pingInterval: 20_000,
  pingTimeout: 20_000,
  idleTimeout: Number.POSITIVE_INFINITY,
  stallTimeout: 60_000,
  maxMessageRate: Number.POSITIVE_INFINITY,
  maxByteRate: Number.POSITIVE_INFINITY,
  maxControlFrameRate: Number.POSITIVE_INFINITY,
  handshakeTimeout: 10_000,
  maxHeadSize: 16 * 1024,
  maxHeaders: 100,
  maxConnections: Number.POSITIVE_INFINITY,
  maxRetained: 256 * 1024 * 1024,
};

const MAY_BE_ZERO: ReadonlySet<string> = new Set<keyof Limits>([
  'lookAhead',
  'maxUnsentPongs',
  'closeTimeout',
  'handlerTimeout',
  'handshakeTimeout',
]);

// What can be turned off. The queues cannot, nor the times that an end waits for: nothing grows or hangs without a bound.
const MAY_BE_INFINITE: ReadonlySet<string> = new Set<keyof Limits>([
  'maxMessageSize',
  'maxFrameSize',
  'maxFragments',
  'pingInterval',
  'pingTimeout',
  'idleTimeout',
  'stallTimeout',
  'maxMessageRate',
  'maxByteRate',
  'maxControlFrameRate',
  'maxConnections',
  'maxRetained',
]);

// What has been resolved is shared by all that it is given to, and never changed.
const resolvedBefore = new WeakSet<object>();
let resolvedDefaults: Limits | undefined;

/**
 * Fills what `limits` leaves out with the defaults; what it has filled before it gives back as it is, so that the connections of a server share one. A frame may be as long as a message unless `maxFrameSize` says
 * otherwise; `maxRetained` leaves room for one message at least.
 *
 * @throws RangeError when a limit is no positive integer (`lookAhead`, `maxUnsentPongs` and the times of an end may be 0; `Infinity` turns off what can be turned
 * off), or TypeError when its name is unknown.
 */
export function resolveLimits(limits?: Partial<Limits>): Limits {
  if (limits === undefined) {
    resolvedDefaults ??= fillLimits({});
    return resolvedDefaults;
  }
  return resolvedBefore.has(limits) ? (limits as Limits) : fillLimits(limits);
}

function fillLimits(limits: Partial<Limits>): Limits {
  const resolved: Record<string, number> = { ...defaultLimits };
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaultLimits, name)) throw new TypeError(`Cannot set limit "${name}": it does not exist`);
    if (value !== undefined) resolved[name] = checkLimit(name, value);
  }
  const { maxMessageSize } = resolved as { maxMessageSize: number };
  if (limits.maxFrameSize === undefined) resolved['maxFrameSize'] = maxMessageSize;
  if (limits.maxRetained === undefined) resolved['maxRetained'] = Math.max(defaultLimits.maxRetained, maxMessageSize);
  resolvedBefore.add(resolved);
  return Object.freeze(resolved) as unknown as Limits;
}

function checkLimit(name: string, value: number): number {
  const isInfinite = MAY_BE_INFINITE.has(name);
  if (isInfinite && value === Number.POSITIVE_INFINITY) return value;
  const least = MAY_BE_ZERO.has(name) ? 0 : 1;
  if (Number.isSafeInteger(value) && value >= least) return value;
  const hint = isInfinite ? '; Infinity turns it off' : '';
  throw new RangeError(`Cannot set limit "${name}": ${String(value)} is not an integer of at least ${least}${hint}`);
}
