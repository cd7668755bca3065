// Messages that are sent as their source gives them: each goes out as one fragmented message (RFC 6455 §5.4), at the pace of the peer.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Sendable } from '../../lib/connection/sendable.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, type JobSettings, masked, watchEscapes } from '../support/pair.ts';
import { chunksOf, HandSource, HandStream } from '../support/sources.ts';

const { seen } = watchEscapes();
const KiB = 1024;
const TEXT = 0x81;
const roles: readonly Role[] = ['server', 'client'];

/** Sends one message; gives its opcodes and FIN bits, and its payload. */
async function sent(message: Sendable, settings: JobSettings = {}): Promise<{ frames: string[]; payload: Buffer }> {
  const peer = new ByHand(settings);
  await peer.job.session.send(message);
  await turns(40);
  const { frames } = peer;
  return {
    frames: frames.map(({ opcode, fin, payload }) => `${opcode}${fin ? '' : '…'} ${payload.byteLength}`),
    payload: Buffer.concat(frames.map(({ payload }) => payload)),
  };
}

const shape = suite('streamed sending · the message');

for (const role of roles) {
  shape(`${role}: a stream, an iterable, and either of a said type go out as one message`, async () => {
    const stream = (): ReadableStream<string> => {
      const { stream: body, controller } = new HandStream<string>();
      for (const text of ['a', 'b']) controller.enqueue(text);
      controller.close();
      return body;
    };
    for (const [message, type] of [
      [stream(), 1],
      [chunksOf(['a', 'b']), 1],
      [{ type: 'text', body: stream() }, 1],
      [{ type: 'text', body: chunksOf([Uint8Array.of(97), Uint8Array.of(98)]) }, 1],
      [chunksOf([Uint8Array.of(97), Uint8Array.of(98)]), 2],
      [{ type: 'binary', body: chunksOf([Uint8Array.of(97), new Uint8Array([98]).buffer]) }, 2],
    ] as const) {
      const { frames, payload } = await sent(message, { role });
      assert.is(`${payload}`, 'ab');
      assert.equal(frames, [`${type} 2`]);
    }
  });

  shape(`${role}: an empty source is an empty message, binary where nothing tells the type`, async () => {
    assert.equal((await sent(chunksOf([]), { role })).frames, ['2 0']);
    assert.equal((await sent({ type: 'text', body: chunksOf([]) }, { role })).frames, ['1 0']);
    assert.equal((await sent(chunksOf(['', '']), { role })).frames, ['1 0']);
  });

  shape(`${role}: large chunks are cut at 64 KiB, and at the fragment size where that is less`, async () => {
    const chunk = new Uint8Array(150 * KiB).map((_, index) => index % 251);
    const whole = await sent(chunksOf([chunk]), { role });
    assert.equal(whole.frames, [`2… ${64 * KiB}`, `0… ${64 * KiB}`, `0 ${22 * KiB}`]);
    assert.ok(whole.payload.equals(chunk));
    const cut = await sent(chunksOf([chunk]), { role, fragmentSize: 50_000 });
    assert.equal(cut.frames, ['2… 50000', '0… 15536', '0… 50000', '0… 15536', '0 22528']);
    assert.ok(cut.payload.equals(chunk));
  });
}

shape('tiny chunks of one turn are one fragment, those of another turn the next', async () => {
  const peer = new ByHand();
  const source = new HandSource();
  void peer.job.session.send(source);
  await source.give('a');
  await source.give('b');
  await source.end();
  assert.equal(peer.wire, ['text… "a"', 'continuation… "b"', 'continuation ""']);
  const { frames, payload } = await sent(chunksOf(Array.from({ length: 10_000 }, () => 'x')));
  assert.ok(frames.length < 40, `${frames.length} fragments`);
  assert.is(`${payload}`, 'x'.repeat(10_000));
});

shape('a text may be cut inside a surrogate pair, or inside a character’s bytes', async () => {
  assert.is(`${(await sent(chunksOf(['a\ud83d', '\ude00b'], 'turn'))).payload}`, 'a\u{1f600}b');
  const bytes = new TextEncoder().encode('a\u{1f600}b');
  const one = Array.from(bytes, (byte) => Uint8Array.of(byte));
  assert.is(`${(await sent({ type: 'text', body: chunksOf(one, 'turn') })).payload}`, 'a\u{1f600}b');
  assert.is(`${(await sent(chunksOf(['\ud83d', 'a\ude00'], 'turn'))).payload}`, '\ufffda\ufffd');
});

