// The look of the demo: one line for each thing that happens, in columns, at most 100 wide.

import { isControlOpcode, Opcode } from '../frame/opcode.ts';
import { type CloseInfo, type CloseStatus, type JobState, MillraceError } from '../node.ts';
import { describeFrame, describeMessage, escapeControls, fit, quote } from './preview.ts';
import type { Skipped } from './sieve.ts';
import type { TappedFrame, TappedMessage } from './wire-tap.ts';

export type Direction = 'to-server' | 'to-client';

export interface PrinterOptions {
  /** Takes one line, without its end. */
  readonly write: (line: string) => void;
  /** Whether escape sequences may set colours. */
  readonly hasColours: boolean;
  /** Milliseconds since some fixed moment. Default: since the process began. */
  readonly now?: () => number;
}

const WIDTH = 100;

// SGR codes.
const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, magenta: 35, cyan: 36 } as const;
export type Style = keyof typeof styles;

const arrows = {
  'to-server': { arrow: '→', style: 'cyan' },
  'to-client': { arrow: '←', style: 'magenta' },
} as const;

/** What the opcodes are called. */
export const opcodeNames: Readonly<Record<Opcode, string>> = {
  [Opcode.CONTINUATION]: 'continuation',
  [Opcode.TEXT]: 'text',
  [Opcode.BINARY]: 'binary',
  [Opcode.CLOSE]: 'close',
  [Opcode.PING]: 'ping',
  [Opcode.PONG]: 'pong',
};

/** Prints what happens. What a peer has chosen is made printable here. */
export class Printer {
  readonly #write: (line: string) => void;
  readonly #hasColours: boolean;
  readonly #now: () => number;

  constructor({ write, hasColours, now = () => performance.now() }: PrinterOptions) {
    this.#write = write;
    this.#hasColours = hasColours;
    this.#now = now;
  }

  /** A line of our own text. */
  line(text = '', style?: Style): void {
    this.#write(style === undefined || !this.#hasColours ? text : `\x1b[${styles[style]}m${text}\x1b[0m`);
  }

  /** The names of the columns. */
  head(): void {
    this.line(`${start('time', 'client', ' ')}${columns('frame', 'bytes', '')}payload`, 'dim');
  }

  frame(client: string, direction: Direction, frame: TappedFrame): void {
    const { opcode, fin, isMasked } = frame;
    const flags = [fin ? 'fin' : '   ', isMasked ? 'masked' : '      ', ...rsvNames(frame.rsv)].join(' ');
    const begin = this.#begin(client, direction, opcodeNames[opcode], frame.payloadLength, flags);
    const style = opcode === Opcode.CLOSE ? 'yellow' : isControlOpcode(opcode) ? 'dim' : arrows[direction].style;
    this.line(`${begin}${describeFrame(frame, WIDTH - begin.length)}`.trimEnd(), style);
  }

  /** A whole message, behind its last frame. That of a single frame is told by the frame. */
  message(client: string, direction: Direction, message: TappedMessage): void {
    if (message.frames === 1) return;
    const begin = this.#begin(client, direction, 'message', message.payloadLength, `${message.frames} frames`);
    this.line(`${begin}${describeMessage(message, WIDTH - begin.length)}`.trimEnd(), arrows[direction].style);
  }

  /** Frames that came faster than anybody could read them. */
  skipped(client: string, { frames, bytes }: Skipped): void {
    const count = frames === 1 ? '1 more frame' : `${frames.toLocaleString('en-US')} more frames`;
    this.note(client, `… ${count}, ${bytes.toLocaleString('en-US')} bytes`, 'dim');
  }

  /** Anything else that happens to a client. */
  note(client: string, text: string, style?: Style): void {
    this.line(fit(`${start(this.#time(), client, '·')}${escapeControls(text)}`, WIDTH), style);
  }

  /** How a job has ended. */
  end(client: string, state: JobState, info: CloseInfo): void {
    const { wasClean, initiator, received, sent, error, abandoned } = info;
    const facts = [`${wasClean ? 'clean' : 'unclean'}, by the ${initiator === 'remote' ? 'client' : 'server'}`];
    if (error !== undefined) facts.push(error instanceof MillraceError ? error.code : error.message);
    if (abandoned.messages > 0) facts.push(`${abandoned.messages} messages unread`);
    if (sent !== undefined) facts.push(`sent ${describeStatus(sent)}`);
    // Last comes what a client has chosen: it may be long.
    if (received !== undefined) facts.push(`received ${describeStatus(received)}`);
    if (sent === undefined && received === undefined) facts.push('no close frames');
    this.note(client, `job ${state}: ${facts.join('; ')}`, state === 'failed' ? 'red' : 'green');
  }

  #begin(client: string, direction: Direction, kind: string, bytes: number, flags: string): string {
    const { arrow } = arrows[direction];
    return `${start(this.#time(), client, arrow)}${columns(kind, bytes.toLocaleString('en-US'), flags)}`;
  }

  #time(): string {
    return (this.#now() / 1000).toFixed(3);
  }
}

function start(time: string, client: string, arrow: string): string {
  return `${time.padStart(8)}  ${client.padEnd(9)} ${arrow}  `;
}

function columns(kind: string, bytes: string, flags: string): string {
  return `${kind.padEnd(12)} ${bytes.padStart(9)}  ${flags.padEnd(10)}  `;
}

function rsvNames(rsv: number): string[] {
  return [0x40, 0x20, 0x10].flatMap((bit, index) => ((rsv & bit) === 0 ? [] : [`rsv${index + 1}`]));
}

function describeStatus({ closeCode, reason }: CloseStatus): string {
  return reason === '' ? String(closeCode) : `${closeCode} ${quote(reason, WIDTH)}`;
}
