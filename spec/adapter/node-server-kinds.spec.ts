// The kind of session that the options of a server choose: what its handler gets, on the wire and for the compiler.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import { Opcode } from '../../lib/frame/opcode.ts';
import type { RawSession, Session } from '../../lib/job/session.ts';
import { attach } from '../../lib/node.ts';
import { rejects, throws } from '../support/check.ts';
import { binary, close, closeStatus, masked, ping, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { until } from '../support/until.ts';

const test = suite('serve and attach · kinds of session');

/** Sends every frame back, close frames too. */
async function mirror(session: RawSession<unknown>): Promise<void> {
  for await (const frame of session) await session.send(frame);
}

/** Talks to a mirror of frames, and closes. */
async function askMirror(port: number, rsv = 0): Promise<void> {
  using client = await RawClient.open(port);
  client.send(masked({ opcode: 1, payload: 'Hel', fin: false, rsv }), ping('p'), masked({ opcode: 0, payload: 'lo' }));
  const frames = await client.frames(3);
  assert.equal(
    frames.map(({ opcode, fin, rsv, payload }) => [opcode, fin, rsv, payload.toString()]),
    [
      [1, false, rsv, 'Hel'],
      [9, true, 0, 'p'],
      [0, true, 0, 'lo'],
    ],
  );
  client.send(close(3000, 'bye'));
  assert.equal(closeStatus(await client.frame()), { code: 3000, reason: 'bye' });
  await client.finished();
  client.end();
}

test('serve with raw: true runs its handler on sessions of frames', async () => {
  await using server = await serve({ raw: true }, async (session) => {
    const first: Frame | undefined = await session.receive();
    if (first === undefined) return;
    await session.send(first);
    await mirror(session);
  });
  await askMirror(server.port);
});

test('serve hands the RSV bits of a raw session on', async () => {
  await using server = await serve({ raw: true, rsvBits: 0x40 }, mirror);
  await askMirror(server.port, 0x40);
});

test('attach with raw: true runs its handler on sessions of frames, beside one of messages', async () => {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const messages = attach(http, { path: '/messages' }, echo);
  const frames = attach(http, { raw: true, rsvBits: 0x20 }, mirror);
  await askMirror(port, 0x20);
  using client = await RawClient.open(port, { target: '/messages' });
  client.send(text('Hel', false), ping('p'), masked({ opcode: 0, payload: 'lo' }));
  const [pong, message] = await client.frames(2);
  assert.equal([pong?.opcode, message?.opcode, message?.payload.toString()], [10, 1, 'Hello']);
  client.send(close(1000));
  client.end();
  await until(() => messages.counters.open + frames.counters.open === 0, 'all have ended');
  await Promise.all([messages.stop(), frames.stop()]);
  await new Promise((resolve) => http.close(resolve));
});

/** Sends every message back as it comes. */
async function pass(session: Session<unknown, StreamedMessage>): Promise<void> {
  for await (const message of session) await session.send(message);
}

/** Asks for an echo before the message has ended, and of one that is longer than a whole message may be. */
async function askStreamed(port: number): Promise<void> {
  using client = await RawClient.open(port);
  client.send(text('Hel', false));
  assert.is((await client.frame()).payload.toString(), 'Hel', 'it comes back before its end has come');
  client.send(masked({ opcode: 0, payload: 'lo' }));
  let rest = '';
  for (let isOver = false; !isOver; ) {
    const frame = await client.frame();
    rest += frame.payload.toString();
    isOver = frame.fin;
  }
  assert.is(rest, 'lo');
  const size = 3 * 1024 * 1024;
  client.send(binary(new Uint8Array(size)));
  let received = 0;
  while (received < size) received += (await client.frame()).payload.byteLength;
  assert.is(received, size);
  client.send(close(1000));
  client.end();
}

test('serve with messages: streamed runs its handler on sessions of messages that are read as they come', async () => {
  const types: string[] = [];
  await using server = await serve({ messages: 'streamed' }, async (session) => {
    const first: StreamedMessage | undefined = await session.receive();
    if (first === undefined) return;
    types.push(first.type);
    await session.send(first);
    await pass(session);
  });
  await askStreamed(server.port);
  assert.equal(types, ['text']);
});

test('attach with messages: streamed does so too; a limit of frames holds when it is set', async () => {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const limited = attach(http, { path: '/limited', messages: 'streamed', limits: { maxFrameSize: 1000 } }, pass);
  const streamed = attach(http, { messages: 'streamed' }, pass);
  await askStreamed(port);
  using client = await RawClient.open(port, { target: '/limited' });
  client.send(binary(new Uint8Array(1001)));
  assert.is((await client.untilClose()).code, 1009);
  client.send(close(1009));
  client.end();
  await until(() => limited.counters.open + streamed.counters.open === 0, 'all have ended');
  await Promise.all([limited.stop(), streamed.stop()]);
  await new Promise((resolve) => http.close(resolve));
});

test('what a server does with slow consumers holds for its sessions', async () => {
  await using server = await serve({ slowConsumer: 'drop-newest' }, async (session) => {
    const chunk = new Uint8Array(64 * 1024);
    for (let count = 0; count < 10; count++) void session.send(chunk);
    await session.closed;
  });
  using client = await RawClient.open(server.port);
  assert.is((await client.frame()).payload.byteLength, 64 * 1024);
  const [session] = server.sessions;
  assert.ok((session?.counters.dropped.messages ?? 0) > 0);
});

test('hooks decide on raw sessions too, and their context is the session’s', async () => {
  const names: string[] = [];
  await using server = await serve(
    { raw: true, admit: async (request) => ({ name: request.headers.get('x-name') ?? '' }) },
    async (session) => {
      const { name }: { name: string } = session.context;
      names.push(name);
      await mirror(session);
    },
  );
  using client = await RawClient.connect(server.port);
  client.send(requestHead(server.port, { headers: { 'X-Name': 'Ada' } }));
  await client.accepted();
  client.send(ping('x'));
  assert.is((await client.frame()).opcode, 9);
  assert.equal(names, ['Ada']);
});

test('the sessions of a server are of the kind that its options choose', async () => {
  await using raw = await serve({ raw: true }, mirror);
  await using whole = await serve({}, echo);
  using one = await RawClient.open(raw.port);
  using two = await RawClient.open(whole.port);
  const frames: RawSession<unknown>[] = [...raw.sessions];
  const messages: Session[] = [...whole.sessions];
  void frames[0]?.send({
    fin: true,
    rsv1: false,
    rsv2: false,
    rsv3: false,
    opcode: Opcode.PING,
    payload: new Uint8Array(1),
  });
  void messages[0]?.send('hello');
  assert.equal([(await one.frame()).opcode, (await two.frame()).payload.toString()], [9, 'hello']);
});

test('the compiler refuses a handler of the other kind', () => {
  // Never called: what is checked is that it compiles.
  const never = (): unknown => [
    serve({ raw: true }, async (session) => {
      // @ts-expect-error A session of frames takes no text.
      await session.send('text');
    }),
    serve({}, async (session) => {
      // @ts-expect-error A session of messages gives no frames.
      const frame: Frame | undefined = await session.receive();
      return frame;
    }),
    // @ts-expect-error The handler is one of frames, the sessions are of messages.
    serve({ raw: false }, mirror),
    // @ts-expect-error The handler is one of messages, the sessions are of frames.
    serve({ raw: true }, echo),
    serve({ raw: Math.random() < 0.5 }, async (session) => {
      const received: Frame | string | Uint8Array | undefined = await session.receive();
      // @ts-expect-error Of which kind it is, is not known: nothing can be sent.
      await session.send(received);
    }),
    serve({ messages: 'streamed' }, async (session) => {
      // @ts-expect-error A streamed message is no text.
      const message: string | Uint8Array | undefined = await session.receive();
      return message;
    }),
    // @ts-expect-error The handler is one of streamed messages, the sessions are of whole ones.
    serve({ messages: 'whole' }, pass),
    // @ts-expect-error There is no such option.
    serve({ raw: true, rawer: true }, mirror),
  ];
  assert.type(never, 'function');
});

test('an option of a connection that is wrong is thrown by the door, not at the first upgrade', async () => {
  await rejects(serve({ rsvBits: 0x40 }, echo), RangeError);
  await rejects(serve({ raw: true, rsvBits: 0x80 }, mirror), RangeError);
  await rejects(serve({ messages: 'whole', slowConsumer: 'never' as 'wait' }, echo), TypeError);
  await rejects(serve({ raw: true, messages: 'streamed' }, mirror), TypeError);
  throws(() => attach(createServer(), { messages: 'some' as 'whole' }, echo), TypeError);
  throws(() => attach(createServer(), { rsvBits: 1 }, echo), RangeError);
  throws(() => attach(createServer(), { fragmentSize: 0 }, echo), RangeError);
});

test('nothing has escaped from any of these servers', () => assertNothingEscaped());

test.run();
