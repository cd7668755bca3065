// A session that outlives its connections, as its user sees it: messages in and out over one connection after the other, none lost or doubled in silence.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectionError, LocalProtocolError } from '../../lib/error.ts';
import type { UnsettledMessages } from '../../lib/reconnect/reconnect-state.ts';
import { streams } from '../../lib/stream/streams.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { watchEscapes } from '../support/pair.ts';
import { Random } from '../support/random.ts';
import { createRig, type Rig, refusal, unreachable } from '../support/reconnecting.ts';

const { seen } = watchEscapes();
const test = suite('reconnecting session');

async function lose(rig: Rig, index = rig.pairs.length - 1): Promise<void> {
  rig.pairs[index]?.line.reset();
  await rig.clock.settled();
}

async function finish(rig: Rig): Promise<void> {
  void rig.session.close();
  await rig.ended();
  await rig.clock.settled();
  assert.is(rig.clock.pending, 0);
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `message ${index}`);
}

// --- Sending ---------------------------------------------------------------------------------------------------------

test('what is sent before there is a connection goes out with the first, in its order', async () => {
  const rig = createRig({}, [unreachable(), unreachable()]);
  for (const text of numbered(5)) await rig.session.send(text);
  assert.is(rig.session.counters.queued, 5 * (9 + 64));
  await rig.untilOpen();
  await rig.session.send('last');
  await rig.clock.settled();
  assert.equal(rig.received(), [...numbered(5), 'last']);
  await finish(rig);
});

test('what is sent while a connection is lost goes out with the next one, and nothing twice', async () => {
  const rig = createRig();
  await rig.untilOpen();
  await rig.session.send('one');
  await rig.session.settled();
  await lose(rig);
  await rig.session.send('two');
  await rig.session.send('three');
  await rig.untilOpen();
  await rig.session.send('four');
  await rig.clock.settled();
  assert.equal([rig.received(0), rig.received(1)], [['one'], ['two', 'three', 'four']]);
  assert.equal(rig.session.counters.lost, { messages: 0, bytes: 0 });
  await finish(rig);
});

test('what is sent behind the peer’s close frame waits for the next connection', async () => {
  const rig = createRig();
  await rig.untilOpen();
  // What waits unread holds up the answer to the close.
  await rig.pairs[0]?.server.session.send('unread');
  void rig.pairs[0]?.server.session.close(1012);
  await rig.clock.settled();
  assert.is(rig.session.state.name, 'open');
  await rig.session.send('late');
  assert.is(await rig.session.receive(), 'unread');
  const next = rig.session.receive();
  await rig.clock.settled();
  assert.is(rig.session.state.name, 'waiting');
  await rig.untilOpen();
  await rig.clock.settled();
  assert.equal([rig.received(0), rig.received(1)], [[], ['late']]);
  await finish(rig);
  assert.is(await next, undefined);
});

test('bytes may be used again at once', async () => {
  const rig = createRig();
  const bytes = Buffer.from([1, 2, 3]);
  await rig.session.send(bytes);
  bytes.fill(0);
  await rig.untilOpen();
  await rig.session.send(bytes.subarray(0, 1));
  bytes.fill(9);
  await rig.clock.settled();
  assert.equal(rig.received(), ['1,2,3', '0']);
  await finish(rig);
});

test('what is no message is a TypeError, with a connection and without, and is not sent', async () => {
  const rig = createRig();
  await rejects(rig.session.send(3 as unknown as string), TypeError);
  await rig.untilOpen();
  await rejects(rig.session.send({} as unknown as string), TypeError);
  await rejects(rig.session.send('x', { slowConsumer: 'hope' as 'wait' }), TypeError);
  await rig.session.send('fine');
  await rig.clock.settled();
  assert.equal(rig.received(), ['fine']);
  await finish(rig);
});

test('without a connection send fulfils while there is room, and else when there is again', async () => {
  const rig = createRig({ queue: { policy: 'wait', maxQueued: 200 } });
  await rig.session.send('a');
  await rig.session.send('b');
  await rig.session.send('c');
  let isDone = false;
  void rig.session.send('d').then(() => {
    isDone = true;
  });
  await turns(4);
  await rig.untilOpen();
  await rig.clock.settled();
  assert.ok(isDone);
  assert.equal(rig.received(), ['a', 'b', 'c', 'd']);
  await finish(rig);
});

