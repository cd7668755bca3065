// Frames by hand: makes and reads the wire bytes of frames, right or wrong ones, without a line of the library's own codec.

import type { Role } from '../../lib/frame/frame.ts';
import { hex, join, toHex } from './hex.ts';

export interface WireFrame {
  readonly opcode: number;
  /** Text is encoded as UTF-8. Default: none. */
  readonly payload?: Uint8Array | string;
  /** Default: true. */
  readonly fin?: boolean;
  /** RSV1 to RSV3 as bits of the first byte (0x40, 0x20, 0x10). Default: 0. */
  readonly rsv?: number;
  /** The four octets of the masking key; without it the frame is not masked. */
  readonly maskingKey?: Uint8Array;
  /** How many bits the length is written in, whether or not they are the fewest. Default: the fewest. */
  readonly lengthBits?: 7 | 16 | 64;
  /** The length that the header declares. Default: that of the payload. */
  readonly declared?: number | bigint;
}

/** The masking key of the examples of RFC 6455 §5.7. */
export const KEY: Uint8Array = hex('37 fa 21 3d');

export function toBytes(payload: Uint8Array | string): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
}

/** Writes one frame. */
export function wire(frame: WireFrame): Uint8Array {
  const payload = toBytes(frame.payload ?? '');
  const masked = frame.maskingKey === undefined ? payload : xor(payload, frame.maskingKey);
  return join(wireHeader(frame), masked);
}

/** Writes the header of a frame alone. */
export function wireHeader(frame: WireFrame): Uint8Array {
  const declared = BigInt(frame.declared ?? toBytes(frame.payload ?? '').byteLength);
  const bits = frame.lengthBits ?? (declared < 126n ? 7 : declared < 65536n ? 16 : 64);
  const first = ((frame.fin ?? true) ? 0x80 : 0) | (frame.rsv ?? 0) | frame.opcode;
  const code = bits === 7 ? Number(declared) : bits === 16 ? 126 : 127;
  const extended = bits === 7 ? '' : declared.toString(16).padStart(bits / 4, '0');
  const second = (frame.maskingKey === undefined ? 0 : 0x80) | code;
  return join(Uint8Array.of(first, second), hex(extended), frame.maskingKey ?? new Uint8Array(0));
}

/** Writes one frame as the peer of `role` has to: masked to a server, not masked to a client. */
export function wireTo(role: Role, frame: WireFrame): Uint8Array {
  return wire(role === 'server' ? { maskingKey: KEY, ...frame } : frame);
}

/** Writes the header of such a frame alone. */
export function wireHeaderTo(role: Role, frame: WireFrame): Uint8Array {
  return wireHeader(role === 'server' ? { maskingKey: KEY, ...frame } : frame);
}

/** The payload of a close frame. */
export function closePayload(code: number, reason: Uint8Array | string = ''): Uint8Array {
  return join(Uint8Array.of(code >>> 8, code & 0xff), toBytes(reason));
}

/** Masks octet by octet, as RFC 6455 §5.3 words it. */
export function xor(bytes: Uint8Array, key: Uint8Array, position = 0): Uint8Array {
  return Uint8Array.from(bytes, (byte, index) => byte ^ (key[(position + index) % 4] as number));
}

/** What {@link unwire} read. */
export interface ReadFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  /** In hex; undefined when the frame is not masked. */
  readonly maskingKey: string | undefined;
  /** How many bits the length was written in. */
  readonly lengthBits: 7 | 16 | 64;
  /** Not masked any more. */
  readonly payload: Uint8Array;
}

/** Reads bytes that must be whole frames, one behind the other. */
export function unwire(bytes: Uint8Array): ReadFrame[] {
  const frames: ReadFrame[] = [];
  let at = 0;
  const take = (size: number): Uint8Array => {
    if (at + size > bytes.byteLength) throw new RangeError(`Cannot read ${size} bytes at ${at} of ${bytes.byteLength}`);
    at += size;
    return Uint8Array.prototype.slice.call(bytes, at - size, at);
  };
  while (at < bytes.byteLength) {
    const [first = 0, second = 0] = take(2);
    const code = second & 0x7f;
    const lengthBits = code === 126 ? 16 : code === 127 ? 64 : 7;
    const length = lengthBits === 7 ? code : Number.parseInt(toHex(take(lengthBits / 8)).replaceAll(' ', ''), 16);
    const key = (second & 0x80) === 0 ? undefined : take(4);
    const raw = take(length);
    frames.push({
      fin: (first & 0x80) !== 0,
      rsv: first & 0x70,
      opcode: first & 0x0f,
      maskingKey: key === undefined ? undefined : toHex(key),
      lengthBits,
      payload: key === undefined ? raw : xor(raw, key),
    });
  }
  return frames;
}
