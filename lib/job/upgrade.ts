// The entry of the engine: two byte streams of an upgraded connection in, its job out.

import { type EngineContext, resolveEngine, type UserContext } from '../connection/context.ts';
import type { Sendable } from '../connection/sendable.ts';
import { type SlowConsumer, type SlowConsumerPolicy, shareSlowConsumer } from '../connection/slow-consumer.ts';
import type { StreamedMessage } from '../connection/streamed-message.ts';
import type { Frame, Role } from '../frame/frame.ts';
import { RSV_BITS } from '../frame/header.ts';
import { type ConnectionLimits, resolveLimits } from '../limits.ts';
import type { Message } from '../message/message.ts';
import { StreamTransport } from '../stream/stream-transport.ts';
import { claimTransport, type Transport } from '../stream/transport.ts';
import { type Handler, Job, type JobOptions } from './job.ts';
import type { SessionFacts } from './session.ts';
import type { Delivery, KindOptions } from './session-kind.ts';

const NO_CONTEXT: UserContext = {};

/** Options of `upgrade`: the role, the handler, the kind of session, its limits, and what the opening handshake has found out. */
export interface UpgradeOptions<C = undefined, I = Message, O = Sendable>
  extends SessionFacts<C>,
    KindOptions<boolean, Delivery> {
  /** The role of this side. Default: 'server'. */
  readonly role?: Role;
  /** Runs on the session. Without one the caller uses `job.session`, and closes it. */
  readonly handler?: Handler<C, I, O>;
  /** What is left out is as in `defaultLimits`. */
  readonly limits?: Partial<ConnectionLimits>;
  /** The most bytes of payload of a frame that is sent; longer messages go out in fragments. Default: no limit. */
  readonly fragmentSize?: number;
  /** What is done when the peer reads more slowly than one sends to it. Default: 'wait'. A send may say otherwise. */
  readonly slowConsumer?: SlowConsumer | SlowConsumerPolicy;
  /**
   * The RSV bits that whoever runs a raw session gives a meaning (he owns an extension), as they stand in the first byte of a frame: 0x40, 0x20, 0x10. Default: 0.
   */
  readonly rsvBits?: number;
}

/** Options of a session of frames. */
export interface RawUpgradeOptions<C = undefined> extends UpgradeOptions<C, Frame, Frame> {
  /** Makes a session of frames: see `RawSession`. */
  readonly raw: true;
}

/** Options of a session whose messages are read as they come. */
export interface StreamedUpgradeOptions<C = undefined> extends UpgradeOptions<C, StreamedMessage> {
  /** Makes a session of streamed messages: see `StreamedMessage`. */
  readonly messages: 'streamed';
}

/**
 * Runs the WebSocket protocol over the byte streams of a connection that has been upgraded, and gives its job at once. The streams may come from
 * anywhere; they are locked from now on. The opening handshake is not part of it: see `WebSocketUpgrade`.
 *
 * @param engineContext Where the engine's non-blocking work runs: its signal, clock, random source, scheduler and budget.
 * @param userContext Where the handler runs, and where its errors go.
 * @throws TypeError when a stream is locked or an option is wrong, RangeError when a limit is out of range.
 *
 * @example
 * const job = upgrade(input, output, undefined, undefined, {
 *   handler: async (session) => {
 *     for await (const message of session) await session.send(message);
 *   },
 * });
 * const { closeCode, wasClean } = await job.closed;
 */
export function upgrade<C = undefined>(
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
  engineContext: EngineContext | undefined,
  userContext: UserContext | undefined,
  options: RawUpgradeOptions<C>,
): Job<C, Frame, Frame>;
export function upgrade<C = undefined>(
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
  engineContext: EngineContext | undefined,
  userContext: UserContext | undefined,
  options: StreamedUpgradeOptions<C>,
): Job<C, StreamedMessage>;
export function upgrade<C = undefined>(
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
  engineContext?: EngineContext,
  userContext?: UserContext,
  options?: UpgradeOptions<C>,
): Job<C>;
export function upgrade<C, I, O>(
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
  engineContext?: EngineContext,
  userContext?: UserContext,
  options?: UpgradeOptions<C, I, O>,
): Job<C, I, O> {
  return upgradeStreams(input, output, engineContext, userContext, options);
}