test('a send that waits for room goes on waiting when the connection is lost, and rejects only at the end', async () => {
  const rig = createRig({ connect: { limits: { queueSize: 100 } }, queue: { policy: 'wait', maxQueued: 100 } });
  await rig.untilOpen();
  rig.pairs[0]?.line.stall();
  const sends = ['a', 'b'].map((text) => rig.session.send(text.repeat(100)));
  const outcomes = Promise.allSettled(sends);
  await lose(rig);
  assert.equal(await outcomes.then((all) => all.map(({ status }) => status)), ['fulfilled', 'fulfilled']);
  const pending = ['c', 'd'].map((text) => rig.session.send(text.repeat(100)));
  const end = rig.session.close();
  const reasons = await Promise.allSettled(pending);
  assert.equal(
    reasons.map((outcome) => outcome.status === 'rejected' && outcome.reason.code),
    ['ERR_WS_CLOSED', 'ERR_WS_CLOSED'],
  );
  const { unsent, unsettled } = await end;
  assert.equal(unsent, { messages: ['c'.repeat(100), 'd'.repeat(100)], count: 2, bytes: 200 });
  assert.is(unsettled.count, 2);
});

test('a message too many fails, or is dropped, as the queue’s policy or that of the send says', async () => {
  const failing = createRig({ queue: { policy: 'fail', maxQueued: 100 } }, ['hang']);
  await failing.session.send('a');
  await failing.session.send('b');
  await rejects(failing.session.send('c'), LocalProtocolError, 'ERR_WS_QUEUE_FULL');
  await failing.session.send('d', { slowConsumer: 'drop-newest' });
  assert.equal(failing.session.counters.dropped, { messages: 1, bytes: 1 });
  await finish(failing);
  for (const [policy, expected] of [
    ['drop-newest', ['a', 'b']],
    ['drop-oldest', ['c', 'd']],
  ] as const) {
    const rig = createRig({ queue: { policy, maxQueued: 130 } });
    for (const text of ['a', 'b', 'c', 'd']) await rig.session.send(text);
    await rig.untilOpen();
    await rig.clock.settled();
    assert.equal(rig.received(), expected, policy);
    assert.equal(rig.session.counters.dropped, { messages: 2, bytes: 2 });
    await finish(rig);
  }
});

test('of a key only the latest waits; what has waited for too long is not sent', async () => {
  const rig = createRig({ queue: { policy: 'latest', maxAge: 12_000 } }, [unreachable()]);
  await rig.session.send('old', { key: 'c' });
  await rig.session.send('a 1', { key: 'a' });
  await rig.session.send('b 1', { key: 'b' });
  await rig.clock.turn(1_000);
  await rig.session.send('a 2', { key: 'a' });
  await rig.session.send('b 2', { key: 'b' });
  rig.findings.push(unreachable());
  await rig.clock.turn(4_000);
  await rig.session.send('a 3', { key: 'a' });
  await rig.untilOpen();
  await rig.clock.settled();
  assert.equal(rig.received(), ['a 3']);
  assert.is(rig.session.counters.dropped.messages, 5);
  await finish(rig);
});

test('what has waited is not dropped by the session’s own policy when it is handed over', async () => {
  const rig = createRig({
    connect: { slowConsumer: { policy: 'drop-newest', maxQueued: 100 }, limits: { queueSize: 100 } },
  });
  for (const text of numbered(50)) void rig.session.send(text);
  await rig.untilOpen();
  await rig.clock.settled();
  assert.equal(rig.received(), numbered(50));
  await finish(rig);
});

test('where there is a connection the session’s policy holds: to fail, to drop, to close', async () => {
  const failing = createRig({ connect: { slowConsumer: { policy: 'fail', maxQueued: 100 } } });
  await failing.untilOpen();
  failing.pairs[0]?.line.stall();
  await failing.session.send('x'.repeat(100));
  await rejects(failing.session.send('y'), LocalProtocolError, 'ERR_WS_QUEUE_FULL');
  failing.pairs[0]?.line.restore();
  await finish(failing);
  const dropping = createRig({ connect: { slowConsumer: { policy: 'drop-newest', maxQueued: 100 } } });
  await dropping.untilOpen();
  dropping.pairs[0]?.line.stall();
  await dropping.session.send('x'.repeat(100));
  await dropping.session.send('y');
  assert.equal(dropping.session.counters.dropped, { messages: 1, bytes: 1 });
  await lose(dropping);
  assert.equal(dropping.session.counters.dropped, { messages: 1, bytes: 1 });
  await finish(dropping);
  const closing = createRig({ connect: { slowConsumer: { policy: 'close', maxQueued: 100 } } });
  await closing.untilOpen();
  closing.pairs[0]?.line.stall();
  await closing.session.send('x'.repeat(100));
  await closing.session.send('kept');
  await closing.clock.turn(5_000);
  await closing.untilOpen();
  await closing.clock.settled();
  assert.equal(closing.received(), ['kept']);
  closing.pairs[0]?.line.reset();
  await finish(closing);
});