shape('a chunk’s buffer may be used again once the next one is asked for', async () => {
  async function* reused(): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(5 * KiB);
    for (let value = 1; value <= 40; value++) {
      buffer.fill(value);
      yield buffer;
    }
    buffer.fill(0);
  }
  const { payload } = await sent(reused(), { limits: { queueSize: 3000 } });
  for (let value = 1; value <= 40; value++) {
    assert.ok(payload.subarray((value - 1) * 5 * KiB, value * 5 * KiB).every((byte) => byte === value));
  }
});

shape('the writable takes streamed messages too, and its write fulfils when all is on its way', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  const source = new HandSource();
  let isWritten = false;
  const written = writer.write(source).then(() => {
    isWritten = true;
  });
  void writer.write('next');
  await turns();
  await source.give('a');
  assert.not(isWritten);
  await source.end();
  await written;
  await turns();
  assert.equal(peer.wire, ['text… "a"', 'continuation ""', 'text "next"']);
});

shape('what cannot be sent is refused at once, and nothing of it is touched', async () => {
  const peer = new ByHand();
  const { session } = peer.job;
  const stream = new HandStream();
  const reader = stream.stream.getReader();
  await rejects(session.send(stream.stream), TypeError, /locked/);
  reader.releaseLock();
  const wrong = [{}, [], 5, null, { type: 'text' }, { type: 'none', body: chunksOf([]) }, ['a']];
  for (const message of wrong) await rejects(session.send(message as never), TypeError, /Cannot send/);
  await rejects(session.send(stream.stream, { slowConsumer: 'none' as never }), TypeError, /"none"/);
  assert.equal([stream.stream.locked, stream.pulls, session.counters.messagesSent], [false, 0, 0]);
  void session.close();
  await rejects(session.send(stream.stream), Error, 'ERR_WS_CLOSED');
  assert.equal([stream.stream.locked, stream.pulls, stream.cancelled], [false, 0, []]);
});
shape.run();

const order = suite('streamed sending · among others');

order('what is sent behind it waits, in order; control frames pass between the fragments', async () => {
  const peer = new ByHand();
  const { session } = peer.job;
  const [first, second] = [new HandSource(), new HandSource()];
  void session.send('before');
  void session.send(first);
  void session.send('between');
  void session.send(second);
  void session.send(Uint8Array.of(1));
  await first.give('a');
  void session.ping();
  await peer.send(masked(0x89, 'x'));
  await first.give('b');
  await first.end();
  await second.give('c');
  await second.end();
  await turns();
  const id = '00000001';
  assert.equal(
    peer.wire,
    [
      'text "before"',
      'text… "a"',
      `ping ${id}`,
      'pong 78',
      'continuation… "b"',
      'continuation ""',
      'text "between"',
    ].concat(['text… "c"', 'continuation ""', 'binary 01']),
  );
});

order('a send behind it fulfils when there is room, also while the source gives nothing', async () => {
  const peer = new ByHand({ limits: { queueSize: 200 } });
  const { session } = peer.job;
  const source = new HandSource();
  void session.send(source);
  await session.send('a');
  let isDone = false;
  const full = session.send('x'.repeat(100)).then(() => {
    isDone = true;
  });
  await turns();
  assert.not(isDone);
  await source.end();
  await full;
  await turns();
  assert.equal(peer.wire.length, 3);
});

order('flush waits for it', async () => {
  const peer = new ByHand();
  const source = new HandSource();
  void peer.job.session.send(source);
  let isFlushed = false;
  const flushed = peer.job.session.flush().then(() => {
    isFlushed = true;
  });
  await source.give('a');
  await turns();
  assert.not(isFlushed);
  await source.end();
  await flushed;
  assert.is(peer.wire.length, 2);
});

