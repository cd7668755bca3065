// What can be said about a session that outlives its connections, what its user's functions are told, and the check of it all.

import type { EngineContext, UserContext } from '../connection/context.ts';
import type { Sendable } from '../connection/sendable.ts';
import {
  type ResolvedSlowConsumer,
  resolveSlowConsumer,
  type SlowConsumer,
  type SlowConsumerPolicy,
} from '../connection/slow-consumer.ts';
import type { Session } from '../job/session.ts';
import type { Delivery } from '../job/session-kind.ts';
import { defaultLimits } from '../limits.ts';
import type { Loss, ReconnectState } from './reconnect-state.ts';

/** What is told to a function that is asked anew for each try. */
export interface Attempt {
  /** 1 is the first try of all. */
  readonly attempt: number;
  /** How many tries in a row have failed, or have given a connection that did not last. */
  readonly failures: number;
  /** Why there is no connection; undefined before the first. */
  readonly previous: Loss | undefined;
  /** Aborted when the try is given up. */
  readonly signal: AbortSignal;
}

/** A value, or a function that gives it for each try. */
export type Asked<T> = T | ((attempt: Attempt) => T | Promise<T>);

/** The URL to connect to. */
export type UrlSource = Asked<string | URL>;

/** Times, in milliseconds, and bounds. */
export interface ReconnectBounds {
  /** The first delay is at random from 0 to this (RFC 6455 §7.2.3). Each further one may be twice as long. Default: 5,000. */
  readonly firstDelay?: number;
  /** The longest that a delay may be. Default: 60,000. */
  readonly maxDelay?: number;
  /** The longest that a server's `Retry-After` is heeded for; a delay at random comes on top. Default: 3,600,000, an hour. */
  readonly maxRetryAfter?: number;
  /** How long a connection must have been open to count as one that has lasted: delays, tries and time start anew then. Default: 10,000. */
  readonly resetAfter?: number;
  /** How many tries in a row may fail, or give a connection that does not last. Default: `Infinity`. */
  readonly maxTries?: number;
  /** How long there may be no connection that lasts: no try begins that could not, and the one under way is given up. Default: `Infinity`. */
  readonly maxTime?: number;
  /** What lost connections may leave unread, in bytes, each message counting 64 more: beyond it the next try waits for the reader. Default: 65,536. */
  readonly maxUnread?: number;
  /** How many bytes of messages are kept until it is known that the peer has got them, each counting 64 more; of the rest the number is kept. Default: 1,048,576. */
  readonly maxUnsettled?: number;
  /** How often the peer is asked by a ping, at most, whether it has got what was sent. `Infinity`: only by `settled`. Default: 1,000. */
  readonly settleInterval?: number;
}

/**
 * Options of a session that outlives its connections.
 *
 * @typeParam C The options of a connection.
 * @typeParam I What is received.
 */
export interface ReconnectOptions<C extends object, M extends Delivery, I> extends ReconnectBounds {
  /** The options of each connection: its header fields, subprotocols, limits … A function is asked anew for each try; one that fails counts as a failed try. */
  readonly connect?: Asked<C>;
  /** How messages are given. Default: 'whole'. */
  readonly messages?: M;
  /**
   * What becomes of messages that are sent while there is no connection, as `slowConsumer` says it of a session: `wait`, `fail`, `drop-newest`, `drop-oldest` or `latest`.
   * Default: `wait`, which takes all, and whose `send` fulfils while less than `maxQueued` (65,536 bytes) waits.
   */
  readonly queue?: SlowConsumer | SlowConsumerPolicy;
  /**
   * Runs on each new session before anything that waits is sent and before its messages are given to the reader: to log in, to subscribe again. It may receive. When it throws, the
   * connection is closed with 1011, which counts as a failed try.
   */
  readonly onOpen?: (session: Session<undefined, I>, attempt: Attempt) => unknown;
  /**
   * Told when a connection was lost that had been open, and another will be tried. What it gives is sent again, before all that waits: `({ unsettled }) => unsettled.messages` makes
   * delivery "at least once" of what is not streamed. It must not be asynchronous.
   */
  readonly onLost?: ((loss: Loss) => Iterable<Sendable> | undefined) | ((loss: Loss) => void);
  /** Told of each state when it begins. */
  readonly onState?: (state: ReconnectState<Session<undefined, I>>) => void;
  /** Whether no other connection is to be tried. `isFinal` is what the rules say (README); undefined leaves it at that. */
  readonly isFinal?: (loss: Loss, isFinal: boolean) => boolean | undefined;
  /** How many milliseconds to wait before the next try. `delay` is what the rules say; undefined leaves it at that. */
  readonly delay?: (loss: Loss, delay: number) => number | undefined;
  /** Ends it all: the try, the connection (with 1001), the waiting. */
  readonly signal?: AbortSignal;
  /** Where the work of all connections runs, and the clock that delays go by. */
  readonly engineContext?: EngineContext;
  /** Where the functions above run (`run`), and where their errors go (`onError`). */
  readonly userContext?: UserContext;
}

/** {@link ReconnectBounds} with nothing left out. */
export type ResolvedBounds = Required<ReconnectBounds>;

const DEFAULTS: ResolvedBounds = {
  firstDelay: 5_000,
  maxDelay: 60_000,
  maxRetryAfter: 3_600_000,
  resetAfter: 10_000,
  maxTries: Number.POSITIVE_INFINITY,
  maxTime: Number.POSITIVE_INFINITY,
  maxUnread: defaultLimits.queueSize,
  maxUnsettled: 1024 * 1024,
  settleInterval: 1_000,
};

// Least values; those with a true may be Infinity.
const rules: { readonly [Name in keyof ResolvedBounds]: readonly [least: number, mayBeInfinite: boolean] } = {
  firstDelay: [0, false],
  maxDelay: [0, false],
  maxRetryAfter: [0, false],
  resetAfter: [0, false],
  maxTries: [1, true],
  maxTime: [1, true],
  maxUnread: [1, true],
  maxUnsettled: [0, true],
  settleInterval: [1, true],
};

/** @throws RangeError when a bound is no number, or too small. */
export function resolveBounds(given: ReconnectBounds): ResolvedBounds {
  const resolved: Record<string, number> = { ...DEFAULTS };
  for (const [name, [least, mayBeInfinite]] of Object.entries(rules)) {
    const value = given[name as keyof ReconnectBounds];
    if (value === undefined) continue;
    const isInfinite = mayBeInfinite && value === Number.POSITIVE_INFINITY;
    if (!isInfinite && !(Number.isFinite(value) && value >= least))
      throw new RangeError(`Cannot reconnect: ${name} ${String(value)} is no number of at least ${least}`);
    resolved[name] = value;
  }
  return resolved as unknown as ResolvedBounds;
}

/** @throws TypeError, RangeError when it is no policy for messages that wait for a connection. */
export function resolveQueue(given: SlowConsumer | SlowConsumerPolicy | undefined): ResolvedSlowConsumer {
  const resolved = resolveSlowConsumer(given, defaultLimits.queueSize);
  if (resolved.policy === 'close') throw new TypeError('Cannot queue by "close": there is no connection to close');
  return resolved;
}