/** As {@link upgrade}, where the kind of the session is known only to the caller's types. */
export function upgradeStreams<C, I, O>(
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
  engineContext?: EngineContext,
  userContext?: UserContext,
  options: UpgradeOptions<C, I, O> = {},
): Job<C, I, O> {
  const checked = checkOptions(options);
  const transport = claimTransport(input, output) ?? new StreamTransport(input, output);
  return new Job(transport, resolveEngine(engineContext), userContext ?? NO_CONTEXT, checked);
}

/** As {@link upgrade}, over a transport: for adapters. */
export function upgradeTransport<C = undefined, I = Message, O = Sendable>(
  transport: Transport,
  engineContext?: EngineContext,
  userContext?: UserContext,
  options: UpgradeOptions<C, I, O> = {},
): Job<C, I, O> {
  return new Job(transport, resolveEngine(engineContext), userContext ?? NO_CONTEXT, checkOptions(options));
}

/** @throws TypeError, RangeError when an option is wrong. */
export function checkOptions<C, I, O>(options: UpgradeOptions<C, I, O>): JobOptions<C, I, O> {
  const { role = 'server', handler, fragmentSize, raw = false, rsvBits = 0, extensions = [] } = options;
  if (role !== 'server' && role !== 'client') throw new TypeError(`Cannot upgrade: "${String(role)}" is no role`);
  if (handler !== undefined && typeof handler !== 'function') {
    throw new TypeError('Cannot upgrade: the handler is no function');
  }
  if (fragmentSize !== undefined && !(Number.isSafeInteger(fragmentSize) && fragmentSize > 0)) {
    throw new RangeError(`Cannot upgrade: the fragment size ${fragmentSize} is no positive number of bytes`);
  }
  if ((rsvBits & ~RSV_BITS) !== 0 || (rsvBits !== 0 && !raw)) {
    throw new RangeError(`Cannot upgrade: ${rsvBits} is no RSV bits of a raw session`);
  }
  if (!Array.isArray(extensions)) throw new TypeError('Cannot upgrade: the extensions are no array of agreed ones');
  for (const { name, rsvBits: bits } of extensions) {
    if ((bits & rsvBits) !== 0) throw new TypeError(`Cannot upgrade: "${name}" owns an RSV bit of rsvBits`);
  }
  const streamed = checkMessages(options);
  const limits = resolveLimits(streamed ? withoutFrameLimit(options.limits) : options.limits);
  const slowConsumer = shareSlowConsumer(options.slowConsumer, limits.queueSize);
  if (raw && slowConsumer.policy !== 'wait')
    throw new TypeError('Cannot upgrade: a raw session waits for slow consumers');
  const kind = { raw, rsvBits, streamed, extensions };
  return { role, limits, fragmentSize, ...kind, slowConsumer, handler, facts: toFacts(options) };
}

// By themselves: a session holds them for as long as it lives, and nothing else of the options.
function toFacts<C>({ context, subprotocol, extensions, request, response, remoteAddress, tls }: SessionFacts<C>) {
  return { context, subprotocol, extensions, request, response, remoteAddress, tls } as SessionFacts<C>;
}

function checkMessages<C, I, O>({ messages = 'whole', raw }: UpgradeOptions<C, I, O>): boolean {
  if (messages !== 'whole' && messages !== 'streamed') {
    throw new TypeError(`Cannot upgrade: messages are 'whole' or 'streamed', not "${String(messages)}"`);
  }
  if (raw && messages === 'streamed') throw new TypeError('Cannot upgrade: a raw session has frames, not messages');
  return messages === 'streamed';
}

// Nothing of a frame is kept where messages are streamed, so it may be of any length, unless its length is limited in so many words.
function withoutFrameLimit(limits: Partial<ConnectionLimits> = {}): Partial<ConnectionLimits> {
  if (limits.maxFrameSize !== undefined) return limits;
  return { ...limits, maxFrameSize: Number.POSITIVE_INFINITY };
}