// --- What nobody knows of --------------------------------------------------------------------------------------------

test('what a connection had been given and the peer has not shown to have got is told when it is lost', async () => {
  const losses: UnsettledMessages[] = [];
  const rig = createRig({
    onLost: ({ unsettled }) => {
      losses.push(unsettled);
      return undefined;
    },
  });
  await rig.untilOpen();
  await rig.session.send('known');
  await rig.clock.turn(1_000);
  assert.is(rig.session.counters.unsettled, 0);
  rig.pairs[0]?.line.silence();
  await rig.session.send('a');
  await rig.session.send(Uint8Array.of(1, 2));
  assert.is(rig.session.counters.unsettled, 2);
  await rig.clock.turn(3_000);
  await lose(rig);
  assert.equal(losses, [{ messages: ['a', Uint8Array.of(1, 2)], count: 2, bytes: 3 }]);
  assert.equal(rig.session.counters.lost, { messages: 2, bytes: 3 });
  const { state } = rig.session;
  assert.is(state.name === 'waiting' && state.loss.unsettled.count, 2);
  await rig.untilOpen();
  await rig.clock.settled();
  assert.equal(rig.received(), []);
  await finish(rig);
});

test('a ping that has passed what waits for a slow transport proves nothing of it', async () => {
  const rig = createRig({ settleInterval: 100, line: { toServer: { bytesPerSecond: 1_000_000 } } });
  await rig.untilOpen();
  const texts = ['a', 'b', 'c'].map((text) => text.repeat(400_000));
  for (const text of texts) void rig.session.send(text);
  await rig.clock.turn(150);
  // It goes between two writes.
  const ping = rig.session.session?.ping();
  await rig.clock.turn(600);
  await ping;
  await lose(rig);
  assert.equal(rig.received(), texts.slice(0, 1));
  const waiting = rig.states.find((state) => state.name === 'waiting');
  assert.is(waiting?.name === 'waiting' && waiting.loss.unsettled.count, 3);
  await finish(rig);
});

test('what onLost gives back is sent again, before all that waits: at least once, in order', async () => {
  const rig = createRig({ onLost: ({ unsettled }) => unsettled.messages });
  await rig.untilOpen();
  await rig.session.send('arrived, but who knows');
  await rig.clock.settled();
  rig.pairs[0]?.line.silence();
  await rig.session.send('swallowed');
  await lose(rig);
  await rig.session.send('later');
  await rig.untilOpen();
  await rig.clock.settled();
  assert.equal(rig.received(0), ['arrived, but who knows']);
  assert.equal(rig.received(1), ['arrived, but who knows', 'swallowed', 'later']);
  await lose(rig);
  await rig.untilOpen();
  await rig.clock.settled();
  assert.equal(rig.received(2), ['arrived, but who knows', 'swallowed', 'later']);
  await finish(rig);
});

