// A session, a WebSocketStream and the transforms as pairs of streams. This file is compiled, and never run.

import type { Duplex } from 'node:stream';
import {
  type Extension,
  type Frame,
  FrameDecoderStream,
  FrameEncoderStream,
  type Message,
  MessageAssemblerStream,
  MessageFragmenterStream,
  type MessageSource,
  type Sendable,
  type Session,
  type StreamedMessage,
  serve,
  toByteStreams,
  upgrade,
  WebSocketError,
  WebSocketStream,
  type WebSocketStreamChunk,
} from 'millrace';
import { isOf } from './expect.ts';

declare const bytes: ReadableStream<Uint8Array>;
declare const sink: WritableStream<Uint8Array>;
declare const session: Session;
declare const streamed: Session<undefined, StreamedMessage>;
declare const socket: Duplex;

// --- A session is a pair -------------------------------------------------------------------------------------------

const pair: ReadableWritablePair<Message, Sendable> = session;
isOf<ReadableStream<Message>>()(session.readable);
isOf<WritableStream<Sendable>>()(session.writable);
const answers = new ReadableStream<string>().pipeThrough(session);
isOf<ReadableStream<Message>>()(answers);
// A service that answers: what it is sent goes in, what it says comes out.
await new ReadableStream<string>().pipeThrough(pair).pipeTo(new WritableStream<Message>());
await session.readable.pipeThrough(new TransformStream<Message, string>()).pipeTo(session.writable);
// @ts-expect-error: numbers are no messages.
session.readable.pipeThrough(new TransformStream<Message, number>()).pipeTo(session.writable);
// @ts-expect-error: a stream of dates does not go into a session.
new ReadableStream<Date>().pipeThrough(session);
await streamed.readable.pipeTo(session.writable);

await serve({ messages: 'streamed' }, async (session) => {
  for await (const message of session) await session.send(message.body.pipeThrough(new CompressionStream('gzip')));
});

// --- The transforms ------------------------------------------------------------------------------------------------

const frames = bytes.pipeThrough(new FrameDecoderStream({ role: 'server' }));
isOf<ReadableStream<Frame>>()(frames);
const messages = frames.pipeThrough(new MessageAssemblerStream());
isOf<ReadableStream<Message>>()(messages);
const out = messages.pipeThrough(new MessageFragmenterStream()).pipeThrough(new FrameEncoderStream({ role: 'server' }));
isOf<ReadableStream<Uint8Array>>()(out);
await out.pipeTo(sink);
isOf<WritableStream<MessageSource>>()(new MessageFragmenterStream().writable);
// @ts-expect-error: bytes are no frames yet.
bytes.pipeThrough(new MessageAssemblerStream());
// @ts-expect-error: it has a role.
new FrameDecoderStream({});
// @ts-expect-error: there are two roles.
new FrameEncoderStream({ role: 'proxy' });

const { readable, writable } = toByteStreams(socket);
upgrade(readable, writable);

// --- WebSocketStream is what the draft says ------------------------------------------------------------------------

// As lib.dom will have it: https://github.com/whatwg/websockets/pull/48.
interface DraftOpenInfo {
  readonly readable: ReadableStream<string | Uint8Array>;
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>;
  readonly extensions: string;
  readonly protocol: string;
}
interface DraftStream {
  readonly url: string;
  readonly opened: Promise<DraftOpenInfo>;
  readonly closed: Promise<{ readonly closeCode: number; readonly reason: string }>;
  close(closeInfo?: { closeCode?: number; reason?: string }): void;
}
interface DraftConstructor {
  new (url: string, options?: { protocols?: string[]; signal?: AbortSignal }): DraftStream;
}
interface DraftError {
  new (
    message?: string,
    init?: { closeCode?: number; reason?: string },
  ): DOMException & { readonly closeCode: number | null; readonly reason: string };
}
const draft: DraftConstructor = WebSocketStream;
const error: DraftError = WebSocketError;
new draft('wss://example.com', { protocols: ['chat'] }).close({ closeCode: 1000, reason: new error().reason });

const stream = new WebSocketStream('wss://example.com', { headers: { a: 'b' }, limits: { maxMessageSize: 1 } });
const opened = await stream.opened;
isOf<ReadableStream<Message>>()(opened.readable);
isOf<WritableStream<WebSocketStreamChunk>>()(opened.writable);
// @ts-expect-error: only the stream says what it is.
stream.url = 'ws://elsewhere';
// @ts-expect-error: the names are closeCode and reason.
stream.close({ code: 1000 });
// @ts-expect-error: of the names that mean the same the draft's holds.
new WebSocketStream('wss://example.com', { subprotocols: ['chat'] });

// --- An extension of one's own -------------------------------------------------------------------------------------

const inverting: Extension = {
  name: 'x-invert',
  offer: () => [{ level: 1, on: true, name: 'a' }],
  confirm: () => () => ({ incoming: (payload) => payload.map((byte) => ~byte) }),
  accept: (offer) => (offer.size > 0 ? undefined : { parameters: {}, open: () => ({}) }),
};
await serve({ extensions: [inverting] }, () => {});
// @ts-expect-error: it decides on offers too.
const half: Extension = { name: 'x', offer: () => [], confirm: () => undefined };
void half;
