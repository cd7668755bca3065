// The signals and the time-out of an attempt at every moment of it, and an own pair of streams: whatever comes, it settles once, and nothing is left.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ConnectOptions, type Dial, openSession } from '../../lib/client/connect.ts';
import { HandshakeError } from '../../lib/error.ts';
import type { Session } from '../../lib/job/session.ts';
import { rejects } from '../support/check.ts';
import { FakeNetwork, response, toLatin1 } from '../support/fake-network.ts';
import { listenersOn } from '../support/left-behind.ts';
import { watchEscapes } from '../support/pair.ts';
import { turns, within } from '../support/until.ts';

const test = suite('connect · abort');

const escapes = watchEscapes();
const HALF_A_HEAD = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: web';

/** Which of the three signals is aborted. */
const places: ((signal: AbortSignal, network: FakeNetwork) => ConnectOptions)[] = [
  (signal, network) => ({ signal, engineContext: network }),
  (signal, network) => ({ engineContext: { clock: network.clock, signal } }),
  (signal, network) => ({ engineContext: network, userContext: { signal } }),
];

/** A dial that gives nothing, and ends as it is bound to when its signal is aborted. */
const hanging: Dial = (_, signal) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('The dial was given up')), { once: true });
  });

async function reasonOf(opening: Promise<unknown>): Promise<unknown> {
  return within(
    opening.then(
      () => assert.unreachable('it was to be rejected'),
      (reason) => reason,
    ),
    'the end of an attempt',
    2_000,
  );
}

async function assertNothingLeft(network: FakeNetwork, ...signals: AbortSignal[]): Promise<void> {
  await network.clock.turn(0);
  assert.ok(network.isQuiet, 'no connection is left');
  assert.is(network.clock.pending, 0, 'no timer is left');
  for (const signal of signals) assert.is(listenersOn(signal), 0, 'no listener is left');
}

test('a signal that is aborted already: nothing is dialled', async () => {
  const network = new FakeNetwork();
  const reason = { any: 'thing' };
  for (const place of places) {
    const opening = openSession('ws://h', place(AbortSignal.abort(reason), network), network.dial);
    assert.is(await reasonOf(opening), reason);
    assert.is(network.targets.length, 0);
  }
  await rejects(openSession('', { signal: AbortSignal.abort() }, network.dial), TypeError);
});

test('an abort while the connection is made', async () => {
  for (const place of places) {
    const network = new FakeNetwork();
    const controller = new AbortController();
    let seen: unknown;
    const opening = openSession('ws://h', place(controller.signal, network), (target, signal) => {
      signal.addEventListener('abort', () => {
        seen = signal.reason;
      });
      return hanging(target, signal);
    });
    await turns(2);
    controller.abort('enough');
    assert.is(await reasonOf(opening), 'enough');
    assert.is(seen, 'enough', 'the dial is told why');
    await assertNothingLeft(network, controller.signal);
  }
});

test('an abort in the very turn in which the connection is made', async () => {
  const network = new FakeNetwork();
  const controller = new AbortController();
  const opening = openSession('ws://h', places[0]?.(controller.signal, network) ?? {}, async (target, signal) => {
    const dialled = await network.dial(target, signal);
    controller.abort('enough');
    return dialled;
  });
  assert.is(await reasonOf(opening), 'enough');
  await assertNothingLeft(network, controller.signal);
});

test('an abort in the handshake: before an answer, in the head, in the body of a refusal', async () => {
  for (const answer of [undefined, 'HTT', HALF_A_HEAD, 'HTTP/1.1 401 X\r\nContent-Length: 9\r\n\r\nhalf']) {
    for (const place of places) {
      const network = new FakeNetwork(() => answer);
      const controller = new AbortController();
      const opening = openSession('ws://h', place(controller.signal, network), network.dial);
      opening.catch(() => {});
      await network.clock.settled();
      assert.is(network.requests.length, 1);
      controller.abort('enough');
      assert.is(await reasonOf(opening), 'enough');
      await assertNothingLeft(network, controller.signal);
    }
  }
});

test('an abort of the open session cancels its job, and afterwards no listener is left', async () => {
  for (const place of places) {
    const network = new FakeNetwork();
    const controller = new AbortController();
    const session = await openSession('ws://h', place(controller.signal, network), network.dial);
    const pending = session.receive();
    pending.catch(() => {});
    assert.is(listenersOn(controller.signal), 1);
    controller.abort('enough');
    assert.is(session.signal.reason, 'enough');
    const { error, sent } = await network.clock.turnUntil(session.job.closed);
    assert.is((error as { code?: string }).code, 'ERR_WS_CANCELLED');
    assert.is((error as Error).cause, 'enough');
    assert.is(sent?.closeCode, 1001);
    assert.is(session.job.state, 'cancelled');
    await network.clock.turn(10_000);
    await assertNothingLeft(network, controller.signal);
  }
});

