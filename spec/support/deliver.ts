// Delivers one input in many ways — whole, byte by byte, split at random, with bytes after it, owned or not, as Node's
// Buffers — and asserts that each way means the same. Gives what it means.

import { createHash } from 'node:crypto';
import * as assert from 'uvu/assert';
import { Endpoint, type EndpointOptions } from '../../lib/endpoint/endpoint.ts';
import type { EndpointEvent } from '../../lib/endpoint/event.ts';
import type { EndpointState } from '../../lib/endpoint/state.ts';
import type { Fault } from '../../lib/error.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { FrameDecoder, type FrameDecoderOptions, type FramePiece } from '../../lib/frame/frame-decoder.ts';
import type { Message } from '../../lib/message/message.ts';
import { wireTo } from './frames.ts';
import { join, toHex } from './hex.ts';
import { Random } from './random.ts';
import { sized } from './sized.ts';

/** One way to deliver an input. */
export interface Delivery {
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
  readonly isOwned: boolean;
}

/** A fault as its stable parts. */
export interface SeenFault {
  readonly code: string;
  readonly closeCode: number;
  readonly message: string;
}

/** A frame whose pieces have been put together; `isWhole` is false when some of its payload has not come. */
export interface SeenFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly rsv: number;
  readonly payloadLength: number;
  readonly payload: string;
  readonly isWhole: boolean;
}

/** What a FrameDecoder made of an input. */
export interface Decoded {
  readonly frames: readonly SeenFrame[];
  readonly fault: SeenFault | undefined;
  readonly isBetweenFrames: boolean;
}

/** What an Endpoint made of an input. */
export interface Received {
  readonly events: readonly SeenEvent[];
  readonly state: EndpointState;
  readonly retained: number;
  /** All output, in hex. */
  readonly output: string;
}

export type SeenEvent =
  | { readonly type: 'message'; readonly text?: string; readonly bytes?: string }
  | { readonly type: 'ping' | 'pong'; readonly payload: string }
  | { readonly type: 'close'; readonly closeCode: number; readonly reason: string }
  | { readonly type: 'fault'; readonly fault: SeenFault };

// Of longer inputs only the ends are delivered byte by byte.
const BYTEWISE_UP_TO = 4096;
// In the quick suite each way of a very long input has one kind of chunks, and all three have their turn.
const LONG = 200_000;

/** Bytes in hex; long ones as their length and digest. */
export function show(bytes: Uint8Array): string {
  if (bytes.byteLength <= 256) return toHex(bytes);
  return `${bytes.byteLength} bytes, SHA-1 ${createHash('sha1').update(bytes).digest('hex')}`;
}

export function seeFault(fault: Fault | undefined): SeenFault | undefined {
  return fault === undefined ? undefined : { code: fault.code, closeCode: fault.closeCode, message: fault.message };
}

/** The ways in which an input is delivered, each with chunks of its own. */
export function deliveries(input: Uint8Array): Delivery[] {
  const random = new Random();
  const ways: [string, Uint8Array[]][] = [
    ['whole', [input]],
    ['with empty chunks', [new Uint8Array(0), input, new Uint8Array(0)]],
    ['split at random', random.split(input, 7 * scaleOf(input))],
    ['split coarsely at random', random.split(input, Math.max(2, input.byteLength))],
    ['byte by byte', bytewise(input, random)],
  ];
  const isLong = input.byteLength > sized(LONG, Number.POSITIVE_INFINITY);
  return ways.flatMap(([name, chunks], index) => {
    const kinds = [
      { name, chunks: chunks.map((chunk) => displace(chunk, random)), isOwned: false },
      { name: `${name}, owned`, chunks: chunks.map((chunk) => displace(chunk, random)), isOwned: true },
      { name: `${name}, as Buffers`, chunks: chunks.map((chunk) => Buffer.from(chunk)), isOwned: false },
    ];
    return isLong ? [kinds[index % kinds.length] as Delivery] : kinds;
  });
}

function scaleOf(input: Uint8Array): number {
  return Math.ceil(input.byteLength / BYTEWISE_UP_TO);
}

function bytewise(input: Uint8Array, random: Random): Uint8Array[] {
  if (input.byteLength <= BYTEWISE_UP_TO) return random.split(input, 1);
  const end = BYTEWISE_UP_TO / 8;
  const middle = random.split(input.subarray(end, -end), scaleOf(input) * 8);
  return [...random.split(input.subarray(0, end), 1), ...middle, ...random.split(input.subarray(-end), 1)];
}

