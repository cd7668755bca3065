// Long messages where extensions work on what is sent: they go out in steps, a turn for each, and are one message all the same.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Outbox } from '../../lib/connection/outbox.ts';
import { toBodySource } from '../../lib/connection/sendable.ts';
import { Sender, type SenderOwner } from '../../lib/connection/sender.ts';
import {
  resolveSlowConsumer,
  type SendOptions,
  type SlowConsumer,
  type SlowConsumerPolicy,
} from '../../lib/connection/slow-consumer.ts';
import { ExtensionError, LimitError, LocalProtocolError } from '../../lib/error.ts';
import type { ExtensionTransform } from '../../lib/extension/extension.ts';
import type { Message } from '../../lib/message/message.ts';
import { permessageDeflate } from '../../lib/node.ts';
import type { Transport } from '../../lib/stream/transport.ts';
import { createPair, type PairSide } from '../../lib/testing/pair.ts';
import { rejects } from '../support/check.ts';
import { TestClock } from '../support/clock.ts';
import { makeEndpoint } from '../support/deliver.ts';
import { agreedOn, installable } from '../support/extensions.ts';
import { unwire } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { watchEscapes } from '../support/pair.ts';
import { Random } from '../support/random.ts';
import { HandSource } from '../support/sources.ts';
import { turns } from '../support/until.ts';

const escapes = watchEscapes();

const STEP = 64 * 1024;
const LONG = 5 * STEP + 10;
const QUEUE = 1000;

/** A sender behind an extension that notes how long the payloads are that it sees, with a transport that takes a write when the test says so. */
class Bench implements SenderOwner {
  readonly seen: number[] = [];
  readonly hints: unknown[] = [];
  readonly clock = new TestClock();
  readonly written: Uint8Array[] = [];
  readonly failed: ExtensionError[] = [];
  readonly aborted: unknown[] = [];
  /** Throws when the extension is asked so often. */
  failsAt = Number.POSITIVE_INFINITY;
  readonly transform: ExtensionTransform = {
    outgoing: (frame, hints) => {
      if (this.seen.length + 1 === this.failsAt) throw new RangeError('mine');
      this.seen.push(frame.payload.byteLength);
      this.hints.push(hints.compress);
      return frame;
    },
  };
  readonly endpoint = makeEndpoint({ role: 'server', extensions: [agreedOn('x-noting', this.transform)] });
  readonly outbox: Outbox;
  readonly sender: Sender;
  #tasks: (() => void)[] = [];

