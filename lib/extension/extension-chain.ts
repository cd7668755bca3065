// The extensions of one connection at work: RFC 6455 §9.1. What is sent goes through them in the order in which they were agreed on, what is received in the opposite one.

import { ExtensionError, type Fault } from '../error.ts';
import type { Frame } from '../frame/frame.ts';
import type { FramePiece } from '../frame/frame-decoder.ts';
import { isControlOpcode } from '../frame/opcode.ts';
import type { ExtensionTransform, IncomingTransform, SendHints } from './extension.ts';
import type { AgreedExtension } from './extension-negotiation.ts';
import { PayloadMap } from './payload-map.ts';

/** Gives the pieces of frames as they came: the frame decoder. */
export interface PieceSource {
  next(maxSize: number): FramePiece | undefined;
}

interface Link {
  readonly name: string;
  readonly rsvBits: number;
  readonly transform: ExtensionTransform;
}

interface Stage {
  readonly name: string;
  readonly rsvBits: number;
  readonly incoming: IncomingTransform;
}

export class ExtensionChain {
  /** The RSV bits of all of them. */
  readonly rsvBits: number;
  /** After so many milliseconds without a message {@link rest} may be called; Infinity for never. */
  readonly restAfter: number;
  readonly #links: Link[] = [];
  /** The one nearest to the wire first. */
  readonly #stages: readonly Stage[];
  #fault: Fault | undefined;
  #taken = 0;
  #isStopped = false;

  /** Throws what an extension throws when it is opened; those before it are closed. */
  constructor(agreed: readonly AgreedExtension[]) {
    this.rsvBits = agreed.reduce((bits, { rsvBits }) => bits | rsvBits, 0);
    try {
      for (const { name, rsvBits, open } of agreed) {
        this.#links.push({ name, rsvBits, transform: assertTransform(name, open()) });
      }
    } catch (error) {
      this.close();
      throw error;
    }
    this.#stages = this.#links.flatMap(toStage).reverse();
    this.restAfter = Math.min(...this.#links.map(({ transform }) => transform.restAfter ?? Number.POSITIVE_INFINITY));
  }

  /** What was wrong with what came, or the failure of an extension. Once set, nothing more is given. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** Bytes that were taken from the decoder and are not used up. */
  get unread(): number {
    let bytes = 0;
    if (this.#isStopped) return bytes;
    for (const { incoming } of this.#stages) bytes += incoming.unread ?? 0;
    return bytes;
  }

  /** What the extensions hold of messages that are not whole. */
  get retained(): number {
    let bytes = 0;
    for (const { transform } of this.#links) bytes += transform.retained ?? 0;
    return bytes;
  }

  /** What the last {@link next} has cost: bytes of payload that were taken from the source, and what work on them was beyond them. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Gives the next piece behind the extensions. Control frames pass beside them, in their place: nothing is taken from the source while something of what came before is left.
   */
  next(source: PieceSource, maxSize: number): FramePiece | undefined {
    this.#taken = 0;
    while (this.#fault === undefined) {
      const last = this.#stages.length - 1;
      let level = last;
      let piece: FramePiece | undefined;
      while (level >= 0 && piece === undefined && this.#fault === undefined) {
        piece = this.#nextOf(this.#stages[level--] as Stage, maxSize);
      }
      if (this.#fault !== undefined) return undefined;
      if (piece === undefined) {
        piece = source.next(maxSize);
        if (piece === undefined || isControlOpcode(piece.opcode)) return piece;
        this.#taken += piece.end - piece.start;
      } else {
        level++;
      }
      if (level === last) return piece;
      this.#push(this.#stages[level + 1] as Stage, level < 0 ? piece : toOwn(piece));
    }
    return undefined;
  }

  /** Nothing more is received. */
  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Gives what is sent in place of a data frame.
   *
   * @throws ExtensionError when an extension throws, or gives something that is no such frame.
   */
  outgoing(frame: Frame, hints: SendHints): Frame {
    let sent = frame;
    for (const { name, rsvBits, transform } of this.#links) {
      if (transform.outgoing === undefined) continue;
      try {
        const given = transform.outgoing(sent, hints);
        if (given !== sent) assertGiven(given, sent, rsvBits);
        sent = given;
      } catch (error) {
        throw failure(name, error);
      }
    }
    return sent;
  }

  /** No message has come or gone for a while. Gives what extensions have thrown. */
  rest(): unknown[] {
    return this.#forEach((transform) => transform.rest?.());
  }

  /** The connection has ended. Gives what extensions have thrown. */
  close(): unknown[] {
    this.#isStopped = true;
    const errors = this.#forEach((transform) => transform.close?.());
    this.#links.length = 0;
    return errors;
  }

  #nextOf({ name, rsvBits, incoming }: Stage, maxSize: number): FramePiece | undefined {
    try {
      const piece = incoming.next(maxSize);
      this.#fault = incoming.fault;
      this.#taken += incoming.effort ?? 0;
      // Its bits have had their meaning.
      return piece === undefined || (piece.rsv & rsvBits) === 0 ? piece : { ...piece, rsv: piece.rsv & ~rsvBits };
    } catch (error) {
      this.#fault = failure(name, error);
      return undefined;
    }
  }

  #push({ name, incoming }: Stage, piece: FramePiece): void {
    try {
      incoming.push(piece);
    } catch (error) {
      this.#fault = failure(name, error);
    }
  }

  #forEach(action: (transform: ExtensionTransform) => void): unknown[] {
    const errors: unknown[] = [];
    for (const { name, transform } of this.#links) {
      try {
        action(transform);
      } catch (error) {
        errors.push(failure(name, error));
      }
    }
    return errors;
  }
}

function toStage({ name, rsvBits, transform: { incoming } }: Link): Stage[] {
  if (incoming === undefined) return [];
  return [{ name, rsvBits, incoming: typeof incoming === 'function' ? new PayloadMap(incoming) : incoming }];
}

function failure(name: string, cause: unknown): ExtensionError {
  return new ExtensionError('ERR_WS_EXTENSION_FAILED', `Extension "${name}" failed`, { cause });
}

// The one behind may keep it over a break, in which the one before is used by another connection.
function toOwn(piece: FramePiece): FramePiece {
  if (!piece.isLent) return piece;
  const bytes = piece.bytes.slice(piece.start, piece.end);
  return { ...piece, bytes, start: 0, end: bytes.byteLength, isLent: false };
}

function assertTransform(name: string, transform: ExtensionTransform): ExtensionTransform {
  if (typeof transform === 'object' && transform !== null) return transform;
  throw new TypeError(`Cannot open extension "${name}": it has given no transform`);
}

function assertGiven(given: Frame, { opcode, fin, rsv1, rsv2, rsv3 }: Frame, rsvBits: number): void {
  const isKept =
    given.opcode === opcode &&
    given.fin === fin &&
    (given.rsv1 === rsv1 || (rsvBits & 0x40) !== 0) &&
    (given.rsv2 === rsv2 || (rsvBits & 0x20) !== 0) &&
    (given.rsv3 === rsv3 || (rsvBits & 0x10) !== 0);
  if (!isKept) throw new TypeError('An extension changes no opcode, no FIN, and no RSV bit but its own');
  if (!(given.payload instanceof Uint8Array)) throw new TypeError('An extension has given a frame without bytes');
}