// A copy somewhere inside a larger buffer, so that no alignment and no buffer of its own is relied on.
function displace(bytes: Uint8Array, random: Random): Uint8Array {
  const offset = random.below(9);
  const copy = new Uint8Array(offset + bytes.byteLength + random.below(5)).subarray(offset, offset + bytes.byteLength);
  copy.set(bytes);
  return copy;
}

// --- Frames --------------------------------------------------------------------------------------------------------

/** Delivers `input` to decoders in every way. Gives what each of them made of it. */
export function decode(options: FrameDecoderOptions, input: Uint8Array): Decoded {
  const random = new Random();
  const expected = decodeOnce(options, { name: '', chunks: [input.slice()], isOwned: false });
  for (const delivery of deliveries(input)) {
    assert.equal(decodeOnce(options, delivery), expected, `delivered ${delivery.name}`);
  }
  for (const delivery of deliveries(input)) {
    const size = (): number => 1 + random.below(5 * scaleOf(input));
    assert.equal(decodeOnce(options, delivery, size), expected, `delivered ${delivery.name}, taken in small pieces`);
  }
  const marker = markerTo(options.role);
  for (const delivery of deliveries(join(input, marker.bytes))) {
    const decoded = decodeOnce(options, delivery);
    if (expected.fault !== undefined)
      assert.equal(decoded, expected, `delivered ${delivery.name}, with bytes after it`);
    else if (expected.isBetweenFrames) {
      const frames = [...expected.frames, marker.frame];
      assert.equal(decoded, { ...expected, frames }, `delivered ${delivery.name}, with bytes after it`);
    }
  }
  return expected;
}

// A pong may come anywhere between two frames.
function markerTo(role: Role): { bytes: Uint8Array; frame: SeenFrame } {
  const payload = 'd0 0d';
  const bytes = wireTo(role, { opcode: 0xa, payload: Uint8Array.of(0xd0, 0x0d) });
  return { bytes, frame: { opcode: 0xa, fin: true, rsv: 0, payloadLength: 2, payload, isWhole: true } };
}

/** Delivers to one decoder, in one way. */
export function decodeOnce(options: FrameDecoderOptions, delivery: Delivery, size?: () => number): Decoded {
  const decoder = new FrameDecoder(options);
  const frames: SeenFrame[] = [];
  let pieces: FramePiece[] = [];
  for (const chunk of delivery.chunks) {
    const before = chunk.slice();
    decoder.push(chunk, delivery.isOwned);
    for (let piece = decoder.next(size?.()); piece !== undefined; piece = decoder.next(size?.())) {
      assert.is(piece.bytes.constructor, Uint8Array, 'a piece is a plain Uint8Array');
      assert.is(piece.isFirst, pieces.length === 0, 'the first piece of a frame says so');
      // Kept as it is now: a later piece must not change it.
      pieces.push({ ...piece, bytes: piece.bytes.slice(piece.start, piece.end) });
      if (piece.isLast) {
        frames.push(putTogether(pieces));
        pieces = [];
      }
    }
    assert.is(decoder.unread, 0, 'the chunk is used up');
    if (!delivery.isOwned) assert.ok(Buffer.compare(chunk, before) === 0, 'a chunk that is not owned is not changed');
  }
  if (pieces.length > 0) frames.push(putTogether(pieces));
  return { frames, fault: seeFault(decoder.fault), isBetweenFrames: decoder.isBetweenFrames };
}

/** How many bytes of `input`, delivered one by one, had come when the fault was there; undefined when none came. */
export function faultAt(options: FrameDecoderOptions, input: Uint8Array): number | undefined {
  const decoder = new FrameDecoder(options);
  for (let count = 1; count <= input.byteLength; count++) {
    decoder.push(input.slice(count - 1, count));
    while (decoder.next() !== undefined);
    if (decoder.fault !== undefined) return count;
  }
  return undefined;
}

function putTogether(pieces: readonly FramePiece[]): SeenFrame {
  const { opcode, fin, rsv, payloadLength } = pieces[0] as FramePiece;
  for (const piece of pieces) {
    assert.ok(piece.opcode === opcode && piece.fin === fin && piece.rsv === rsv, 'pieces of a frame agree');
    assert.is(piece.payloadLength, payloadLength, 'pieces of a frame agree on its length');
  }
  const payload = join(...pieces.map((piece) => piece.bytes));
  const isWhole = pieces.at(-1)?.isLast === true;
  assert.is(payload.byteLength === payloadLength, isWhole, 'the last piece completes the payload');
  return { opcode, fin, rsv, payloadLength, payload: show(payload), isWhole };
}