for (const resends of [false, true]) {
  const rule = resends ? 'all arrive in order when onLost gives them back' : 'none is lost or doubled in silence';
  test(`of a thousand messages over connections that break anywhere ${rule}`, async () => {
    const random = new Random();
    const told: unknown[] = [];
    const rig = createRig({
      random,
      resetAfter: 0,
      connect: { limits: { queueSize: 300 } },
      queue: { policy: 'wait', maxQueued: 500 },
      onLost: ({ unsettled }) => {
        if (resends) return unsettled.messages;
        told.push(...unsettled.messages);
        return undefined;
      },
    });
    const all = Array.from({ length: 1_000 }, (_, index) => String(index));
    for (const text of all) {
      void rig.session.send(text);
      if (random.below(3) === 0) await turns(random.below(4));
      if (random.below(20) === 0) await rig.clock.turn(random.below(3_000));
      const line = rig.pairs.at(-1)?.line;
      if (random.below(40) === 0) line?.reset();
      if (random.below(60) === 0) line?.toServer.silence();
      if (random.below(60) === 0) line?.toClient.silence();
    }
    const settled = async (): Promise<void> => {
      while (rig.session.counters.queued > 0 || rig.session.counters.unsettled > 0) {
        await rig.session.settled().catch(() => {});
      }
    };
    await rig.clock.turnUntil(settled());
    const received = rig.pairs.flatMap((_, index) => rig.received(index));
    const unique = [...new Set(received)];
    if (!resends) assert.equal(received, unique, 'nothing twice');
    // A message may come twice where it was given back; the first time is in its place.
    assert.equal(
      unique,
      all.filter((text) => unique.includes(text)),
      'in order',
    );
    const known = new Set([...received, ...told]);
    assert.equal(
      all.filter((text) => !known.has(text)),
      [],
      'what has not come was told',
    );
    assert.is(told.length, resends ? 0 : rig.session.counters.lost.messages);
    assert.ok(rig.pairs.length > 5);
    for (const { line } of rig.pairs) line.reset();
    await rig.untilOpen();
    await finish(rig);
  });
}

test('settled fulfils when a ping behind all that was sent was answered, over connections too', async () => {
  const rig = createRig({ settleInterval: Number.POSITIVE_INFINITY }, [unreachable()]);
  await rig.session.settled();
  await rig.session.send('waits');
  let isSettled = false;
  const settled = rig.session.settled().then(() => {
    isSettled = true;
  });
  await turns(4);
  assert.not.ok(isSettled);
  await rig.untilOpen();
  await rig.clock.turnUntil(settled);
  assert.equal(rig.received(), ['waits']);
  assert.is(rig.session.counters.unsettled, 0);
  await rig.session.send('and now');
  await rig.clock.turn(60_000);
  assert.is(rig.session.counters.unsettled, 1, 'nobody has asked');
  await rig.session.settled();
  await finish(rig);
});

test('it rejects when what was sent was lost, unless onLost has given it back; and at the end', async () => {
  const telling = createRig();
  await telling.untilOpen();
  telling.pairs[0]?.line.silence();
  await telling.session.send('a');
  const settled = telling.session.settled();
  await lose(telling);
  await rejects(settled, ConnectionError, 'ERR_WS_CONNECTION_LOST');
  await telling.session.send('b');
  const atEnd = telling.session.settled();
  void telling.session.close();
  await rejects(atEnd, LocalProtocolError, 'ERR_WS_CLOSED');
  await rejects(telling.session.settled(), LocalProtocolError, 'ERR_WS_CLOSED');
  await telling.ended();
  const again = createRig({ onLost: ({ unsettled }) => unsettled.messages });
  await again.untilOpen();
  again.pairs[0]?.line.silence();
  await again.session.send('a');
  const resettled = again.session.settled();
  await lose(again);
  await again.clock.turnUntil(resettled);
  assert.equal(again.received(), ['a']);
  await finish(again);
});

test('a streamed message waits for a connection, and is lost with one: its send rejects, and it is counted', async () => {
  const losses: UnsettledMessages[] = [];
  const rig = createRig({
    onLost: ({ unsettled }) => {
      losses.push(unsettled);
      return undefined;
    },
  });
  async function* body(): AsyncGenerator<string> {
    yield 'a';
    yield 'b';
  }
  const sent = rig.session.send(body());
  const behind = rig.session.send('behind');
  await rig.untilOpen();
  await Promise.all([sent, behind]);
  await rig.clock.settled();
  assert.equal(rig.received(), ['ab', 'behind']);
  await rig.clock.turn(1_000);
  const endless = rig.session.send(
    (async function* () {
      yield 'begun';
      await new Promise(() => {});
    })(),
  );
  await rig.clock.settled();
  await lose(rig);
  await rejects(endless, LocalProtocolError, 'ERR_WS_CLOSED');
  assert.equal(losses, [{ messages: [], count: 1, bytes: 0 }]);
  await finish(rig);
});

