// What is done when a peer reads more slowly than one sends to it: declared for a session or for one send.

/**
 * - `wait`: `send` fulfils when there is room. The default: nothing is lost, the peer's pace holds the sender back.
 * - `fail`: `send` rejects with `ERR_WS_QUEUE_FULL`; nothing was sent.
 * - `drop-newest`: the message that is being sent is dropped.
 * - `drop-oldest`: the oldest messages that wait are dropped until there is room.
 * - `latest`: of messages with the same `key` only the latest waits; when there is still no room, the oldest are dropped.
 * - `close`: the connection is closed, with `closeCode`.
 */
export type SlowConsumerPolicy = 'wait' | 'fail' | 'drop-newest' | 'drop-oldest' | 'latest' | 'close';

/** A policy and when it applies. */
export interface SlowConsumer {
  /** What is done when there is no room. */
  readonly policy: SlowConsumerPolicy;
  /** There is no room while as many bytes wait, each message counting 64 more. Default: the limit `queueSize`. */
  readonly maxQueued?: number;
  /**
   * How long a message may wait, in milliseconds. `drop-oldest` and `latest` drop it then; for `fail`, `drop-newest` and `close` there is no room as long as the oldest
   * one waits for longer. Not for `wait`. Default: `Infinity`.
   */
  readonly maxAge?: number;
  /** For `close`: 1008 (policy violation) or 1013 (try again later). Default: 1013. */
  readonly closeCode?: 1008 | 1013;
}

/** What holds for one message that is sent. */
export interface SendOptions {
  /** What is done when the peer reads too slowly, instead of what the session says. A streamed message waits, whatever is said. */
  readonly slowConsumer?: SlowConsumer | SlowConsumerPolicy;
  /** For the policy `latest`: of messages with the same key only the latest waits. Default: one key for all that have none. */
  readonly key?: unknown;
  /** Whether the message is compressed, where the connection can do that, whatever the options of the extension say. Default: as they say. */
  readonly compress?: boolean;
}

/** A {@link SlowConsumer} with nothing left out. */
export type ResolvedSlowConsumer = Required<SlowConsumer>;

const policies: readonly SlowConsumerPolicy[] = ['wait', 'fail', 'drop-newest', 'drop-oldest', 'latest', 'close'];

/** @throws TypeError, RangeError when a part of it is wrong. */
export function resolveSlowConsumer(
  given: SlowConsumer | SlowConsumerPolicy | undefined,
  queueSize: number,
): ResolvedSlowConsumer {
  const isObject = typeof given === 'object' && given !== null;
  const { policy, maxQueued, maxAge, closeCode } = isObject ? given : { policy: given === undefined ? 'wait' : given };
  if (!policies.includes(policy)) throw new TypeError(`Cannot treat slow consumers by "${String(policy)}": no policy`);
  if (maxQueued !== undefined && !(Number.isSafeInteger(maxQueued) && maxQueued > 0)) {
    throw new RangeError(`Cannot treat slow consumers: maxQueued ${maxQueued} is no positive number of bytes`);
  }
  if (maxAge !== undefined && !(typeof maxAge === 'number' && maxAge > 0)) {
    throw new RangeError(`Cannot treat slow consumers: maxAge ${maxAge} is no positive number of milliseconds`);
  }
  if (maxAge !== undefined && policy === 'wait') {
    throw new TypeError('Cannot treat slow consumers: a message that is waited with has no maxAge');
  }
  if (closeCode !== undefined && closeCode !== 1008 && closeCode !== 1013) {
    throw new RangeError(`Cannot treat slow consumers: closeCode ${closeCode} is not 1008 or 1013`);
  }
  return {
    policy,
    maxQueued: maxQueued ?? queueSize,
    maxAge: maxAge ?? Number.POSITIVE_INFINITY,
    closeCode: closeCode ?? 1013,
  };
}

// As with limits: what connections are given is shared by them, and never changed.
const shared = new WeakSet<object>();
let sharedDefault: ResolvedSlowConsumer | undefined;

/** As {@link resolveSlowConsumer}, for connections: what it has given before it gives back as it is, and one for all that say nothing. */
export function shareSlowConsumer(
  given: SlowConsumer | SlowConsumerPolicy | undefined,
  queueSize: number,
): ResolvedSlowConsumer {
  if (given === undefined && sharedDefault?.maxQueued === queueSize) return sharedDefault;
  if (typeof given === 'object' && shared.has(given)) return given as ResolvedSlowConsumer;
  const resolved = Object.freeze(resolveSlowConsumer(given, queueSize));
  shared.add(resolved);
  if (given === undefined) sharedDefault = resolved;
  return resolved;
}