// --- Endpoints -----------------------------------------------------------------------------------------------------

/** Masking keys in a row; the first is 00000000, which leaves a payload as it is. */
export function keysFrom(first = 0): () => number {
  let key = first;
  return () => key++;
}

/** Makes an endpoint. A client's masking keys are all 00000000, so that its output can be read. */
export function makeEndpoint(options: EndpointOptions): Endpoint {
  return new Endpoint(options.role === 'client' ? { maskingKey: () => 0, ...options } : options);
}

/** Everything that waits to be written. */
export function takeAll(endpoint: Endpoint): Uint8Array {
  const pieces: Uint8Array[] = [];
  endpoint.takeOutput(pieces);
  return join(...pieces);
}

export function seeMessage(message: Message): SeenEvent {
  if (typeof message !== 'string') {
    assert.is(message.constructor, Uint8Array, 'a binary message is a plain Uint8Array');
    return { type: 'message', bytes: show(message) };
  }
  return { type: 'message', text: message.length <= 256 ? message : show(new TextEncoder().encode(message)) };
}

export function seeEvent(event: EndpointEvent): SeenEvent {
  switch (event.type) {
    case 'message':
      return seeMessage(event.message);
    case 'ping':
    case 'pong':
      return { type: event.type, payload: toHex(event.payload) };
    case 'close':
      return { type: 'close', closeCode: event.closeCode, reason: event.reason };
    case 'fault':
      return { type: 'fault', fault: seeFault(event.fault) as SeenFault };
    case 'frame':
      throw new Error('An endpoint that is not raw gave a frame');
    case 'piece':
      throw new Error('An endpoint that does not stream its messages gave a piece');
  }
}

/** Delivers `input` to endpoints in every way, each made ready by `prepare`. Gives what each of them made of it. */
export function receive(
  options: EndpointOptions,
  input: Uint8Array,
  prepare: (endpoint: Endpoint) => void = () => {},
): Received {
  const random = new Random();
  const once = (delivery: Delivery, budget?: () => number): Received => {
    const endpoint = makeEndpoint(options);
    prepare(endpoint);
    return receiveOnce(endpoint, delivery, budget);
  };
  const expected = once({ name: '', chunks: [input.slice()], isOwned: false });
  for (const delivery of deliveries(input)) {
    assert.equal(once(delivery), expected, `delivered ${delivery.name}`);
  }
  for (const delivery of deliveries(input)) {
    const budget = (): number => 1 + random.below(200 * scaleOf(input));
    assert.equal(once(delivery, budget), expected, `delivered ${delivery.name}, with small budgets`);
  }
  const { isBetweenFrames: endsBetweenFrames } = decodeOnce(
    { role: options.role },
    { name: '', chunks: [input], isOwned: false },
  );
  for (const delivery of deliveries(join(input, markerTo(options.role).bytes))) {
    const received = once(delivery);
    const isOver = expected.state !== 'open' && expected.state !== 'close-sent';
    if (isOver) assert.equal(received, expected, `delivered ${delivery.name}, with bytes after it`);
    else if (endsBetweenFrames) {
      const events = [...expected.events, { type: 'pong', payload: 'd0 0d' }];
      assert.equal(received, { ...expected, events }, `delivered ${delivery.name}, with bytes after it`);
    }
  }
  return expected;
}

/** As {@link faultAt}, for an endpoint: at which byte it fails. */
export function failsAt(options: EndpointOptions, input: Uint8Array): number | undefined {
  const endpoint = makeEndpoint(options);
  for (let count = 1; count <= input.byteLength; count++) {
    endpoint.receive(input.slice(count - 1, count));
    if (endpoint.state === 'failed') return count;
  }
  return undefined;
}

/** Delivers to one endpoint, in one way. */
export function receiveOnce(endpoint: Endpoint, delivery: Delivery, budget?: () => number): Received {
  const events: EndpointEvent[] = [];
  for (const chunk of delivery.chunks) {
    const before = chunk.slice();
    events.push(...endpoint.receive(chunk, delivery.isOwned, budget?.()));
    while (endpoint.hasUnread) events.push(...endpoint.resume(budget?.()));
    if (!delivery.isOwned) assert.ok(Buffer.compare(chunk, before) === 0, 'a chunk that is not owned is not changed');
  }
  const output = show(takeAll(endpoint));
  assert.not(endpoint.hasOutput, 'all output has been taken');
  return { events: events.map(seeEvent), state: endpoint.state, retained: endpoint.retained, output };
}