test('a stream that was never sent is cancelled at the end, and its send rejects', async () => {
  const rig = createRig({}, ['hang']);
  let reason: unknown;
  const { ReadableStream } = streams();
  const sent = rig.session.send(
    new ReadableStream<string>({
      cancel: (given) => {
        reason = given;
      },
    }),
  );
  const { unsent } = await rig.session.close();
  assert.equal(unsent, { messages: [], count: 1, bytes: 0 });
  await rejects(sent, LocalProtocolError, 'ERR_WS_CLOSED');
  assert.is((reason as { code?: string }).code, 'ERR_WS_CLOSED');
});

// --- Receiving -------------------------------------------------------------------------------------------------------

test('a reader that came before the first connection reads over all of them, in order', async () => {
  const rig = createRig({}, [refusal(503)]);
  const read: unknown[] = [];
  const reading = (async () => {
    for await (const message of rig.session) read.push(message);
  })();
  await rig.untilOpen();
  for (const text of ['a', 'b']) await rig.pairs[0]?.server.session.send(text);
  await rig.clock.settled();
  await lose(rig);
  await rig.untilOpen();
  await rig.pairs[1]?.server.session.send('c');
  await rig.clock.settled();
  assert.equal(read, ['a', 'b', 'c']);
  await finish(rig);
  await reading;
});

test('what a lost connection has left is read before anything of the next, and behind the end too', async () => {
  const rig = createRig();
  await rig.untilOpen();
  for (const text of ['a', 'b']) await rig.pairs[0]?.server.session.send(text);
  await rig.clock.settled();
  await lose(rig);
  await rig.untilOpen();
  for (const text of ['c', 'd']) await rig.pairs[1]?.server.session.send(text);
  await rig.clock.settled();
  const read = [await rig.session.receive(), await rig.session.receive(), await rig.session.receive()];
  void rig.pairs[1]?.server.session.close(1000);
  assert.is((await rig.ended()).reason, 'final');
  assert.equal([...read, await rig.session.receive(), await rig.session.receive()], ['a', 'b', 'c', 'd', undefined]);
});

test('receives that wait together are served in their order, and all are told of the end', async () => {
  const rig = createRig();
  const received = Promise.all(Array.from({ length: 4 }, () => rig.session.receive()));
  await rig.untilOpen();
  await rig.pairs[0]?.server.session.send('a');
  await rig.clock.settled();
  await lose(rig);
  await rig.untilOpen();
  await rig.pairs[1]?.server.session.send('b');
  await rig.clock.settled();
  await finish(rig);
  assert.equal(await received, ['a', 'b', undefined, undefined]);
});

test('a reader that does not read holds the peer back, and the next connection too when too much was left', async () => {
  const rig = createRig({ connect: { limits: { queueSize: 1_000, lookAhead: 0 } }, maxUnread: 500 });
  await rig.untilOpen();
  for (let index = 0; index < 100; index++) void rig.pairs[0]?.server.session.send('x'.repeat(100));
  await rig.clock.settled();
  const { unread } = rig.pairs[0]?.client.session.counters ?? { unread: 0 };
  assert.ok(unread > 500 && unread < 2_000, `${unread} bytes wait unread`);
  await lose(rig);
  await rig.clock.turn(100_000);
  assert.equal([rig.session.state.name, rig.tries.length], ['waiting', 1]);
  let count = 0;
  while (rig.tries.length === 1) {
    await rig.session.receive();
    await rig.clock.settled();
    count++;
  }
  // Each counts 164 bytes: three of them are less than 500.
  assert.is(count, 97);
  await rig.untilOpen();
  await finish(rig);
});

test('connections that come and go before a reader that never reads leave no more than that', async () => {
  const rig = createRig({ maxUnread: 5_000, resetAfter: 0, firstDelay: 10 });
  for (let index = 0; index < 300 && rig.session.state.name !== 'ended'; index++) {
    await rig.clock.turn(10);
    if (rig.session.session === undefined) continue;
    await rig.pairs.at(-1)?.server.session.send('x'.repeat(500));
    await rig.clock.settled();
    await lose(rig);
  }
  assert.is(rig.pairs.length, Math.ceil(5_000 / 564));
  await finish(rig);
});

test('connections that leave nothing unread may come and go as they like', async () => {
  const rig = createRig({ resetAfter: 0, firstDelay: 10 });
  for (let index = 0; index < 50; index++) {
    await rig.untilOpen();
    await lose(rig);
  }
  assert.is(rig.pairs.length, 50);
  await finish(rig);
});