  constructor() {
    const { endpoint, clock } = this;
    const transport = {
      write: (pieces: readonly Uint8Array[]) => void this.written.push(...pieces.map((piece) => piece.slice())),
    } as unknown as Transport;
    const scheduler = { schedule: (task: () => void) => void this.#tasks.push(task) };
    this.outbox = new Outbox({
      endpoint,
      transport,
      clock,
      scheduler,
      queueSize: QUEUE,
      owner: { outputWaits: () => {}, writeTaken: () => {} },
    });
    this.sender = new Sender(this, { endpoint, outbox: this.outbox, clock, scheduler, queueSize: QUEUE });
  }

  outputWaits(): void {}

  messageAborted(error: unknown): void {
    this.aborted.push(error);
  }

  // As the connection does: the endpoint has failed, the sender is to give up.
  encodingFailed(error: ExtensionError): void {
    this.failed.push(error);
    this.sender.abandon(error);
    this.outbox.schedule();
  }

  peerTooSlow(): Error {
    return new LimitError('ERR_WS_SLOW_CONSUMER', 'too slow');
  }

  send(message: Message, policy: SlowConsumer | SlowConsumerPolicy = 'wait', options: SendOptions = {}): Promise<void> {
    const sent = this.sender.send(message, resolveSlowConsumer(policy, QUEUE), options);
    sent.catch(() => {});
    return sent;
  }

  endTurn(): void {
    for (const task of this.#tasks.splice(0)) task();
  }

  take(): void {
    this.endTurn();
    if (this.outbox.writingSince !== undefined) this.outbox.written();
  }

  takeAll(): void {
    for (let count = 0; count < 100; count++) this.take();
  }

  /** What was written, frame by frame: opcode, FIN and length. */
  get frames(): string[] {
    return unwire(join(...this.written)).map(
      ({ opcode, fin, payload }) => `${opcode}${fin ? '' : '…'} ${payload.byteLength}`,
    );
  }
}

const inSteps = ['2… 65536', '0… 65536', '0… 65536', '0… 65536', '0… 65536', '0 10'];
const long = (): Uint8Array => new Random().bytes(LONG);

const test = suite('sender · long messages in steps');

test('up to 128 KiB a message goes out at once, in one frame; a longer one in steps of 64 KiB, a turn for each', () => {
  const bench = new Bench();
  void bench.send(new Uint8Array(2 * STEP));
  assert.equal(bench.seen, [2 * STEP], 'at once');
  bench.takeAll();
  const message = long();
  void bench.send(message);
  assert.is(bench.seen.length, 1, 'not before its turn');
  for (let count = 1; count <= 6; count++) {
    bench.take();
    assert.is(bench.seen.length, 1 + count);
  }
  bench.takeAll();
  assert.equal(bench.frames, ['2 131072', ...inSteps]);
  const payloads = unwire(join(...bench.written))
    .slice(1)
    .map(({ payload }) => payload);
  assert.ok(Buffer.compare(join(...payloads), message) === 0);
  assert.equal([bench.sender.isEmpty, bench.outbox.queued], [true, 0]);
});

test('what the transport has not taken is not even encoded', () => {
  const bench = new Bench();
  void bench.send(new Uint8Array(50 * STEP));
  for (let count = 0; count < 20; count++) bench.endTurn();
  assert.equal(bench.seen, [STEP]);
});

test('without extensions it goes out in one frame, as ever', () => {
  const endpoint = makeEndpoint({ role: 'server' });
  assert.not(endpoint.hasExtensions);
  endpoint.send(new Uint8Array(LONG));
  const pieces: Uint8Array[] = [];
  endpoint.takeOutput(pieces);
  assert.is(unwire(join(...pieces)).length, 1);
});

test('a ping passes between the steps, messages come behind it in their order', () => {
  const bench = new Bench();
  void bench.send('before');
  void bench.send(long());
  void bench.send('behind');
  void bench.send(new Uint8Array(LONG));
  void bench.send('last', 'drop-oldest');
  bench.take();
  bench.take();
  bench.endpoint.ping();
  bench.takeAll();
  const frames = bench.frames;
  const ping = frames.indexOf('9 0');
  assert.ok(ping > frames.indexOf('2… 65536') && ping < frames.indexOf('0 10'), frames.join());
  frames.splice(ping, 1);
  assert.equal(frames, ['1 6', ...inSteps, '1 6', ...inSteps, '1 4']);
});

test('what the send has said reaches the extension with every step', () => {
  const bench = new Bench();
  void bench.send(long(), 'wait', { compress: false });
  void bench.send('next');
  bench.takeAll();
  assert.equal(bench.hints, [...Array(6).fill(false), undefined]);
});

test('policies never cut it: begun, it is neither dropped for room or age nor replaced by the latest', async () => {
  for (const policy of ['latest', 'drop-oldest'] as const) {
    const bench = new Bench();
    const room: SlowConsumer = { policy, maxQueued: LONG + 200, maxAge: 100 };
    void bench.send(long(), room, { key: 'k' });
    bench.take();
    bench.take();
    await bench.clock.turn(1000);
    void bench.send('a', room, { key: 'k' });
    void bench.send('b', { policy, maxQueued: 1 }, { key: 'k' });
    void bench.send('c', { policy, maxQueued: 1 }, { key: 'other' });
    bench.takeAll();
    assert.equal(bench.frames, [...inSteps, '1 1'], policy);
    assert.is(bench.sender.dropped.messages, 2);
  }
});

test('not begun, it is dropped as others are, whole', async () => {
  const bench = new Bench();
  void bench.send('x');
  bench.endTurn();
  void bench.send(long(), 'latest', { key: 'k' });
  void bench.send('new', { policy: 'latest', maxQueued: 10_000 }, { key: 'k' });
  void bench.send(long(), { policy: 'drop-oldest', maxAge: 10, maxQueued: 10 * LONG });
  await bench.clock.turn(10);
  bench.takeAll();
  assert.equal(bench.frames, ['1 1', '1 3']);
  assert.equal(bench.sender.dropped, { messages: 2, bytes: 2 * LONG });
});

test('a send fulfils when there is room for more; a flush when its last step is taken', async () => {
  const bench = new Bench();
  let state = '';
  void bench.send(long()).then(() => {
    state += 'sent ';
  });
  void bench.sender.flush().then(() => {
    state += 'flushed';
  });
  for (let count = 0; count < 5; count++) bench.take();
  await turns(2);
  assert.is(state, '');
  bench.takeAll();
  await turns(2);
  assert.is(state, 'sent flushed');
});

test('a close comes behind its last step, and nothing is taken after it was asked for', () => {
  const bench = new Bench();
  void bench.send(long());
  bench.take();
  let closed = 0;
  bench.sender.closeBehind(() => {
    closed++;
    bench.endpoint.close(1000);
    bench.outbox.schedule();
  });
  assert.is(closed, 0);
  assert.not(bench.sender.canSend);
  bench.takeAll();
  assert.equal([closed, bench.frames], [1, [...inSteps, '8 2']]);
});

test('abandoned in the middle, it is counted, a flush rejects, and nothing more is encoded', async () => {
  const bench = new Bench();
  void bench.send(long());
  void bench.send('behind');
  const flushed = bench.sender.flush();
  flushed.catch(() => {});
  bench.take();
  const reason = new RangeError('mine');
  bench.sender.abandon(reason);
  assert.is(await rejects(flushed, RangeError), reason);
  const { length } = bench.seen;
  bench.takeAll();
  assert.is(bench.seen.length, length);
  assert.ok(bench.sender.abandoned >= LONG - 2 * STEP + 6);
});

for (const at of [1, 2, 6]) {
  test(`an extension that throws at step ${at}: the owner is told once, and what waits is given up`, async () => {
    const bench = new Bench();
    bench.failsAt = at;
    void bench.send(long());
    void bench.send('behind');
    const flushed = bench.sender.flush();
    flushed.catch(() => {});
    bench.takeAll();
    await rejects(flushed, ExtensionError);
    assert.is(bench.failed.length, 1);
    assert.equal(bench.frames, [...inSteps.slice(0, at - 1), '8 29']);
    await rejects(
      Promise.resolve().then(() => bench.send('later')),
      LocalProtocolError,
    );
  });
}

test('an extension that throws on a streamed message: the owner is told once, the send rejects with its error', async () => {
  // In a fragment that is full, in one of a turn, and in the last.
  for (const at of [1, 2]) {
    for (const chunk of [new Uint8Array(STEP), new Uint8Array(10)]) {
      const bench = new Bench();
      bench.failsAt = at;
      const source = new HandSource();
      const sent = bench.sender.sendBody(toBodySource(source) as never);
      sent.catch(() => {});
      await source.give(chunk);
      bench.takeAll();
      await turns(3);
      if (at === 2) await source.end();
      bench.takeAll();
      await rejects(sent, ExtensionError);
      assert.equal([bench.failed.length, bench.aborted], [1, []]);
    }
  }
});
test.run();

const pairs = suite('sender · long messages over a connection');

const deflated = (extensions = [permessageDeflate()]): PairSide => ({
  extensions,
  limits: { maxMessageSize: 2 ** 24 },
});
const content = (): Uint8Array => new Random().bytes(LONG);

pairs('it comes as it was sent, whole, in either direction, and others have their turn meanwhile', async () => {
  for (const over of ['transport', 'streams'] as const) {
    await using pair = createPair({ over, server: deflated(), client: deflated() });
    for (const [from, to] of [
      [pair.server, pair.client],
      [pair.client, pair.server],
    ] as const) {
      void from.session.send(content());
      void from.session.send('😀'.repeat(50_000));
      const ping = from.session.ping();
      assert.ok(Buffer.compare((await to.session.receive()) as Uint8Array, content()) === 0);
      assert.is(await to.session.receive(), '😀'.repeat(50_000));
      await ping;
    }
  }
});

pairs('closed behind it, the connection ends well, and the peer has all of it', async () => {
  await using pair = createPair({ server: deflated(), client: deflated() });
  const received = pair.client.session.receive();
  void pair.server.session.send(content());
  void pair.server.session.close(1000);
  assert.ok(Buffer.compare((await received) as Uint8Array, content()) === 0);
  const { server, client } = await pair.ended();
  assert.equal([server.wasClean, client.closeCode], [true, 1000]);
});

pairs('cancelled in the middle, the connection ends in time, and nothing is left of the contexts', async () => {
  await using pair = createPair({ server: deflated(), client: deflated() });
  void pair.server.session.send(new Random().bytes(2 ** 22)).catch(() => {});
  await turns(3);
  pair.server.cancel(new Error('enough'));
  const { server } = await pair.ended();
  assert.is((server.error as { code?: string } | undefined)?.code, 'ERR_WS_CANCELLED');
});

pairs(
  'an extension of the user that throws, whatever is sent: 1011 on both sides, and his error is reported',
  async () => {
    const bad = installable('x-bad', () => ({
      outgoing: () => {
        throw new RangeError('mine');
      },
    }));
    const good = installable('x-bad', () => ({}));
    const sends = [
      'text',
      content(),
      (async function* () {
        yield 'chunk';
        await turns(3);
        yield 'chunk';
      })(),
    ];
    for (const message of sends) {
      const reported: unknown[] = [];
      const userContext = { onError: (error: unknown) => void reported.push(error) };
      await using pair = createPair({ server: { extensions: [bad], userContext }, client: { extensions: [good] } });
      pair.server.session.send(message).catch(() => {});
      const { server, client } = await pair.ended();
      assert.equal([client.closeCode, server.wasClean], [1011, false]);
      assert.instance(server.error, ExtensionError);
      assert.is(reported.length, 1);
      assert.is((reported[0] as Error).cause instanceof RangeError, true);
    }
  },
);

pairs('nothing has escaped', async () => {
  await turns(5);
  assert.equal(escapes.seen, []);
});
pairs.run();