order('a close behind it waits for its end, and nothing may be sent meanwhile', async () => {
  const peer = new ByHand();
  const { session } = peer.job;
  const source = new HandSource();
  void session.send(source);
  void session.close(3000, 'done');
  await rejects(session.send('late'), Error, 'ERR_WS_CLOSED');
  await rejects(session.ping(), Error, 'ERR_WS_CLOSED');
  await source.give('a');
  await source.end();
  await turns();
  assert.equal(peer.wire, ['text… "a"', 'continuation ""', 'close 3000 "done"']);
});

order('a handler that returns before its end has it sent, then 1000', async () => {
  const source = new HandSource();
  const peer = new ByHand({ handler: (session) => void session.send(source) });
  await turns();
  await source.give('a');
  await source.end();
  await turns();
  assert.equal(peer.wire, ['text… "a"', 'continuation ""', 'close 1000 ""']);
});

order('counters: a message counts when it is sent, and not when its source failed before it began', async () => {
  const peer = new ByHand();
  const { session } = peer.job;
  const source = new HandSource();
  void session.send(source);
  assert.is(session.counters.messagesSent, 1);
  await source.fail(new Error('mine'));
  assert.is(session.counters.messagesSent, 0);
  await session.send(chunksOf(['a']));
  assert.is(session.counters.messagesSent, 1);
});
order.run();

const pace = suite('streamed sending · backpressure');

for (const kind of ['iterable', 'stream'] as const) {
  pace(`while the peer does not read, the source (${kind}) is not asked, and what is kept is bounded`, async () => {
    let pulls = 0;
    const chunk = new Uint8Array(16 * KiB);
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        pulls++;
        yield chunk;
      }
    }
    const stream = new globalThis.ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulls++;
          controller.enqueue(chunk);
        },
      },
      { highWaterMark: 0 },
    );
    const peer = new ByHand();
    peer.block();
    void peer.job.session.send(kind === 'stream' ? stream : endless());
    await turns(50);
    const held = pulls;
    assert.ok(held <= 10, `${held} chunks`);
    assert.ok(peer.job.session.counters.queued < 200 * KiB);
    await turns(50);
    assert.is(pulls, held);
    await peer.unblock();
    await turns(50);
    assert.ok(pulls > held);
    await peer.fail(new Error('enough'));
    const ended = pulls;
    await turns(50);
    assert.is(pulls, ended);
  });
}

pace('a chunk that is longer than there is room for is sent as the peer reads, and no copy of it is kept', async () => {
  const peer = new ByHand();
  peer.block();
  const chunk = new Uint8Array(10 * KiB * KiB).map((_, index) => index % 251);
  let isAskedAgain = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    yield chunk;
    isAskedAgain = true;
  }
  void peer.job.session.send(source());
  await turns(20);
  const { queued } = peer.job.session.counters;
  assert.ok(queued < 200 * KiB, `${queued} bytes wait`);
  assert.not(isAskedAgain);
  await peer.unblock();
  await turns(400);
  assert.ok(isAskedAgain);
  assert.ok(Buffer.concat(peer.frames.map(({ payload }) => payload)).equals(chunk));
});

pace('a queue that is smaller than a fragment holds the source all the same', async () => {
  const peer = new ByHand({ limits: { queueSize: 100 } });
  peer.block();
  let pulls = 0;
  async function* endless(): AsyncGenerator<string> {
    for (;;) {
      pulls++;
      yield 'x'.repeat(10);
    }
  }
  void peer.job.session.send(endless());
  await turns(50);
  assert.ok(pulls < 25, `${pulls} chunks`);
  peer.job.cancel();
});

pace('a source of empty chunks without an end holds nobody up: a close time-out ends it', async () => {
  let returned = false;
  async function* empty(): AsyncGenerator<string> {
    try {
      for (;;) yield '';
    } finally {
      returned = true;
    }
  }
  const peer = new ByHand();
  const { session } = peer.job;
  const sending = session.send(empty());
  await peer.send(masked(TEXT, 'still here'));
  assert.is(await session.receive(), 'still here');
  await peer.fail(new Error('gone'));
  await rejects(sending, Error, 'ERR_WS_CLOSED');
  await turns(20);
  assert.ok(returned);
});
pace('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});
pace.run();