test('an abort while it closes, and one behind the end', async () => {
  const network = new FakeNetwork();
  const controller = new AbortController();
  const { signal } = controller;
  const closing = await openSession('ws://h', { signal, engineContext: network }, network.dial);
  network.lines[0]?.silence();
  void closing.close();
  await turns(3);
  controller.abort('enough');
  const { wasClean } = await network.clock.turnUntil(closing.job.closed);
  assert.not(wasClean);
  const other = new AbortController();
  const options = { signal: other.signal, engineContext: network };
  const closed = await openSession('ws://h', options, network.dial);
  assert.ok((await network.clock.turnUntil(closed.close())).wasClean);
  assert.is(listenersOn(other.signal), 0, 'the signal is let go of with the end');
  other.abort();
  assert.is(closed.job.state, 'completed');
  network.lines[0]?.reset();
  await network.clock.turn(100_000);
  await assertNothingLeft(network, signal, other.signal);
});

test('one signal for many attempts and sessions has one listener', async () => {
  const network = new FakeNetwork();
  const controller = new AbortController();
  const options = { signal: controller.signal, engineContext: network };
  const sessions = await Promise.all(Array.from({ length: 30 }, () => openSession('ws://h', options, network.dial)));
  assert.is(listenersOn(controller.signal), 1);
  controller.abort();
  await Promise.all(sessions.map((session) => network.clock.turnUntil(session.job.closed)));
  await network.clock.turn(10_000);
  await assertNothingLeft(network, controller.signal);
});

test('a signal that is never aborted is let go of when an attempt fails', async () => {
  const controller = new AbortController();
  for (const place of places) {
    const network = new FakeNetwork(() => response(503));
    await rejects(openSession('ws://h', place(controller.signal, network), network.dial), HandshakeError);
    await assertNothingLeft(network, controller.signal);
  }
});

test('the time-out holds while the connection is made and in the handshake, and ends with it', async () => {
  const limits = { handshakeTimeout: 700 };
  const dials: [FakeNetwork, (network: FakeNetwork) => Dial][] = [
    [new FakeNetwork(), () => hanging],
    [new FakeNetwork(() => undefined), (network) => network.dial],
    [new FakeNetwork(() => HALF_A_HEAD), (network) => network.dial],
  ];
  for (const [network, toDial] of dials) {
    const opening = openSession('ws://h', { limits, engineContext: network }, toDial(network));
    opening.catch(() => {});
    await network.clock.turn(699);
    assert.is(await Promise.race([opening.catch(() => 'failed'), turns(3).then(() => 'pending')]), 'pending');
    await network.clock.turn(1);
    const error = (await reasonOf(opening)) as HandshakeError;
    assert.equal([error.code, error.status], ['ERR_WS_HANDSHAKE_TIMEOUT', 0]);
    await assertNothingLeft(network);
  }
  const network = new FakeNetwork();
  const session = await openSession('ws://h', { limits, engineContext: network }, network.dial);
  await network.clock.turn(5_000);
  assert.is(session.job.state, 'running');
  await network.clock.turnUntil(session.close());
});

test('a refusal whose body never ends is told at the deadline', async () => {
  const network = new FakeNetwork(() => 'HTTP/1.1 401 X\r\nWWW-Authenticate: Basic\r\n\r\nWho');
  const opening = openSession('ws://h', { engineContext: network }, network.dial);
  const failed = rejects(opening, HandshakeError, 'ERR_WS_NOT_UPGRADED');
  await network.clock.turn(10_000);
  const error = (await failed) as HandshakeError;
  assert.is(error.status, 401);
  assert.is(new TextDecoder().decode(error.body), 'Who');
  await assertNothingLeft(network);
});

test('a server that ends or resets at every byte of its answer: the attempt rejects, or the session knows', async () => {
  const good = new FakeNetwork();
  let whole = 0;
  const probe = await openSession('ws://h', { engineContext: good }, good.dial);
  whole = good.lines[0]?.toClient.delivered ?? 0;
  await good.clock.turnUntil(probe.close());
  assert.ok(whole > 100);
  for (const how of ['end', 'reset'] as const) {
    for (let size = 0; size <= whole; size += 3) {
      const network = new FakeNetwork((request) => {
        let left = size;
        request.line.toClient.set({
          alter: (bytes) => {
            const part = bytes.slice(0, left);
            left -= part.byteLength;
            return part;
          },
        });
        return { accept: {} };
      });
      const opening = openSession('ws://h', { engineContext: network }, network.dial);
      opening.catch(() => {});
      await network.clock.settled();
      if (how === 'end') network.lines[0]?.toClient.end();
      else network.lines[0]?.reset();
      await network.clock.settled();
      const outcome = await reasonOrSession(opening);
      if (size < whole) {
        assert.instance(outcome, HandshakeError);
        const expected = how === 'end' ? 'ERR_WS_RESPONSE_INCOMPLETE' : 'ERR_WS_UNREACHABLE';
        assert.is((outcome as HandshakeError).code, expected);
        if (how === 'reset') assert.is(((outcome as Error).cause as { code?: string }).code, 'ECONNRESET');
      } else {
        const { wasClean } = await network.clock.turnUntil((outcome as Session).closed);
        assert.not(wasClean);
      }
      await network.clock.turn(100_000);
      await assertNothingLeft(network);
    }
  }
});

