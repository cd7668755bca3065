// What the end of a connection waits for, and for how long: each thing that is waited for has its bound, and progress is no standstill.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Job } from '../../lib/job/job.ts';
import type { Session } from '../../lib/job/session.ts';
import { upgrade } from '../../lib/job/upgrade.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { streams } from '../../lib/stream/streams.ts';
import { rejects } from '../support/check.ts';
import { TestClock, turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, masked, watchEscapes } from '../support/pair.ts';
import { HandSource } from '../support/sources.ts';

const { seen } = watchEscapes();
const { closeTimeout, handlerTimeout } = defaultLimits;
const TEXT = 0x81;
const CLOSE = 0x88;
const KiB = 1024;

const normal = masked(CLOSE, closePayload(1000));

function codeOf(info: CloseInfo): string | undefined {
  return (info.error as { code?: string } | undefined)?.code;
}

async function endOf(peer: ByHand): Promise<CloseInfo> {
  await turns();
  assert.is(peer.clock.pending, 0, 'no timer is left');
  return peer.job.closed;
}

const answering = suite('ending · the answer to the peer’s close frame');

answering('a handler at work on the last message replies before our close frame', async () => {
  let release: () => void = () => {};
  const work = new Promise<void>((resolve) => {
    release = resolve;
  });
  const peer = new ByHand({
    handler: async (session) => {
      for await (const message of session) {
        await work;
        await session.send(`re: ${message}`);
      }
    },
  });
  await peer.send(join(masked(TEXT, 'a'), normal));
  await peer.clock.turn(closeTimeout - 1);
  assert.equal(peer.wire, []);
  release();
  await turns();
  assert.equal(peer.wire, ['text "re: a"', 'close 1000 ""']);
  await peer.end();
  const info = await endOf(peer);
  assert.equal([info.wasClean, info.initiator, info.error], [true, 'remote', undefined]);
});

answering(
  'a handler at work for longer than the close time-out is answered for; its reply comes too late',
  async () => {
    let release: () => void = () => {};
    const work = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reply: Promise<void> | undefined;
    const peer = new ByHand({
      handler: async (session) => {
        await session.receive();
        await work;
        reply = session.send('re: a');
        await reply;
      },
    });
    await peer.send(join(masked(TEXT, 'a'), normal));
    await peer.clock.turn(closeTimeout);
    assert.equal(peer.wire, ['close 1000 ""']);
    release();
    await turns();
    await rejects(reply as Promise<void>, Error, 'ERR_WS_CLOSED');
    await peer.end();
    assert.ok((await endOf(peer)).wasClean);
    assert.is(peer.job.state, 'completed');
  },
);

answering('a handler that only pushes is answered for at once', async () => {
  const peer = new ByHand({
    handler: async (session) => {
      await session.send('news');
      await session.closed;
    },
  });
  await turns();
  await peer.send(normal);
  assert.equal(peer.wire, ['text "news"', 'close 1000 ""']);
});

answering('a handler that has asked for the next message is answered for at once', async () => {
  const peer = new ByHand({
    handler: async (session) => {
      await session.receive();
      await session.receive();
      await session.closed;
    },
  });
  await peer.send(masked(TEXT, 'a'));
  await peer.send(normal);
  assert.equal(peer.wire, ['close 1000 ""']);
});

answering('a handler that took a message and never asks again: after the close time-out', async () => {
  const peer = new ByHand({
    handler: async (session) => {
      await session.receive();
      await session.closed;
    },
  });
  await peer.send(join(masked(TEXT, 'a'), normal));
  await peer.clock.turn(closeTimeout - 1);
  assert.equal(peer.wire, []);
  await peer.clock.turn(1);
  assert.equal(peer.wire, ['close 1000 ""']);
});

answering('what is sent while the answer waits goes out before it, and by no other code than the peer’s', async () => {
  let session: Session | undefined;
  const peer = new ByHand({
    handler: async (given) => {
      session = given;
      await given.receive();
      await given.closed;
    },
  });
  await peer.send(join(masked(TEXT, 'a'), masked(CLOSE, closePayload(4001, 'bye'))));
  await session?.send('one');
  void session?.ping();
  void session?.close();
  await turns();
  assert.equal(
    peer.wire.filter((frame) => !frame.startsWith('ping')),
    ['text "one"', 'close 4001 ""'],
  );
});

answering('a writable that is held and never closed: after the close time-out', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  writer.closed.catch(() => {});
  await peer.send(normal);
  await peer.clock.turn(closeTimeout - 1);
  assert.equal(peer.wire, []);
  await peer.clock.turn(1);
  assert.equal(peer.wire, ['close 1000 ""']);
  await peer.end();
  assert.ok((await endOf(peer)).wasClean);
  await rejects(writer.write('late'), Error, 'ERR_WS_CLOSED');
});

answering('a streamed message on its way when the peer closes is finished first', async () => {
  const peer = new ByHand();
  const source = new HandSource();
  const sent = peer.job.session.send(source);
  await source.give('a');
  await peer.send(normal);
  await source.give('b');
  await source.end();
  await sent;
  await turns();
  assert.equal(peer.wire, ['text… "a"', 'continuation… "b"', 'continuation ""', 'close 1000 ""']);
  await peer.end();
  assert.ok((await endOf(peer)).wasClean);
});
answering.run();

const bounds = suite('ending · bounds');

