// Messages, of every kind and length, there and back.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { permessageDeflate } from '../../../lib/adapter/permessage-deflate.ts';
import type { StreamedMessage } from '../../../lib/connection/streamed-message.ts';
import type { Frame } from '../../../lib/frame/frame.ts';
import { streams } from '../../../lib/stream/streams.ts';
import { within } from '../../support/until.ts';
import { assertEchoes, assertSame, Bench, bytesOf, next } from './bench.ts';
import type { Host } from './host.ts';

const MiB = 1024 * 1024;

export function testMessages(host: Host): void {
  const test = suite(`${host.name} · messages`);

  test('texts and binaries of every length class come back, empty ones too', async () => {
    await using bench = await Bench.open(host);
    const session = await bench.connect();
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 300_000]) {
      await assertEchoes(session, 'x'.repeat(size));
      await assertEchoes(session, bytesOf(size));
    }
    await assertEchoes(session, 'ÄÖ☃𝄞\0');
    assert.ok((await within(session.close(), 'the close')).wasClean);
    await bench.quiet();
  });

  test('messages of 1 MiB come back, in one frame and in fragments', async () => {
    for (const fragmentSize of [undefined, 10_000]) {
      const fragments = fragmentSize === undefined ? {} : { fragmentSize };
      await using bench = await Bench.open(host, fragments);
      const session = await bench.connect(fragments);
      await assertEchoes(session, bytesOf(MiB));
      await assertEchoes(session, '☃'.repeat(349_525));
      await within(session.close(), 'the close');
    }
  });

  test('10,000 messages that nobody waits for come back in their order', async () => {
    await using bench = await Bench.open(host);
    const session = await bench.connect();
    const sending = (async () => {
      for (let index = 0; index < 10_000; index++) await session.send(`${index} ${'x'.repeat(index % 200)}`);
      await session.flush();
    })();
    for (let index = 0; index < 10_000; index++) {
      assert.is(await next(session), `${index} ${'x'.repeat(index % 200)}`);
    }
    await within(sending, 'all are sent');
    assert.is((await bench.session()).counters.messagesReceived, 10_000);
    await within(session.close(), 'the close');
  });

  test('50 connections at once keep their messages apart', async () => {
    await using bench = await Bench.open(host);
    const talk = async (index: number): Promise<void> => {
      const session = await bench.connect();
      for (let count = 0; count < 20; count++) await assertEchoes(session, `${index} ${count}`);
      assert.ok((await within(session.close(), 'the close')).wasClean);
    };
    await Promise.all(Array.from({ length: 50 }, (_, index) => talk(index)));
    await bench.quiet();
    assert.equal([bench.server.counters.upgraded, bench.server.counters.messagesReceived], [50, 1000]);
  });

  test('a session is a pair of streams: pipeThrough echoes, and every reply precedes the close', async () => {
    const { TransformStream: Transform } = streams();
    await using bench = await Bench.open(host, {}, (session) =>
      session.readable
        .pipeThrough(
          new Transform({ transform: (message, out) => out.enqueue(String(message).toUpperCase()) }) as never,
        )
        .pipeTo(session.writable),
    );
    const session = await bench.connect();
    for (let index = 0; index < 500; index++) void session.send(`message ${index}`);
    void session.close();
    for (let index = 0; index < 500; index++) assert.is(await next(session), `MESSAGE ${index}`);
    assert.is(await within(session.receive(), 'the end'), undefined);
    assert.ok((await bench.end()).wasClean);
    assert.equal(bench.reported, []);
  });

  test('streamed messages are read as they come, and sent from streams', async () => {
    const options = { messages: 'streamed' } as const;
    await using bench = await Bench.open<StreamedMessage>(host, options, async (session) => {
      for await (const { type, body } of session) await session.send({ type, body } as never);
    });
    const session = await bench.connect<StreamedMessage>({ ...options, limits: { maxMessageSize: 8 * MiB } });
    const part = bytesOf(64 * 1024);
    const parts = async function* (): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 64; count++) yield part.slice();
    };
    const sending = session.send(parts());
    let size = 0;
    const { type, body } = await next(session);
    assert.is(type, 'binary');
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      for (const byte of read.value.subarray(0, 8)) assert.is(byte, part[size++ % part.byteLength]);
      size += Math.max(0, read.value.byteLength - 8);
    }
    assert.is(size, 4 * MiB);
    await within(sending, 'all is sent');
    await session.send('one more ☃');
    const last = await next(session);
    assert.is(await within(last.text(), 'a text'), 'one more ☃');
    await within(session.close(), 'the close');
  });

  test('raw sessions have frames: pings and pongs are theirs', async () => {
    await using bench = await Bench.open<Frame, Frame>(host, { raw: true }, async (session) => {
      for await (const frame of session) {
        if (frame.opcode === 9) await session.send({ ...frame, opcode: 10 });
        else if (frame.opcode < 8) await session.send(frame);
        else return;
      }
    });
    const session = await bench.connect();
    assert.ok((await within(session.ping(), 'a pong')) >= 0);
    await assertEchoes(session, 'a frame ☃');
    assert.ok((await within(session.close(1000, 'bye'), 'the close')).wasClean);
    await bench.quiet();
  });

  test('permessage-deflate is agreed on, and messages of every kind go through it', async () => {
    const options = { extensions: [permessageDeflate({ threshold: 0 })] };
    await using bench = await Bench.open(host, options);
    const session = await bench.connect(options);
    assert.ok(session.extensions.startsWith('permessage-deflate'), session.extensions);
    for (const message of ['', 'x', 'again and again '.repeat(5_000), bytesOf(100_000), 'again and again ']) {
      await assertEchoes(session, message);
    }
    const before = session.counters.bytesSent;
    const text = 'millrace '.repeat(50_000);
    await assertEchoes(session, text);
    assert.ok(session.counters.bytesSent - before < text.length / 50);
    for (let index = 0; index < 200; index++) void session.send(`{"index":${index},"name":"millrace"}`);
    for (let index = 0; index < 200; index++) assertSame(await next(session), `{"index":${index},"name":"millrace"}`);
    await within(session.close(), 'the close');
  });

  test('pings are answered with their round trip, messages or none', async () => {
    await using bench = await Bench.open(host);
    const session = await bench.connect();
    for (let count = 0; count < 5; count++) assert.ok((await within(session.ping(), 'a pong')) >= 0);
    const peer = await bench.session();
    assert.ok((await within(peer.ping(), 'a pong')) >= 0);
    assert.type(peer.counters.roundTrip, 'number');
    await within(session.close(), 'the close');
  });

  test.run();
}
