// permessage-deflate, RFC 7692, as an extension: what it offers and accepts, and the two sides of it at work on a connection. DEFLATE itself is handed in.

import type { Role } from '../frame/frame.ts';
import { CodecPool } from './codec-pool.ts';
import type { DeflateCodec } from './deflate-codec.ts';
import {
  acceptDeflate,
  checkDeflateParameters,
  confirmDeflate,
  type DeflateAgreement,
  type DeflateParameterOptions,
  offerDeflate,
} from './deflate-parameters.ts';
import type {
  Extension,
  ExtensionAcceptance,
  ExtensionParameters,
  ExtensionTransform,
  OpenTransform,
  ReceivedParameters,
} from './extension.ts';
import { MessageDeflater, type OutgoingMessage } from './message-deflater.ts';
import { COMPRESSED_BIT, MessageInflater } from './message-inflater.ts';

/** Options of permessage-deflate, for either role. */
export interface PermessageDeflateOptions extends DeflateParameterOptions {
  /** How hard is compressed: 0 (not at all) to 9. Default: 6. */
  readonly level?: number;
  /** How much memory the search for matches has: 1 to 9. Default: 6. */
  readonly memoryLevel?: number;
  /**
   * The base-2 logarithm of the window that this side compresses with, where a larger one was agreed on: 9 to 15. A compressing context takes four times as much, and what `memoryLevel` costs. Default:
   * 13, 64 KiB with memory level 6. zlib's own defaults (15 and 8) take 256 KiB, and on many connections at a time half as much CPU again, for a tenth fewer bytes.
   */
  readonly windowBits?: number;
  /** Messages of fewer bytes are sent as they are. Default: 128. */
  readonly threshold?: number;
  /** Sends a message as it is when compressing it has not made it smaller. Default: true. */
  readonly onlyIfSmaller?: boolean;
  /** Decides for each message, behind the threshold. An error that it throws fails the connection with 1011. Default: all. A send may say otherwise (`compress`). */
  readonly compressIf?: (message: OutgoingMessage) => boolean;
  /**
   * How many compressing and how many decompressing contexts all connections of this extension have together; more only while more messages are under way. Beyond it the context that
   * was not used for longest goes to who needs one: its connection compresses the next message without it, and makes a decompressing one anew from its window. `Infinity`: each
   * connection keeps its own. Default: 128.
   */
  readonly maxContexts?: number;
  /** After so many milliseconds without a message a connection gives its contexts up. `Infinity`: never. Default: 10 s. */
  readonly contextTimeout?: number;
}

type ResolvedOptions = Required<Omit<PermessageDeflateOptions, keyof DeflateParameterOptions | 'compressIf'>>;

const defaults: ResolvedOptions = {
  level: 6,
  memoryLevel: 6,
  windowBits: 13,
  threshold: 128,
  onlyIfSmaller: true,
  maxContexts: 128,
  contextTimeout: 10_000,
};

// Those whose defaults stand elsewhere.
const others: ReadonlySet<string> = new Set<keyof PermessageDeflateOptions>([
  'compressIf',
  'serverNoContextTakeover',
  'clientNoContextTakeover',
  'serverMaxWindowBits',
  'clientMaxWindowBits',
]);

const ranges: readonly (readonly [keyof ResolvedOptions, number, number])[] = [
  ['level', 0, 9],
  ['memoryLevel', 1, 9],
  ['windowBits', 9, 15],
  ['threshold', 0, Number.MAX_SAFE_INTEGER],
  ['maxContexts', 1, Number.POSITIVE_INFINITY],
  ['contextTimeout', 1, Number.POSITIVE_INFINITY],
];

/** The smallest window that zlib compresses with. */
const LEAST_WINDOW_BITS = 9;

/**
 * permessage-deflate (RFC 7692), over whatever does DEFLATE. `permessageDeflate()` of the entries for a runtime makes one with the codec of that runtime. One serves all
 * connections of a server or a client: its contexts are shared by them.
 *
 * @example
 * const extension = new PermessageDeflate(codec, { threshold: 1024 });
 * const agreed = acceptExtensions([extension], offers);
 */
export class PermessageDeflate implements Extension {
  /** Its token (RFC 7692 §7). */
  readonly name = 'permessage-deflate';
  /** RSV1, "Per-Message Compressed" (RFC 7692 §6). */
  readonly rsvBits: number = COMPRESSED_BIT;
  readonly #parameters: DeflateParameterOptions;
  readonly #options: ResolvedOptions;
  readonly #compressIf: ((message: OutgoingMessage) => boolean) | undefined;
  readonly #deflaters: CodecPool;
  readonly #inflaters: CodecPool;