/** A job whose peer takes 16 KiB a second, and sends nothing but what the test does. */
function withSlowPeer(): { job: Job; clock: TestClock; taken: () => number; input: ReadableStreamDefaultController } {
  const { ReadableStream, WritableStream } = streams();
  const clock = new TestClock();
  let taken = 0;
  let input: ReadableStreamDefaultController<Uint8Array> | undefined;
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => {
      input = controller;
    },
  });
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) =>
      new Promise((resolve) => {
        const take = (): void => {
          taken += chunk.byteLength;
          resolve();
        };
        clock.setTimeout(take, (chunk.byteLength / (16 * KiB)) * 1000);
      }),
  });
  const job = upgrade(readable, writable, { clock });
  return { job, clock, taken: () => taken, input: input as unknown as ReadableStreamDefaultController };
}

bounds('a slow but steady peer gets all that was sent before the close frame, however long that takes', async () => {
  const { job, clock, taken, input } = withSlowPeer();
  void job.session.send(new Uint8Array(1000 * KiB));
  for (let count = 0; count < 1000; count++) void job.session.send(new Uint8Array(KiB));
  const closed = job.session.close();
  await clock.turn(120_000);
  assert.is(job.state, 'closing');
  assert.ok(taken() > 1900 * KiB);
  await clock.turn(6_000);
  assert.is(taken(), 2000 * KiB + 10 + 1000 * 4 + 4);
  input.enqueue(normal);
  await turns();
  input.close();
  const info = await closed;
  assert.equal([info.wasClean, info.abandoned.bytes], [true, 0]);
});

bounds('a cancelled one is cut after the close time-out, whatever the peer still takes', async () => {
  const { job, clock, taken } = withSlowPeer();
  void job.session.send(new Uint8Array(1000 * KiB));
  job.cancel();
  await clock.turn(closeTimeout - 1);
  assert.ok(taken() > 32 * KiB);
  assert.is(job.state, 'closing');
  await clock.turn(1);
  const info = await job.closed;
  assert.equal([info.closeCode, info.wasClean, codeOf(info)], [1006, false, 'ERR_WS_CANCELLED']);
  assert.ok(info.abandoned.bytes > 900 * KiB);
});

bounds('a close behind a source that gives nothing: failed with 1011 after the close time-out, then cut', async () => {
  const peer = new ByHand();
  const source = new HandSource();
  const sent = peer.job.session.send(source);
  await source.give('a');
  void peer.job.session.close(3000);
  await peer.clock.turn(closeTimeout - 1);
  assert.equal(peer.wire, ['text… "a"']);
  await peer.clock.turn(1);
  assert.equal(peer.wire, ['text… "a"', 'close 1011 ""']);
  await rejects(sent, Error, 'ERR_WS_CLOSE_TIMEOUT');
  assert.is(source.returns, 1);
  await peer.clock.turn(closeTimeout);
  const info = await endOf(peer);
  assert.equal([codeOf(info), info.sent?.closeCode, info.initiator], ['ERR_WS_CLOSE_TIMEOUT', 1011, 'local']);
});

bounds('an answer behind a source that gives nothing: 1011 after the close time-out', async () => {
  const peer = new ByHand({
    handler: async (session) => {
      await session.send(new HandSource());
    },
  });
  await turns();
  await peer.send(normal);
  assert.equal(peer.wire, []);
  await peer.clock.turn(closeTimeout);
  assert.equal(peer.wire, ['close 1011 ""']);
  await peer.end();
  const info = await endOf(peer);
  assert.equal([info.closeCode, info.wasClean, codeOf(info)], [1000, false, 'ERR_WS_CLOSE_TIMEOUT']);
});

bounds(
  'a failed connection waits for the end of the peer’s half for the close time-out, and no longer for its data',
  async () => {
    const peer = new ByHand();
    await peer.send(Uint8Array.of(0x83));
    for (let count = 0; count < 4; count++) {
      await peer.clock.turn(closeTimeout / 5);
      await peer.send(new Uint8Array(1000));
    }
    await peer.clock.turn(closeTimeout / 5);
    assert.is(codeOf(await endOf(peer)), 'ERR_WS_UNKNOWN_OPCODE');
  },
);

bounds('a sink whose write, close or abort never settles holds no end up', async () => {
  const never = (): Promise<never> => new Promise(() => {});
  for (const sink of [{ write: never }, { close: never }, { abort: never }, { write: never, abort: never }]) {
    const { ReadableStream, WritableStream } = streams();
    const clock = new TestClock();
    const input = new ReadableStream<Uint8Array>({ cancel: never });
    const job = upgrade(input, new WritableStream<Uint8Array>(sink), { clock });
    void job.session.send('a');
    void job.session.close();
    await clock.turn(closeTimeout);
    const info = await job.closed;
    assert.equal([info.wasClean, codeOf(info)], [false, 'ERR_WS_CLOSE_TIMEOUT']);
    assert.is(clock.pending, 0);
  }
});

bounds('the handler has its own time, behind the end of the connection', async () => {
  const peer = new ByHand({ handler: () => new Promise(() => {}) });
  await turns();
  peer.job.cancel();
  await peer.clock.turn(closeTimeout);
  assert.is((await peer.job.session.closed).wasClean, false);
  assert.is(peer.job.state, 'closing');
  await peer.clock.turn(handlerTimeout);
  const info = await endOf(peer);
  assert.equal([info.abandoned.handler, codeOf(info), peer.job.state], [true, 'ERR_WS_CANCELLED', 'cancelled']);
});

bounds('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});

bounds.run();
