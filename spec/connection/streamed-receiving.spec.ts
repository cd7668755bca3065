// Messages read as they come, over a whole connection: in both roles, however the bytes are split.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import { LimitError } from '../../lib/error.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { streams } from '../../lib/stream/streams.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { toBytes, type WireFrame, wireHeaderTo, wireTo } from '../support/frames.ts';
import { hex, join } from '../support/hex.ts';
import { ByHand, closePayload, watchEscapes } from '../support/pair.ts';
import { Random } from '../support/random.ts';
import { assertEnd } from '../support/server.ts';
import { createStreamed, type StreamedSession, streamed } from '../support/streamed.ts';

const { seen } = watchEscapes();
const roles: readonly Role[] = ['server', 'client'];
const narrow = { queueSize: 1000, lookAhead: 500 };

const test = suite('streamed receiving · RFC 6455 §5.4');

function wire(role: Role, ...frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

const close = (code: number): WireFrame => ({ opcode: 8, payload: closePayload(code) });

async function take(session: StreamedSession): Promise<StreamedMessage> {
  return (await session.receive()) as StreamedMessage;
}

/** Every split of some bytes: whole, byte by byte, and at random. */
function splits(bytes: Uint8Array): readonly Uint8Array[][] {
  const random = new Random();
  return [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte)), random.split(bytes, 7), random.split(bytes, 100)];
}

/** Every way to read a message as bytes. */
const ways: readonly (readonly [string, (message: StreamedMessage) => Promise<Uint8Array>])[] = [
  ['bytes()', (message) => message.bytes()],
  ['text()', async (message) => toBytes(await message.text())],
  ['json()', async (message) => toBytes(JSON.stringify(await message.json()))],
  ['for await', (message) => readAll(message)],
  ['body', (message) => readAll(message.body)],
];

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk.slice());
  return join(...all);
}

for (const role of roles) {
  test(`${role}: messages in fragments with pings between are the same in any split, read in any way`, async () => {
    const input = wire(
      role,
      { opcode: 1, payload: '["', fin: false },
      { opcode: 9, payload: 'between' },
      { opcode: 0, payload: '', fin: false },
      { opcode: 0, payload: 'é", 1]' },
      { opcode: 2, payload: '[2]' },
      { opcode: 1, payload: '3', fin: false },
      { opcode: 0, payload: '' },
      close(1000),
    );
    for (const [name, read] of ways) {
      for (const [index, chunks] of splits(input).entries()) {
        const { peer, session } = createStreamed({ role });
        void (async () => {
          for (const chunk of chunks) await peer.send(chunk);
        })();
        const got: [string, string][] = [];
        for await (const message of session) {
          const bytes = await read(message);
          got.push([message.type, JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)))]);
        }
        const expected = [
          ['text', '["é",1]'],
          ['binary', '[2]'],
          ['text', '3'],
        ];
        assert.equal(got, expected, `${name}, split ${index}`);
        await turns();
        assert.equal(peer.wire, ['pong 6265747765656e', 'close 1000 ""']);
      }
    }
  });

  test(`${role}: the type is told at once with the first frame's header, and bytes as they come`, async () => {
    const { peer, session } = createStreamed({ role });
    const header = wireHeaderTo(role, { opcode: 1, fin: false, declared: 5 });
    const pending = session.receive();
    await peer.send(header);
    const message = (await pending) as StreamedMessage;
    assert.is(message.type, 'text');
    const chunks = message[Symbol.asyncIterator]();
    for (const byte of wireTo(role, { opcode: 1, fin: false, payload: 'Hello' }).subarray(header.byteLength)) {
      const next = chunks.next();
      await peer.send(Uint8Array.of(byte));
      assert.is((await next).value?.byteLength, 1);
    }
    const end = chunks.next();
    await peer.send(wire(role, { opcode: 0 }));
    assert.ok((await end).done);
  });

  test(`${role}: a text is failed with 1007 at its first impossible byte, and what came before it is given`, async () => {
    for (const bad of [hex('ff'), hex('c3 28'), hex('ed a0 80'), hex('f4 90')]) {
      const { peer, session } = createStreamed({ role });
      await peer.send(wire(role, { opcode: 1, payload: 'good', fin: false }));
      const message = await take(session);
      const chunks = message[Symbol.asyncIterator]();
      await peer.send(wire(role, { opcode: 0, payload: bad, fin: false }));
      assert.equal((await chunks.next()).value, toBytes('good'));
      await rejects(chunks.next(), Error, 'ERR_WS_INVALID_UTF8');
      await rejects(session.receive(), Error, 'ERR_WS_INVALID_UTF8');
      assert.equal(peer.wire, ['close 1007 "Text message is not valid UTF-8"']);
    }
  });

  test(`${role}: a text that ends inside a character is failed with 1007, though its bytes were given`, async () => {
    const { peer, session } = createStreamed({ role });
    await peer.send(wire(role, { opcode: 1, payload: hex('61 e2 82'), fin: false }));
    const text = (await take(session)).text();
    await peer.send(wire(role, { opcode: 0 }));
    await rejects(text, Error, 'ERR_WS_INVALID_UTF8');
    assert.ok(peer.wire[0]?.startsWith('close 1007'));
  });

  test(`${role}: a message of any length: no limit but that of collecting`, async () => {
    const limits = { maxMessageSize: 1000, maxFragments: 2 };
    const { peer, session } = createStreamed({ role, limits });
    const payload = new Uint8Array(300_000).fill(7);
    void peer.send(
      wire(
        role,
        { opcode: 2, payload, fin: false },
        ...Array.from({ length: 50 }, () => ({ opcode: 0, payload: 'x', fin: false })),
        { opcode: 0 },
      ),
    );
    let size = 0;
    for await (const chunk of await take(session)) size += chunk.byteLength;
    assert.is(size, 300_050);
    assert.is(peer.job.state, 'running');
  });

  test(`${role}: collecting over the limit is 1009 and a LimitError`, async () => {
    const { peer, session } = createStreamed({ role, limits: { maxMessageSize: 1000 } });
    void peer.send(wire(role, { opcode: 1, payload: 'x'.repeat(1001) }));
    const error = await rejects((await take(session)).text(), LimitError, 'ERR_WS_MESSAGE_TOO_LONG');
    await turns();
    assert.equal(peer.wire, ['close 1009 "Message is over the limit of 1000 bytes"']);
    await rejects(session.receive(), LimitError, 'ERR_WS_MESSAGE_TOO_LONG');
    await peer.end();
    const info = await session.closed;
    assertEnd(info, { closeCode: 1006, initiator: 'local', error: 'ERR_WS_MESSAGE_TOO_LONG' });
    assert.is(info.error, error);
  });
}

