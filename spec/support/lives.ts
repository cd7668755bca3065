// Every way in which a connection can live and end: what its handler does, times what its client does; and every way in which an upgrade is refused.

import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import type { Session } from '../../lib/job/session.ts';
import { KEY, wireHeader } from './frames.ts';
import { LifeClient } from './life-client.ts';
import { close, masked, ping, requestHead, text } from './raw-client.ts';
import { turn, within } from './until.ts';

type StreamedSession = Session<undefined, StreamedMessage>;
type Behaviour = (session: Session) => unknown;
type StreamedBehaviour = (session: StreamedSession) => unknown;
type Way = (client: LifeClient) => unknown;

const ignore = (): void => {};
const never = (): Promise<never> => new Promise(() => {});

/** What is thrown by the handlers that fail. */
export const FAILURE: Error = new Error('The handler of a life fails');

/** What handlers do. Some hold on to what they have for ever. */
export const behaviours: Readonly<Record<string, Behaviour>> = {
  echo: async (session) => {
    for await (const message of session) await session.send(message);
  },
  pipe: (session) => session.readable.pipeTo(session.writable).catch(ignore),
  transform: (session) => session.readable.pipeThrough(new TransformStream()).pipeTo(session.writable).catch(ignore),
  return: ignore,
  'return-later': () => turn(),
  throw: () => {
    throw FAILURE;
  },
  'throw-later': async () => {
    await turn();
    throw FAILURE;
  },
  close: (session) => session.close(4000, 'enough'),
  cancel: (session) => session.job.cancel('enough'),
  idle: (session) => session.closed,
  stuck: never,
  'signal-listener': (session) =>
    new Promise<void>((resolve) => session.signal.addEventListener('abort', () => resolve())),
  'writer-held': (session) => {
    const writer = session.writable.getWriter();
    writer.closed.catch(ignore);
    writer.write('held').catch(ignore);
    return never();
  },
  'writer-closed': (session) => {
    const writer = session.writable.getWriter();
    writer.closed.catch(ignore);
    return writer.close().catch(ignore);
  },
  'writer-aborted': (session) => session.writable.abort(FAILURE),
  'reader-held': async (session) => {
    const reader = session.readable.getReader();
    reader.closed.catch(ignore);
    for (;;) if ((await reader.read()).done) return never();
  },
  'reader-cancelled': async (session) => {
    await session.readable.cancel();
    await session.closed;
  },
  'streams-unused': (session) => {
    void session.readable;
    void session.writable;
    return session.closed;
  },
  'receive-pending': (session) => {
    void session.receive();
    return session.closed;
  },
  'send-pending': (session) => {
    for (let count = 0; count < 8; count++) void session.send(new Uint8Array(64 * 1024));
    return session.closed;
  },
  'flush-pending': async (session) => {
    void session.send(new Uint8Array(512 * 1024));
    await session.flush();
    return session.closed;
  },
  'ping-pending': (session) => {
    void session.ping();
    return session.closed;
  },
  'source-stuck': (session) => new ReadableStream({ pull: never }).pipeTo(session.writable).catch(ignore),
  'sink-stuck': (session) => session.readable.pipeTo(new WritableStream({ write: never })).catch(ignore),
};

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield new Uint8Array(1024);
    await turn();
  }
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(10);
  throw FAILURE;
}

/** What handlers do whose messages are streamed. */
export const streamedBehaviours: Readonly<Record<string, StreamedBehaviour>> = {
  'streamed-echo': async (session) => {
    for await (const message of session) await session.send(message).catch(ignore);
  },
  'streamed-pipe': (session) => session.readable.pipeTo(session.writable).catch(ignore),
  'texts-read': async (session) => {
    for await (const message of session) await message.text().catch(ignore);
  },
  'body-half-read': async (session) => {
    for await (const message of session) for await (const _ of message) return never();
  },
  'body-held': async (session) => {
    const message = await session.receive();
    const reader = message?.body.getReader();
    reader?.closed.catch(ignore);
    await reader?.read().catch(ignore);
    await session.closed;
  },
  'body-unread': async (session) => {
    await session.receive();
    await session.closed;
  },
  'body-cancelled': async (session) => {
    for await (const message of session) message.cancel();
  },
  'source-endless': (session) => session.send({ type: 'binary', body: endless() }).catch(ignore),
  'source-stream': (session) => session.send(new ReadableStream({ pull: (to) => to.enqueue('more') })).catch(ignore),
  'source-silent': (session) => session.send(new ReadableStream({ pull: never })).catch(ignore),
  'source-fails': (session) => session.send({ type: 'binary', body: failing() }).catch(ignore),
};

const faults: readonly Uint8Array[] = [
  Uint8Array.of(0x81, 0x01, 0x61),
  masked({ opcode: 3 }),
  masked({ opcode: 1, rsv: 0x40 }),
  masked({ opcode: 0, payload: 'a' }),
  masked({ opcode: 1, payload: Uint8Array.of(0xff) }),
  masked({ opcode: 8, payload: Uint8Array.of(0) }),
  masked({ opcode: 9, fin: false }),
];
let nextFault = 0;