async function reasonOrSession(opening: Promise<Session>): Promise<unknown> {
  return within(
    opening.catch((reason) => reason),
    'the end of an attempt',
    2_000,
  );
}

test('over streams of one’s own nothing is dialled: those of our adapters, and any others', async () => {
  for (const over of ['transport', 'streams'] as const) {
    const network = new FakeNetwork(undefined, { over });
    const target = { host: 'h' } as Parameters<typeof network.join>[0];
    const streams = network.join(target);
    const never: Dial = () => assert.unreachable() as never;
    const session = await openSession('wss://h:5/x', { streams, engineContext: network }, never);
    assert.ok(streams.readable.locked && streams.writable.locked);
    assert.equal(network.requests[0]?.all('host'), ['h:5']);
    assert.is(session.remoteAddress, undefined);
    await session.send('x');
    assert.is(await session.receive(), 'x');
    await network.clock.turnUntil(session.close());
    await assertNothingLeft(network);
  }
});

test('streams that are locked are a TypeError; those of a wrong call are left alone', async () => {
  const network = new FakeNetwork();
  const target = { host: 'h' } as Parameters<typeof network.join>[0];
  const streams = network.join(target);
  await rejects(openSession('ws://h', { streams, maxRedirects: -1 }, network.dial), RangeError);
  await rejects(openSession('ws://h', { streams, signal: AbortSignal.abort() }, network.dial), DOMException);
  assert.not(streams.readable.locked);
  const writer = streams.writable.getWriter();
  await rejects(openSession('ws://h', { streams, engineContext: network }, network.dial), TypeError, /locked/);
  writer.releaseLock();
  const session = await openSession('ws://h', { streams, engineContext: network }, network.dial);
  await network.clock.turnUntil(session.close());
});

test('over streams of one’s own a refusal, an abort and the time-out end both streams, and no redirect is followed', async () => {
  const ends: [answer: string | undefined, end: (controller: AbortController, network: FakeNetwork) => unknown][] = [
    [response(302, { Location: '/x' }), () => {}],
    [undefined, (controller) => controller.abort('enough')],
    [HALF_A_HEAD, (_, network) => network.clock.turn(10_000)],
  ];
  for (const over of ['transport', 'streams'] as const) {
    for (const [answer, end] of ends) {
      const network = new FakeNetwork(() => answer, { over });
      const controller = new AbortController();
      const streams = network.join({ host: 'h' } as Parameters<typeof network.join>[0]);
      const { signal } = controller;
      const options = { streams, signal, maxRedirects: 5, engineContext: network };
      const opening = openSession('ws://h', options, network.dial);
      opening.catch(() => {});
      await network.clock.settled();
      await end(controller, network);
      assert.ok((await reasonOf(opening)) !== undefined);
      assert.is(network.targets.length, 0);
      await assertNothingLeft(network, signal);
    }
  }
});

test('a stream that gives no bytes, errs, or is never taken: it settles all the same', async () => {
  const network = new FakeNetwork();
  const engineContext = network;
  const sink = (): WritableStream<Uint8Array> => new WritableStream();
  const wrong = new ReadableStream({ start: (controller) => controller.enqueue('text') });
  await rejects(
    openSession('ws://h', { streams: { readable: wrong, writable: sink() }, engineContext }, network.dial),
    HandshakeError,
    'ERR_WS_UNREACHABLE',
  );
  const failing = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('gone')) });
  const failed = openSession(
    'ws://h',
    { streams: { readable: failing, writable: sink() }, engineContext },
    network.dial,
  );
  assert.match(String((await rejects(failed, HandshakeError, 'ERR_WS_UNREACHABLE')).cause), /gone/);
  const refusing = new WritableStream<Uint8Array>({ write: () => Promise.reject(new Error('no')) });
  const silent = new ReadableStream<Uint8Array>();
  const refused = openSession(
    'ws://h',
    { streams: { readable: silent, writable: refusing }, engineContext },
    network.dial,
  );
  assert.match(String((await rejects(refused, HandshakeError, 'ERR_WS_UNREACHABLE')).cause), /no/);
  const stuck = {
    readable: new ReadableStream<Uint8Array>(),
    writable: new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) }),
  };
  const opening = openSession('ws://h', { streams: stuck, engineContext }, network.dial);
  await rejects(network.clock.turnUntil(opening), HandshakeError, 'ERR_WS_HANDSHAKE_TIMEOUT');
  const ended = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(toLatin1('HTTP/1.1 1'));
      controller.close();
    },
  });
  const short = openSession('ws://h', { streams: { readable: ended, writable: sink() }, engineContext }, network.dial);
  await rejects(short, HandshakeError, 'ERR_WS_RESPONSE_INCOMPLETE');
  assert.is(network.clock.pending, 0);
});

test('nothing has escaped in all of this', async () => {
  await turns(5);
  assert.equal(escapes.seen, []);
});

test.run();