test('the readable outlives connections, excludes receive while it is locked, and closes at a good end', async () => {
  const rig = createRig();
  const { readable } = rig.session;
  assert.is(rig.session.readable, readable);
  const reader = readable.getReader();
  const first = reader.read();
  await rejects(rig.session.receive(), TypeError);
  await rig.untilOpen();
  await rig.pairs[0]?.server.session.send('a');
  assert.is((await first).value, 'a');
  await lose(rig);
  reader.releaseLock();
  const second = rig.session.receive();
  await rig.untilOpen();
  await rig.pairs[1]?.server.session.send('b');
  assert.is(await second, 'b');
  const rest = readable.getReader();
  const last = rest.read();
  await finish(rig);
  assert.equal(await last, { value: undefined, done: true });
  await rest.closed;
});

test('the readable cannot be made while a receive is pending, and errors at a bad end', async () => {
  const rig = createRig({ maxTries: 1 }, ['hang']);
  void rig.session.receive().catch(() => {});
  throws(() => rig.session.readable, TypeError);
  await finish(rig);
  const failing = createRig({}, [refusal(403)]);
  const reader = failing.session.readable.getReader();
  reader.closed.catch(() => {});
  const { error } = await failing.ended();
  assert.is(await reader.read().catch((reason: unknown) => reason), error);
});

test('a readable that is cancelled throws away what comes, over all connections: nobody is held back', async () => {
  const rig = createRig({ connect: { limits: { queueSize: 1_000, lookAhead: 0 } }, maxUnread: 1_000 });
  await rig.untilOpen();
  const reader = rig.session.readable.getReader();
  void reader.read();
  await rig.pairs[0]?.server.session.send('before');
  await rig.clock.settled();
  await reader.cancel();
  for (let index = 0; index < 50; index++) await rig.pairs[0]?.server.session.send('x'.repeat(100));
  await rig.clock.settled();
  assert.is(rig.session.counters.discarded, 50);
  await lose(rig);
  await rig.untilOpen();
  await rig.pairs[1]?.server.session.send('y');
  await rig.clock.settled();
  assert.is(rig.session.counters.discarded, 51);
  await finish(rig);
});

test('somebody else who reads the session of the moment ends its connection, and is reported', async () => {
  const rig = createRig({
    onOpen: (session, { attempt }) => {
      if (attempt === 1) session.readable.getReader();
    },
  });
  const received = rig.session.receive();
  await rig.clock.settled();
  assert.instance(rig.reported[0], TypeError);
  assert.is(rig.session.state.name, 'waiting');
  await rig.untilOpen();
  await rig.pairs[1]?.server.session.send('a');
  assert.is(await received, 'a');
  await finish(rig);
});

test('streamed messages are read as they come; one that is cut by the loss of its connection says so', async () => {
  const rig = createRig({ messages: 'streamed' });
  await rig.untilOpen();
  void rig.pairs[0]?.server.session
    .send(
      (async function* () {
        yield 'begun';
        await new Promise(() => {});
      })(),
    )
    .catch(() => {});
  const cut = await rig.session.receive();
  assert.is(cut?.type, 'text');
  const text = cut?.text() ?? Promise.resolve('');
  await rig.clock.settled();
  await lose(rig as unknown as Rig);
  await rejects(text, ConnectionError);
  await rig.untilOpen();
  await rig.pairs[1]?.server.session.send('whole');
  assert.is(await (await rig.session.receive())?.text(), 'whole');
  await finish(rig as unknown as Rig);
});

// --- A pair of streams -----------------------------------------------------------------------------------------------

test('a pipe into the writable ends when all has arrived, however many connections that took', async () => {
  const rig = createRig({ onLost: ({ unsettled }) => unsettled.messages }, [unreachable()]);
  const { ReadableStream } = streams();
  const source = new ReadableStream<string>({
    start(controller) {
      for (const text of numbered(20)) controller.enqueue(text);
      controller.close();
    },
  });
  const piped = source.pipeTo(rig.session.writable);
  await rig.clock.turnUntil(piped);
  assert.equal(rig.received(), numbered(20));
  assert.is((await rig.ended()).reason, 'closed');
});