  /**
   * @param codec Does DEFLATE.
   * @throws TypeError, RangeError when an option is wrong.
   */
  constructor(codec: DeflateCodec, options: PermessageDeflateOptions = {}) {
    checkDeflateParameters(options);
    this.#parameters = options;
    this.#options = resolveOptions(options);
    this.#compressIf = options.compressIf;
    const { level, memoryLevel, maxContexts: capacity } = this.#options;
    this.#deflaters = new CodecPool({
      create: (windowBits) => codec.createDeflater({ level, memoryLevel, windowBits }),
      capacity,
    });
    this.#inflaters = new CodecPool({ create: (windowBits) => codec.createInflater({ windowBits }), capacity });
  }

  /** How many contexts are alive. */
  get contexts(): { readonly deflaters: number; readonly inflaters: number } {
    return { deflaters: this.#deflaters.size, inflaters: this.#inflaters.size };
  }

  offer(): readonly ExtensionParameters[] {
    return offerDeflate(this.#parameters);
  }

  accept(offer: ReceivedParameters): ExtensionAcceptance | undefined {
    const accepted = acceptDeflate(offer, this.#parameters);
    return accepted && { parameters: accepted.parameters, open: this.#opener('server', accepted.agreement) };
  }

  confirm(answer: ReceivedParameters): OpenTransform | undefined {
    const agreement = confirmDeflate(answer, this.#parameters);
    return agreement && this.#opener('client', agreement);
  }

  #opener(role: Role, agreement: DeflateAgreement): OpenTransform {
    const server = { bits: agreement.serverMaxWindowBits, hasTakeover: !agreement.serverNoContextTakeover };
    const client = { bits: agreement.clientMaxWindowBits, hasTakeover: !agreement.clientNoContextTakeover };
    const [own, peer] = role === 'server' ? [server, client] : [client, server];
    return () => this.#open(own, peer);
  }

  #open(own: Direction, peer: Direction): ExtensionTransform {
    const inflater = this.#createInflater(peer);
    // With so small a window we cannot compress, and need not: RFC 7692 §6 leaves it to the sender for each message.
    const deflater = own.bits < LEAST_WINDOW_BITS ? undefined : this.#createDeflater(own);
    return {
      incoming: inflater,
      ...(deflater && { outgoing: (frame, hints) => deflater.send(frame, hints) }),
      restAfter: this.#options.contextTimeout,
      get retained() {
        return inflater.retained + (deflater?.retained ?? 0);
      },
      rest: () => {
        inflater.rest();
        deflater?.rest();
      },
      close: () => {
        inflater.close();
        deflater?.close();
      },
    };
  }

  #createInflater({ bits, hasTakeover }: Direction): MessageInflater {
    const lease = this.#inflaters.open(bits);
    // RFC 7692 §7.1.2: a window of so many bits; beside it zlib holds its tables.
    const streamSize = (1 << bits) + 10 * 1024;
    return new MessageInflater({ lease, windowBits: bits, hasContextTakeover: hasTakeover, streamSize });
  }

  #createDeflater({ bits, hasTakeover }: Direction): MessageDeflater {
    const { memoryLevel, threshold, onlyIfSmaller } = this.#options;
    const windowBits = Math.min(bits, this.#options.windowBits);
    return new MessageDeflater({
      lease: this.#deflaters.open(windowBits),
      hasContextTakeover: hasTakeover,
      threshold,
      onlyIfSmaller,
      compressIf: this.#compressIf,
      // As zlib's own description of its memory has it.
      streamSize: (1 << (windowBits + 2)) + (1 << (memoryLevel + 9)) + 6 * 1024,
    });
  }
}

/** One direction of a connection. */
interface Direction {
  readonly bits: number;
  readonly hasTakeover: boolean;
}

function resolveOptions(options: PermessageDeflateOptions): ResolvedOptions {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(defaults, name) && !others.has(name))
      throw new TypeError(`Cannot compress: there is no option "${name}"`);
  }
  const given = Object.entries(options).filter(([name, value]) => Object.hasOwn(defaults, name) && value !== undefined);
  const resolved: ResolvedOptions = { ...defaults, ...Object.fromEntries(given) };
  for (const [name, least, most] of ranges) {
    const value = resolved[name];
    const isNumber = Number.isSafeInteger(value) || value === most;
    if (isNumber && (value as number) >= least && (value as number) <= most) continue;
    throw new RangeError(`Cannot compress: ${name} ${String(value)} is not an integer from ${least} to ${most}`);
  }
  if (typeof resolved.onlyIfSmaller !== 'boolean') throw new TypeError('Cannot compress: onlyIfSmaller is no boolean');
  if (options.compressIf !== undefined && typeof options.compressIf !== 'function') {
    throw new TypeError('Cannot compress: compressIf is no function');
  }
  return resolved;
}