test('a frame longer than 1 MiB, and one of a 64-bit length that never ends, are begun like any other', async () => {
  const { peer, session } = createStreamed({ role: 'client' });
  await peer.send(join(wireHeaderTo('client', { opcode: 2, declared: 2n ** 42n }), hex('01 02')));
  const message = await take(session);
  const chunks = message[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).value, hex('01 02'));
  message.cancel();
  for (let count = 0; count < 100; count++) await peer.send(new Uint8Array(65_536));
  assert.equal([session.counters.unread, peer.job.state], [0, 'running']);
});

test('maxFrameSize holds when it is set, before a byte of the frame is taken', async () => {
  const { peer, session } = createStreamed({ role: 'client', limits: { maxFrameSize: 100 } });
  await peer.send(join(wire('client', { opcode: 2, payload: new Uint8Array(100), fin: false })));
  await peer.send(wireHeaderTo('client', { opcode: 0, declared: 101 }));
  assert.ok(peer.wire[0]?.startsWith('close 1009'));
  await rejects((await take(session)).bytes(), LimitError, 'ERR_WS_FRAME_TOO_LONG');
});

test('a session is of frames or of streamed messages, not both, and messages are nothing else', () => {
  throws(() => new ByHand(streamed({ raw: true })), TypeError, /raw session/);
  throws(() => new ByHand({ messages: 'halved' } as never), TypeError, /'whole' or 'streamed'/);
});

// --- The end ---------------------------------------------------------------------------------------------------------

test('the peer closes in the middle of a message: its body errors, then the messages end well', async () => {
  const reported: unknown[] = [];
  const ends: unknown[] = [];
  const { peer } = createStreamed({
    userContext: { onError: (error) => void reported.push(error) },
    handler: async (session) => {
      const message = await take(session);
      await message.text().catch((error: unknown) => ends.push((error as { code: string }).code));
      ends.push(await session.receive());
    },
  });
  await peer.send(wire('server', { opcode: 1, payload: 'half', fin: false }, close(1000)));
  await peer.end();
  assertEnd(await peer.job.closed, { closeCode: 1000, wasClean: true, error: undefined });
  assert.equal([ends, reported, peer.job.state], [['ERR_WS_CONNECTION_LOST', undefined], [], 'completed']);
});

test('a handler that rejects with the error of a cut message has not failed: that is the end of its session', async () => {
  for (const how of ['close', 'end', 'fail', 'cancel'] as const) {
    const reported: unknown[] = [];
    const { peer } = createStreamed({
      userContext: { onError: (error) => void reported.push(error) },
      handler: async (session) => {
        for await (const message of session) await message.text();
      },
    });
    await peer.send(wire('server', { opcode: 1, payload: 'half', fin: false }));
    if (how === 'close') await peer.send(wire('server', close(1000)));
    if (how === 'cancel') peer.job.cancel();
    await turns();
    if (how === 'fail') await peer.fail(new Error('reset'));
    else await peer.end();
    await peer.clock.turn(10_000);
    await peer.job.closed;
    assert.equal([reported, peer.clock.pending], [[], 0], how);
    if (how === 'close') assert.equal(peer.wire, ['close 1000 ""']);
  }
});

