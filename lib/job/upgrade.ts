// The entry of the engine: two byte streams of an upgraded connection in, its job out.

import type { Frame, Role } from '../frame/frame.ts';
import { RSV_BITS } from '../frame/header.ts';
import { type ConnectionLimits, resolveLimits } from '../limits.ts';
import type { Message, MessageSource } from '../message/message.ts';
import { StreamTransport } from '../stream/stream-transport.ts';
import { claimTransport, type Transport } from '../stream/transport.ts';
import { type EngineContext, resolveEngine, type UserContext } from './context.ts';
import { type Handler, Job, type JobOptions } from './job.ts';
import type { SessionFacts } from './session.ts';

export interface UpgradeOptions<C = undefined, I = Message, O = MessageSource> extends SessionFacts<C> {
  /** The role of this side. Default: 'server'. */
  readonly role?: Role;
  /** Runs on the session. Without one the caller uses `job.session`, and closes it. */
  readonly handler?: Handler<C, I, O>;
  /** What is left out is as in `defaultLimits`. */
  readonly limits?: Partial<ConnectionLimits>;
  /** The most bytes of payload of a frame that is sent; longer messages go out in fragments. Default: no limit. */
  readonly fragmentSize?: number;
  /** Makes a session of frames instead of messages; see `RawSession`. Default: false. */
  readonly raw?: boolean;
  /**
   * The RSV bits that whoever runs a raw session gives a meaning (he owns an extension), as they stand in the first byte of a frame: 0x40, 0x20, 0x10. Default: 0.
   */
  readonly rsvBits?: number;
}

/** Options of a session of frames. */
export interface RawUpgradeOptions<C = undefined> extends UpgradeOptions<C, Frame, Frame> {
  readonly raw: true;
}

/**
 * Runs the WebSocket protocol over the byte streams of a connection that has been upgraded, and gives its job at once. The streams may come from
 * anywhere; they are locked from now on. The opening handshake is not part of it: see `WebSocketUpgrade`.
 *
 * @param engineContext Where the engine's non-blocking work runs: its signal, clock, random source and scheduler.
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
  engineContext?: EngineContext,
  userContext?: UserContext,
  options?: UpgradeOptions<C>,
): Job<C>;
export function upgrade<C, I, O>(
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
  engineContext?: EngineContext,
  userContext?: UserContext,
  options: UpgradeOptions<C, I, O> = {},
): Job<C, I, O> {
  const checked = checkOptions(options);
  const transport = claimTransport(input, output) ?? new StreamTransport(input, output);
  return new Job(transport, resolveEngine(engineContext), userContext ?? {}, checked);
}

/** As {@link upgrade}, over a transport: for adapters. */
export function upgradeTransport<C = undefined>(
  transport: Transport,
  engineContext?: EngineContext,
  userContext?: UserContext,
  options: UpgradeOptions<C> = {},
): Job<C> {
  return new Job(transport, resolveEngine(engineContext), userContext ?? {}, checkOptions(options));
}

function checkOptions<C, I, O>(options: UpgradeOptions<C, I, O>): JobOptions<C, I, O> {
  const { role = 'server', handler, fragmentSize, raw = false, rsvBits = 0 } = options;
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
  return { role, limits: resolveLimits(options.limits), fragmentSize, raw, rsvBits, handler, facts: options };
}
