// What a handler gets, by the options that choose it. This file is compiled, and never run.

import type { IncomingMessage, Server } from 'node:http';
import {
  attach,
  connect,
  type Frame,
  type Job,
  type Message,
  type ReconnectingSession,
  Refusal,
  reconnect,
  type Sendable,
  type Session,
  type StreamedMessage,
  serve,
  toRequestHead,
  upgrade,
  WebSocketUpgrade,
} from 'millrace';
import { isOf } from './expect.ts';

declare const http: Server;
declare const request: IncomingMessage;
declare const input: ReadableStream<Uint8Array>;
declare const output: WritableStream<Uint8Array>;
declare const url: string;

// --- serve ---------------------------------------------------------------------------------------------------------

const whole = await serve({}, async (session) => {
  isOf<Session<undefined, Message, Sendable>>()(session);
  isOf<string | Uint8Array | undefined>()(await session.receive());
  for await (const message of session) isOf<string | Uint8Array>()(message);
  await session.send('text');
  await session.send(new ArrayBuffer(1));
  await session.send({ type: 'text', body: (async function* () {})() });
  // @ts-expect-error: a number is no message.
  await session.send(1);
  // @ts-expect-error: a frame is for raw sessions.
  await session.send({ fin: true, rsv1: false, rsv2: false, rsv3: false, opcode: 1, payload: new Uint8Array(0) });
  isOf<undefined>()(session.context);
});
for (const session of whole.sessions) isOf<Session<undefined, Message, Sendable>>()(session);

await serve({ messages: 'streamed' }, async (session) => {
  for await (const message of session) {
    isOf<StreamedMessage>()(message);
    isOf<string>()(await message.text());
    await session.send(message);
  }
});

await serve({ raw: true }, async (session) => {
  for await (const frame of session) {
    isOf<Frame>()(frame);
    await session.send(frame);
  }
  // @ts-expect-error: a raw session sends frames.
  await session.send('text');
});

// @ts-expect-error: there are two kinds of delivery.
await serve({ messages: 'chunked' }, () => {});
// @ts-expect-error: an option that does not exist.
await serve({ prot: 8080 }, () => {});
// @ts-expect-error: a policy that does not exist.
await serve({ slowConsumer: 'drop' }, () => {});
// @ts-expect-error: a limit that does not exist.
await serve({ limits: { maxMessage: 1 } }, () => {});
// @ts-expect-error: nobody runs on the sessions.
await serve({});

// Where it is known only when it runs what a session is, nothing can be sent unseen.
declare const isRaw: boolean;
await serve({ raw: isRaw }, async (session) => {
  isOf<Frame | Message | undefined>()(await session.receive());
  // @ts-expect-error: a text here, a frame there.
  await session.send('text');
});

// --- A context -----------------------------------------------------------------------------------------------------

const chat = attach(http, { path: '/chat/:room', admit: async () => ({ user: 'Ada' }) }, (session) => {
  isOf<{ user: string }>()(session.context);
  isOf<string | string[] | undefined>()(session.request?.parameters['room']);
  // @ts-expect-error: the hook gives no such thing.
  session.context.password;
});
for (const session of chat.sessions) isOf<string>()(session.context.user);

attach(http, { admit: (request) => (request.headers.has('x') ? 'known' : new Refusal(401)) }, (session) => {
  isOf<string>()(session.context);
});
// @ts-expect-error: it is a request that is looked at, not a session.
attach(http, { admit: (session) => session.receive() }, () => {});

// --- connect and reconnect -----------------------------------------------------------------------------------------

isOf<Session<undefined, Message, Sendable>>()(await connect(url));
isOf<Session<undefined, StreamedMessage, Sendable>>()(await connect(url, { messages: 'streamed' }));
isOf<Session<undefined, Frame, Frame>>()(await connect(new URL(url), { raw: true }));
await connect(url, { headers: [['a', 'b']], proxy: 'environment' });
await connect(url, { headers: { a: ['b', 'c'] }, proxy: { url: 'http://proxy', headers: { a: 'b' } } });
// @ts-expect-error: a client chooses no free port.
await connect(url, { port: 1 });
// @ts-expect-error: the name of the draft is WebSocketStream's.
await connect(url, { protocols: ['chat'] });

isOf<ReconnectingSession<'whole', Message>>()(reconnect(url));
isOf<ReconnectingSession<'streamed', StreamedMessage>>()(reconnect(() => url, { messages: 'streamed' }));
reconnect(url, {
  connect: async ({ attempt, signal }) => ({ headers: { a: `${attempt}${signal.aborted}` } }),
  onOpen: (session) => session.send('hello'),
  onLost: ({ unsettled }) => unsettled.messages,
  onState: (state) => {
    if (state.name === 'open') isOf<Session<undefined, Message>>()(state.session);
    if (state.name === 'waiting') isOf<number>()(state.delay);
    // @ts-expect-error: only an open one has a session.
    if (state.name === 'ended') state.session;
  },
});
// @ts-expect-error: frames do not outlive their connection.
reconnect(url, { raw: true });
// @ts-expect-error: how messages are given is said of all connections.
reconnect(url, { connect: { messages: 'streamed' } });

// --- upgrade -------------------------------------------------------------------------------------------------------

isOf<Job<undefined, Message, Sendable>>()(upgrade(input, output));
isOf<Job<undefined, Frame, Frame>>()(upgrade(input, output, undefined, undefined, { raw: true }));
isOf<Job<undefined, StreamedMessage, Sendable>>()(upgrade(input, output, {}, {}, { messages: 'streamed' }));
isOf<Job<{ user: string }, Message, Sendable>>()(upgrade(input, output, {}, {}, { context: { user: 'Ada' } }));
// @ts-expect-error: strings are no bytes.
upgrade(new ReadableStream<string>(), output);
// @ts-expect-error: a job is no promise: nobody waits for its end by mistake.
upgrade(input, output).then(() => {});

const answer = new WebSocketUpgrade(toRequestHead(request), { messages: 'streamed' }, (session) => {
  isOf<Session<undefined, StreamedMessage, Sendable>>()(session);
});
isOf<Job<undefined, StreamedMessage, Sendable>>()(answer.upgrade(input, output));
const decided = await WebSocketUpgrade.decide(toRequestHead(request), { admit: () => 42 }, (session) => {
  isOf<number>()(session.context);
});
isOf<number>()(decided.status);