test('a connection that is lost errors the body behind what had come, and then the session', async () => {
  const { peer, session } = createStreamed();
  await peer.send(wire('server', { opcode: 1, payload: 'half', fin: false }));
  await peer.fail(new Error('reset'));
  const chunks = (await take(session))[Symbol.asyncIterator]();
  assert.equal((await chunks.next()).value, toBytes('half'));
  const error = await rejects(chunks.next(), Error, 'ERR_WS_CONNECTION_LOST');
  assert.is(await rejects(session.receive(), Error, 'ERR_WS_CONNECTION_LOST'), error);
  await peer.clock.turn(5000);
  assert.is((await session.closed).error, error);
});

test('a whole message that had come before the loss is still read, and its next one errors', async () => {
  const { peer, session } = createStreamed();
  await peer.send(
    wire('server', { opcode: 1, payload: 'one' }, { opcode: 1, payload: 'two' }, { opcode: 1, fin: false }),
  );
  await peer.fail(new Error('reset'));
  assert.is(await (await take(session)).text(), 'one');
  assert.is(await (await take(session)).text(), 'two');
  await rejects((await take(session)).text(), Error, 'ERR_WS_CONNECTION_LOST');
  await rejects(session.receive(), Error, 'ERR_WS_CONNECTION_LOST');
});

test('a cancelled job errors a body that is being read: what is cut never looks whole', async () => {
  for (const [name, read] of ways) {
    const { peer, session } = createStreamed();
    await peer.send(wire('server', { opcode: 1, payload: '"half', fin: false }));
    const cut = rejects(read(await take(session)), Error, 'ERR_WS_CLOSED');
    await turns();
    peer.job.cancel();
    await peer.send(wire('server', { opcode: 0, payload: '"' }, close(1001)));
    await peer.end();
    await cut;
    assertEnd(await peer.job.closed, { closeCode: 1001, wasClean: true, error: 'ERR_WS_CANCELLED' });
    assert.is(peer.job.state, 'cancelled', name);
  }
});

test('a handler that returns with an unread body closes with 1000, and what was left of it is thrown away', async () => {
  let kept: StreamedMessage | undefined;
  const { peer } = createStreamed({
    limits: narrow,
    handler: async (session) => {
      kept = await take(session);
    },
  });
  void peer.send(
    wire('server', { opcode: 2, payload: new Uint8Array(100_000) }, { opcode: 1, payload: 'unread' }, close(1000)),
  );
  void peer.end();
  await turns(50);
  assertEnd(await peer.job.closed, { closeCode: 1000, wasClean: true, error: undefined });
  assert.is((await peer.job.closed).abandoned.messages, 1);
  await rejects((kept as StreamedMessage).bytes(), Error, 'ERR_WS_CLOSED');
});

test('the answer to a close waits until the handler has read the last message, and its reply goes before it', async () => {
  const { peer } = createStreamed({
    handler: async (session) => {
      for await (const message of session) {
        const text = await message.text();
        await turns(5);
        await session.send(`you said ${text}`);
      }
    },
  });
  await peer.send(wire('server', { opcode: 1, payload: 'bye', fin: false }, { opcode: 0 }, close(3000)));
  await turns(30);
  assert.equal(peer.wire, ['text "you said bye"', 'close 3000 ""']);
});

// --- Through streams -------------------------------------------------------------------------------------------------

test('readable piped to writable is an echo, message by message, with the types kept', async () => {
  const { peer } = createStreamed({
    handler: (session) => session.readable.pipeTo(session.writable as WritableStream),
  });
  const big = 'x'.repeat(100_000);
  await peer.send(
    wire(
      'server',
      { opcode: 1, payload: 'te', fin: false },
      { opcode: 0, payload: 'xt' },
      { opcode: 2, payload: hex('00 ff') },
    ),
  );
  void peer.send(wire('server', { opcode: 1 }, { opcode: 1, payload: big }, close(1000)));
  await turns(60);
  await peer.end();
  assertEnd(await peer.job.closed, { closeCode: 1000, wasClean: true, error: undefined });
  const messages: string[] = [];
  for (const { opcode, fin, payload } of peer.frames.filter((frame) => frame.opcode < 8)) {
    if (opcode !== 0) messages.push(`${opcode} `);
    messages.push((messages.pop() as string) + Buffer.from(payload).toString('latin1') + (fin ? '.' : ''));
  }
  assert.equal(messages, ['1 text.', '2 \x00ÿ.', '1 .', `1 ${big}.`]);
});

test('a body goes through a TransformStream of the same streams', async () => {
  const { TransformStream } = streams();
  const { peer, session } = createStreamed();
  await peer.send(wire('server', { opcode: 1, payload: 'abc', fin: false }, { opcode: 0, payload: 'def' }));
  const upper = new TransformStream<Uint8Array, string>({
    transform: (chunk, out) => out.enqueue(new TextDecoder().decode(chunk).toUpperCase()),
  });
  const reader = (await take(session)).body.pipeThrough(upper).getReader();
  assert.equal([(await reader.read()).value, (await reader.read()).value], ['ABC', 'DEF']);
  assert.ok((await reader.read()).done);
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});

test.run();