/** What clients do once they are upgraded. All but the deaf one answer the server's FIN. */
export const ways: Readonly<Record<string, Way>> = {
  close: (client) => client.send(close(1000)),
  'talk-and-close': (client) => client.send(text('one'), ping('two'), text('three'), close(1000, 'bye')),
  'close-and-end': (client) => {
    client.send(text('one'), close(1001));
    client.socket.end();
  },
  'close-and-reset': async (client) => {
    client.send(close());
    await turn();
    client.socket.resetAndDestroy();
  },
  'close-and-talk': (client) => client.send(close(1000), text('behind'), Uint8Array.of(0xff, 0xff)),
  // The close frame goes out with the request: it crosses whatever the server sends.
  cross: ignore,
  end: (client) => client.socket.end(),
  'end-in-frame': (client) => {
    client.send(wireHeader({ opcode: 1, declared: 100, maskingKey: KEY }), Uint8Array.of(1, 2, 3));
    client.socket.end();
  },
  reset: (client) => client.socket.resetAndDestroy(),
  'reset-in-message': async (client) => {
    client.send(text('one'), text('two', false));
    await turn();
    client.socket.resetAndDestroy();
  },
  destroy: (client) => client.socket.destroy(),
  fault: (client) => client.send(text('one'), faults[nextFault++ % faults.length] as Uint8Array),
  // Where messages are streamed these are no limits: then the end comes in the middle of one.
  limit: async (client) => {
    client.send(wireHeader({ opcode: 2, declared: 1_000_000, maskingKey: KEY }));
    await turn();
    client.socket.end();
  },
  fragments: async (client) => {
    client.send(text('', false), ...Array<Uint8Array>(40).fill(masked({ opcode: 0, fin: false })));
    await turn();
    client.socket.end();
  },
  'flood-and-reset': async (client) => {
    client.socket.pause();
    for (let count = 0; count < 20; count++) client.send(masked({ opcode: 2, payload: new Uint8Array(16 * 1024) }));
    for (let count = 0; count < 5; count++) await turn();
    client.socket.resetAndDestroy();
  },
  // Never answers anything, not even FIN: the server has to cut it.
  deaf: ignore,
};

/** Ways to ask in vain. */
export const refusals: Readonly<Record<string, (port: number) => Uint8Array>> = {
  version: (port) => requestHead(port, { target: '/close/echo', headers: { 'Sec-WebSocket-Version': '7' } }),
  key: (port) => requestHead(port, { target: '/close/echo', headers: { 'Sec-WebSocket-Key': 'short' } }),
  origin: (port) => requestHead(port, { target: '/close/echo', headers: { Origin: 'https://elsewhere.example' } }),
  host: (port) => requestHead(port, { target: '/close/echo', headers: { Host: 'elsewhere.example' } }),
  path: (port) => requestHead(port, { target: '/nobody' }),
  get: (port) => requestHead(port, { headers: { Upgrade: undefined, Connection: 'close' } }),
  'http-1.0': (port) => requestHead(port, { target: '/close/echo', version: '1.0' }),
  garbage: () => Uint8Array.of(0x16, 0x03, 0x01, 0x0d, 0x0a, 0x0d, 0x0a),
  headers: (port) => requestHead(port, { headers: { 'X-Long': 'x'.repeat(20_000) } }),
  admit: (port) => requestHead(port, { target: '/refuse/echo' }),
};

/** All pairs of a way and one of the behaviours, as paths `/way/behaviour`. */
export function pathsOf(some: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(ways).flatMap((way) => Object.keys(some).map((behaviour) => `/${way}/${behaviour}`));
}

const endlessBehaviours: readonly string[] = ['source-endless', 'source-stream'];
let deaf = 0;

/** What the handler of `/:way/:behaviour` does. A client that says nothing leaves the end to us: then the session ends itself, in turns by each command. */
export function behave<S extends Session | StreamedSession>(
  session: S,
  some: Readonly<Record<string, (session: S) => unknown>>,
): unknown {
  const { way, behaviour } = session.request?.parameters ?? {};
  // A close comes behind what was sent: behind a message without an end it does not come.
  const mustCancel = endlessBehaviours.includes(String(behaviour));
  if (way === 'deaf') {
    setImmediate(() => (mustCancel || deaf++ % 2 === 0 ? session.job.cancel() : void session.close(1001)));
  }
  return (some[String(behaviour)] as (session: S) => unknown)(session);
}

/** Lives one life on such a path, to the end of the connection. */
export async function live(port: number, path: string): Promise<void> {
  const way = path.split('/')[1] as string;
  const client = new LifeClient(port, way !== 'deaf');
  try {
    await within(new Promise((resolve) => client.socket.once('connect', resolve)), `a connection for ${path}`);
    const status = await client.ask(path, way === 'cross' ? close(1000) : undefined);
    if (status !== 101) throw new Error(`${path} was answered with ${status}`);
    await (ways[way] as Way)(client);
    await within(client.gone, `the end of ${path}`);
  } finally {
    client.socket.destroy();
  }
}

/** Asks in vain. Half of those who do go away without waiting for the answer. */
export async function askInVain(port: number, refusal: string, isPatient: boolean): Promise<void> {
  const client = new LifeClient(port, true);
  await within(new Promise((resolve) => client.socket.once('connect', resolve)), 'a connection');
  client.send((refusals[refusal] as (port: number) => Uint8Array)(port));
  if (!isPatient) client.socket.resetAndDestroy();
  await within(client.gone, `the end of a refused upgrade: ${refusal}`);
}