test('its close rejects when something was lost, and closes all the same', async () => {
  const rig = createRig();
  await rig.untilOpen();
  rig.pairs[0]?.line.silence();
  const writer = rig.session.writable.getWriter();
  void writer.write('a');
  const closed = writer.close().catch((error: unknown) => error);
  writer.closed.catch(() => {});
  await rig.clock.settled();
  await lose(rig);
  assert.is(((await closed) as { code?: string }).code, 'ERR_WS_CONNECTION_LOST');
  assert.is((await rig.ended()).reason, 'closed');
});

test('aborting it closes with 1011; a bad end errors it', async () => {
  const rig = createRig();
  await rig.untilOpen();
  await rig.session.writable.abort(new Error('no more'));
  const { closeInfo } = await rig.ended();
  assert.is(closeInfo?.sent?.closeCode, 1011);
  const failing = createRig({}, [refusal(403)]);
  const writer = failing.session.writable.getWriter();
  const closed = writer.closed.catch((error: unknown) => error);
  await failing.ended();
  assert.is(((await closed) as { code?: string }).code, 'ERR_WS_CLOSED');
  const late = failing.session.writable;
  assert.is(late, failing.session.writable);
});

// --- The end ---------------------------------------------------------------------------------------------------------

test('close sends what was sent before, then the close frame; nothing is taken afterwards', async () => {
  const rig = createRig({ connect: { limits: { queueSize: 100 } } });
  for (const text of numbered(30)) void rig.session.send(text);
  await rig.untilOpen();
  for (const text of numbered(30)) void rig.session.send(text);
  const closed = rig.session.close(3000, 'done');
  await rejects(rig.session.send('late'), LocalProtocolError, 'ERR_WS_CLOSED');
  const { closeInfo, unsent } = await rig.clock.turnUntil(closed);
  assert.equal(rig.received(), [...numbered(30), ...numbered(30)]);
  assert.equal([closeInfo?.sent?.closeCode, closeInfo?.sent?.reason, unsent.count], [3000, 'done', 0]);
});

test('a wrong close code or reason changes nothing', async () => {
  const rig = createRig();
  await rig.untilOpen();
  await rejects(rig.session.close(1005), RangeError);
  await rejects(rig.session.close('1000' as unknown as number), TypeError);
  await rejects(rig.session.close(1000, 'é'.repeat(62)), RangeError);
  assert.is(rig.session.state.name, 'open');
  await finish(rig);
});

test('close fulfils at any later time with the same end', async () => {
  const rig = createRig();
  await rig.untilOpen();
  const closed = [rig.session.close(), rig.session.close(3000)];
  const end = await rig.ended();
  assert.equal(await Promise.all([...closed, rig.session.close(4000)]), [end, end, end]);
  await rejects(rig.session.send('late'), LocalProtocolError, 'ERR_WS_CLOSED');
});

test('it is disposed of as it is closed', async () => {
  const rig = createRig();
  await rig.untilOpen();
  const disposed = (async () => {
    await using session = rig.session;
    await session.send('last');
  })();
  await rig.clock.turnUntil(disposed);
  assert.equal(rig.received(), ['last']);
  assert.is((await rig.session.closed).closeInfo?.sent?.closeCode, 1000);
});

test('states can be iterated: the one of now, each that begins, and no more behind the end', async () => {
  const rig = createRig({}, [unreachable()]);
  const read: string[] = [];
  const reading = (async () => {
    for await (const state of rig.session.states()) read.push(state.name);
  })();
  await rig.untilOpen();
  await finish(rig);
  await reading;
  assert.equal(read, ['connecting', 'waiting', 'connecting', 'open', 'ended']);
  const late: string[] = [];
  for await (const state of rig.session.states()) late.push(state.name);
  assert.equal(late, ['ended']);
});

test('a connection that is half open is found by keepalive, and followed by another', async () => {
  const rig = createRig();
  await rig.untilOpen();
  rig.pairs[0]?.line.silence();
  await rig.session.send('into the void');
  await rig.clock.turn(60_000);
  await rig.untilOpen();
  assert.is(rig.pairs.length, 2);
  const waiting = rig.states.find((state) => state.name === 'waiting');
  const loss = waiting?.name === 'waiting' ? waiting.loss : undefined;
  assert.is((loss?.error as { code?: string } | undefined)?.code, 'ERR_WS_PING_TIMEOUT');
  assert.equal(loss?.unsettled.messages, ['into the void']);
  await finish(rig);
});

test('nothing has escaped', async () => {
  await turns(5);
  assert.equal(seen, []);
});

test.run();
