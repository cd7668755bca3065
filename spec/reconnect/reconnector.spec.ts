// The course of the tries: what is asked, what is waited for, what is final, and every moment at which it can be ended.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import type { Attempt } from '../../lib/reconnect/reconnect-options.ts';
import type { Loss, ReconnectState } from '../../lib/reconnect/reconnect-state.ts';
import { throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { watchEscapes } from '../support/pair.ts';
import { Random } from '../support/random.ts';
import { createRig, refusal, unreachable } from '../support/reconnecting.ts';

const { seen } = watchEscapes();
const test = suite('reconnector');

function names(states: readonly ReconnectState[]): string[] {
  return states.map((state) => ('attempt' in state ? `${state.name} ${state.attempt}` : state.name));
}

function delays(states: readonly ReconnectState[]): number[] {
  return states.flatMap((state) => (state.name === 'waiting' ? [Math.round(state.delay)] : []));
}

// --- One connection after the other ----------------------------------------------------------------------------------

test('the first try is made at once, and nothing of it runs before the caller holds the session', async () => {
  const rig = createRig();
  assert.equal(rig.states, []);
  assert.is(rig.session.state.name, 'connecting');
  await rig.untilOpen();
  assert.is(rig.clock.now(), 0);
  assert.equal(names(rig.states), ['connecting 1', 'open 1']);
  await rig.session.close();
  const end = await rig.ended();
  assert.equal([end.reason, end.error, end.attempts, end.closeInfo?.closeCode], ['closed', undefined, 1, 1000]);
  assert.equal(names(rig.states), ['connecting 1', 'open 1', 'ended']);
});

test('a connection that is lost is followed by another, after a delay', async () => {
  const rig = createRig();
  await rig.untilOpen();
  rig.pairs[0]?.line.reset();
  await rig.clock.settled();
  const { state } = rig.session;
  assert.is(state.name, 'waiting');
  if (state.name !== 'waiting') return;
  assert.is(state.attempt, 2);
  assert.ok(state.delay > 4_999 && state.delay < 5_000);
  assert.is(state.until, rig.clock.now() + state.delay);
  assert.is(state.loss.phase, 'open');
  assert.is(state.loss.closeInfo?.closeCode, 1006);
  assert.is(rig.session.session, undefined);
  await rig.clock.turn(state.delay - 1);
  assert.is(rig.tries.length, 1);
  await rig.clock.turn(1);
  assert.is(rig.tries.length, 2);
  assert.is(rig.session.session, rig.pairs[1]?.client.session);
  assert.equal(names(rig.states), ['connecting 1', 'open 1', 'waiting 2', 'connecting 2', 'open 2']);
  void rig.session.close();
  await rig.ended();
});

test('delays double up to the longest, and start anew behind a connection that has lasted (RFC 6455 §7.2.3)', async () => {
  const rig = createRig({}, Array.from({ length: 6 }, unreachable));
  await rig.untilOpen();
  assert.equal(delays(rig.states), [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  await rig.clock.turn(9_999);
  rig.pairs[0]?.line.reset();
  await rig.clock.settled();
  assert.is(delays(rig.states).at(-1), 60_000, 'it has not lasted');
  await rig.untilOpen();
  await rig.clock.turn(10_000);
  rig.pairs[1]?.line.reset();
  await rig.clock.settled();
  assert.is(delays(rig.states).at(-1), 5_000);
  void rig.session.close();
  await rig.ended();
});

test('delays are at random: hundreds of clients that lost one server come back all over the time', async () => {
  const random = new Random();
  const found: number[] = [];
  for (let index = 0; index < 200; index++) {
    const rig = createRig({ random }, [unreachable(), unreachable()]);
    await turns(6);
    await rig.clock.turn(5_000);
    found.push(...rig.states.flatMap((state) => (state.name === 'waiting' ? [state.delay] : [])));
    void rig.session.close();
    await rig.ended();
  }
  const [first, second] = [0, 1].map((rest) => found.filter((_, index) => index % 2 === rest));
  assert.ok(Math.max(...(first ?? [])) < 5_000 && Math.max(...(second ?? [])) > 7_000);
});

test('an own delay is asked for, and may be refused', async () => {
  const asked: number[] = [];
  const rig = createRig(
    {
      delay: (_, delay) => {
        asked.push(Math.round(delay));
        return [3, undefined, Number.NaN, -1][asked.length - 1];
      },
    },
    Array.from({ length: 4 }, unreachable),
  );
  await rig.untilOpen();
  assert.equal(asked, [5_000, 10_000, 20_000, 40_000]);
  assert.equal(delays(rig.states), [3, 10_000, 20_000, 40_000]);
  void rig.session.close();
  await rig.ended();
});

test('Retry-After holds the next try back, with a delay at random on top', async () => {
  const rig = createRig({}, [refusal(503, [['Retry-After', '120']])]);
  await rig.untilOpen();
  assert.equal(delays(rig.states), [125_000]);
  void rig.session.close();
  await rig.ended();
});

// --- What is asked for each try --------------------------------------------------------------------------------------

test('URL and options are asked anew for each try, by functions that may take their time', async () => {
  const told: Attempt[] = [];
  const rig = createRig(
    {
      url: (attempt) => `ws://example.com/${attempt.attempt}`,
      connect: async (attempt) => {
        told.push(attempt);
        await turns(2);
        return { fragmentSize: attempt.attempt * 100 };
      },
    },
    [refusal(503)],
  );
  await rig.untilOpen();
  assert.equal(
    rig.tries.map(({ url, options }) => [url, options['fragmentSize']]),
    [
      ['ws://example.com/1', 100],
      ['ws://example.com/2', 200],
    ],
  );
  const [first, second] = told;
  assert.equal([first?.failures, first?.previous], [0, undefined]);
  assert.is(second?.failures, 1);
  assert.is((second?.previous?.error as HandshakeError | undefined)?.status, 503);
  assert.is(second?.previous?.phase, 'connecting');
  void rig.session.close();
  await rig.ended();
});

test('one that fails counts as a failed try, a TypeError of fetch too', async () => {
  let count = 0;
  const rig = createRig({
    connect: () => {
      if (count++ === 0) throw new TypeError('fetch failed');
      return {};
    },
  });
  await rig.untilOpen();
  const [, waiting] = rig.states;
  assert.is(waiting?.name === 'waiting' && waiting.loss.phase, 'asking');
  assert.is(rig.tries.length, 1);
  void rig.session.close();
  await rig.ended();
});

test('a connection of frames is refused: it cannot be followed by another', async () => {
  const rig = createRig({ connect: { raw: true } });
  const { reason, error } = await rig.ended();
  assert.is(reason, 'final');
  assert.instance(error, TypeError);
});

// --- What is final ---------------------------------------------------------------------------------------------------

test('a refusal that will be the same again is final; the reader and `closed` are told', async () => {
  const rig = createRig({}, [refusal(401)]);
  const received = rig.session.receive().catch((error: unknown) => error);
  const { reason, error, attempts } = await rig.ended();
  assert.equal([reason, attempts], ['final', 1]);
  assert.instance(error, HandshakeError);
  assert.is((error as HandshakeError).status, 401);
  assert.is(await received, error);
  assert.is(rig.session.signal.reason, error);
});

test('the peer’s 1000 ends all well; its 4000 ends all with an error', async () => {
  for (const code of [1000, 4000]) {
    const rig = createRig();
    await rig.untilOpen();
    void rig.pairs[0]?.server.session.close(code, 'bye');
    const { reason, error, closeInfo } = await rig.ended();
    assert.is(reason, 'final');
    assert.is((error as { code?: string } | undefined)?.code, code === 1000 ? undefined : 'ERR_WS_FINAL_CLOSE');
    assert.is(closeInfo?.closeCode, code);
    const received = await rig.session.receive().catch((reason: unknown) => reason);
    assert.is(received, error);
  }
});

test('the user may say what is final and what is not', async () => {
  const judged: [string, boolean][] = [];
  const isFinal = (loss: Loss, byRule: boolean): boolean | undefined => {
    judged.push([String((loss.error as HandshakeError).status), byRule]);
    if (judged.length === 1) return false;
    return judged.length === 3 ? true : undefined;
  };
  const rig = createRig({ isFinal }, [refusal(401), refusal(500), refusal(500)]);
  const { reason, attempts } = await rig.ended();
  assert.equal([reason, attempts], ['final', 3]);
  assert.equal(judged, [
    ['401', true],
    ['500', false],
    ['500', false],
  ]);
});

test('closing the session of the moment with 1001 makes another connection, with 1000 none', async () => {
  const rig = createRig();
  await rig.untilOpen();
  void rig.session.session?.close(1001);
  await rig.clock.settled();
  assert.is(rig.session.state.name, 'waiting');
  await rig.untilOpen();
  void rig.session.session?.close(1000);
  const { reason, error, attempts } = await rig.ended();
  assert.equal([reason, error, attempts], ['final', undefined, 2]);
});

// --- Bounds ----------------------------------------------------------------------------------------------------------

test('so many tries in a row, and no more: a connection that does not last is one of them', async () => {
  const rig = createRig({ maxTries: 3 }, [unreachable(), 'open', unreachable()]);
  await rig.untilOpen();
  rig.pairs[0]?.line.reset();
  const { reason, error, attempts } = await rig.ended();
  assert.equal([reason, attempts], ['tries', 3]);
  assert.is((error as { code?: string }).code, 'ERR_WS_GAVE_UP');
  assert.instance(error?.cause, HandshakeError);
});

test('a connection that has lasted takes the tries back', async () => {
  const rig = createRig({ maxTries: 2, resetAfter: 1_000 }, [unreachable()]);
  await rig.untilOpen();
  await rig.clock.turn(1_000);
  rig.pairs[0]?.line.reset();
  await rig.clock.settled();
  rig.findings.push(unreachable());
  await rig.untilOpen();
  assert.is(rig.tries.length, 4);
  void rig.session.close();
  await rig.ended();
});

test('no try is waited for that would come too late', async () => {
  const rig = createRig({ maxTime: 12_000 }, Array.from({ length: 9 }, unreachable));
  const { reason, attempts, error } = await rig.ended();
  assert.equal([reason, attempts], ['time', 2]);
  assert.is((error as { code?: string }).code, 'ERR_WS_GAVE_UP');
  assert.ok(rig.clock.now() <= 5_000);
});

test('a try that hangs, and a hook that does, are given up when the time is over', async () => {
  const hanging = createRig({ maxTime: 3_000 }, ['hang']);
  assert.is((await hanging.ended()).reason, 'time');
  assert.is(hanging.clock.now(), 3_000);
  const asking = createRig({ maxTime: 3_000, url: () => new Promise<never>(() => {}) });
  assert.is((await asking.ended()).reason, 'time');
  const opening = createRig({ maxTime: 3_000, onOpen: () => new Promise<never>(() => {}) });
  assert.is((await opening.ended()).reason, 'time');
  assert.is(opening.pairs[0]?.client.state, 'cancelled');
});

// --- The hook of a session -------------------------------------------------------------------------------------------

test('onOpen runs before anything that waits is sent, and before the reader is given anything', async () => {
  const order: string[] = [];
  const rig = createRig({
    onOpen: async (session, { attempt }) => {
      order.push(`open ${attempt}: ${await session.receive()}`);
      await session.send('hello');
    },
  });
  await rig.session.send('waits');
  const received = rig.session.receive();
  await rig.clock.settled();
  assert.is(rig.session.state.name, 'connecting');
  await rig.pairs[0]?.server.session.send('welcome');
  await rig.pairs[0]?.server.session.send('first');
  await rig.clock.settled();
  assert.equal(order, ['open 1: welcome']);
  assert.is(await received, 'first');
  assert.equal(rig.received(), ['hello', 'waits']);
  void rig.session.close();
  await rig.ended();
});

test('one that throws closes with 1011, is reported, and counts as a failed try', async () => {
  const failure = new Error('no');
  let count = 0;
  const rig = createRig({
    onOpen: () => {
      if (count++ === 0) throw failure;
    },
  });
  await rig.session.send('waits');
  await rig.untilOpen();
  assert.equal(rig.reported, [failure]);
  const [, waiting] = rig.states;
  if (waiting?.name !== 'waiting') return assert.unreachable();
  assert.equal(
    [waiting.loss.phase, waiting.loss.error, waiting.loss.closeInfo?.sent?.closeCode],
    ['opening', failure, 1011],
  );
  await rig.clock.settled();
  assert.equal(rig.received(0), []);
  assert.equal(rig.received(1), ['waits']);
  void rig.session.close();
  await rig.ended();
});

test('a connection that is lost while onOpen is at work is a failed try; what the hook then throws is not reported', async () => {
  const rig = createRig({
    onOpen: async (session, { attempt }) => {
      while (attempt === 1) if ((await session.receive()) === undefined) throw new Error('gone');
    },
  });
  await rig.clock.settled();
  rig.pairs[0]?.line.reset();
  await rig.clock.settled();
  assert.is(rig.session.state.name, 'waiting');
  await rig.untilOpen();
  assert.is(rig.session.counters.connections, 1);
  assert.equal(rig.reported, []);
  void rig.session.close();
  await rig.ended();
});

test('what has come while onOpen was at work, and it failed, is thrown away and counted', async () => {
  let fail = (): void => {};
  const rig = createRig({
    onOpen: (_, { attempt }) =>
      attempt > 1 ? undefined : new Promise((_resolve, reject) => (fail = () => reject(new Error('no')))),
  });
  await rig.clock.settled();
  for (const text of ['a', 'b']) await rig.pairs[0]?.server.session.send(text);
  await rig.clock.settled();
  fail();
  await rig.untilOpen();
  const waiting = rig.states.find((state) => state.name === 'waiting');
  assert.is(waiting?.name === 'waiting' && waiting.loss.discarded, 2);
  await rig.pairs[1]?.server.session.send('c');
  assert.is(await rig.session.receive(), 'c');
  void rig.session.close();
  await rig.ended();
});

test('hooks that throw disturb nothing and are reported; all run where the user context says', async () => {
  let runs = 0;
  const thrower = (): never => {
    throw new Error('hook');
  };
  const rig = createRig(
    {
      onState: thrower,
      onLost: thrower,
      isFinal: thrower,
      delay: thrower,
      userContext: {
        run: (callback) => {
          runs++;
          return callback();
        },
      },
    },
    [unreachable()],
  );
  await rig.untilOpen();
  rig.pairs[0]?.line.reset();
  await rig.clock.settled();
  await rig.untilOpen();
  void rig.session.close();
  await rig.ended();
  assert.ok(rig.reported.length >= 8 && runs >= rig.reported.length);
});

// --- The end, at every moment ----------------------------------------------------------------------------------------

const moments: readonly [string, Parameters<typeof createRig>[0], Parameters<typeof createRig>[1], number][] = [
  ['before the first try', {}, [], -1],
  ['while it asks', { connect: () => new Promise<never>(() => {}) }, [], 0],
  ['while it connects', {}, ['hang'], 0],
  ['in onOpen', { onOpen: () => new Promise<never>(() => {}) }, [], 0],
  ['when it is open', {}, [], 0],
  ['while it waits', {}, [unreachable()], 0],
  ['in the second try', {}, [unreachable(), 'hang'], 5_000],
];

for (const [moment, options, findings, time] of moments) {
  test(`close ends it ${moment}: everything settles, and nothing is left on the clock`, async () => {
    const rig = createRig(options, findings?.slice());
    if (time >= 0) await rig.clock.settled();
    if (time > 0) await rig.clock.turn(time);
    const isOpen = rig.session.session !== undefined;
    void rig.session.send('late');
    const received = rig.session.receive();
    const closed = rig.session.close(3001, 'enough');
    const end = await rig.ended();
    assert.is(await closed, end);
    assert.equal([end.reason, end.error], ['closed', undefined]);
    assert.is(await received, undefined);
    assert.is(end.unsent.count, isOpen ? 0 : 1);
    assert.is(rig.session.state.name, 'ended');
    assert.ok(rig.session.signal.aborted);
    for (const pair of rig.pairs) assert.is((await pair.server.closed).received?.closeCode, 3001);
    await rig.clock.settled();
    assert.is(rig.clock.pending, 0);
  });

  test(`a signal ends it ${moment}: everything settles, and nothing is left on the clock`, async () => {
    const abort = new AbortController();
    const rig = createRig({ ...options, signal: abort.signal }, findings?.slice());
    if (time >= 0) await rig.clock.settled();
    if (time > 0) await rig.clock.turn(time);
    const received = rig.session.receive().catch((error: unknown) => error);
    const reason = new Error('enough');
    abort.abort(reason);
    const end = await rig.ended();
    assert.is(end.reason, 'aborted');
    assert.equal([(end.error as { code?: string }).code, end.error?.cause], ['ERR_WS_CANCELLED', reason]);
    assert.is(await received, end.error);
    for (const pair of rig.pairs) assert.is((await pair.server.closed).received?.closeCode, 1001);
    await rig.clock.settled();
    assert.is(rig.clock.pending, 0);
  });
}

test('a signal of either context ends it too, and one that was aborted before lets nothing begin', async () => {
  const abort = new AbortController();
  abort.abort();
  const rigs = [
    createRig({ signal: abort.signal }),
    createRig({ userContext: { signal: abort.signal } }),
    createRig({ engineContext: { signal: abort.signal } }),
  ];
  for (const rig of rigs) {
    assert.equal([(await rig.ended()).reason, rig.tries.length], ['aborted', 0]);
  }
});

test('a signal cuts short what close has begun', async () => {
  const abort = new AbortController();
  const rig = createRig({ signal: abort.signal });
  await rig.untilOpen();
  rig.pairs[0]?.line.silence();
  void rig.session.close();
  await rig.clock.settled();
  assert.is(rig.session.state.name, 'open');
  abort.abort();
  assert.is((await rig.ended()).reason, 'aborted');
});

test('a connection that comes when nobody wants it any more is cancelled, and no hook sees it', async () => {
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    const abort = new AbortController();
    let isOpened = false;
    const rig = createRig({
      signal: abort.signal,
      onOpen: () => {
        isOpened = true;
      },
    });
    for (let index = 0; index < microtasks; index++) await Promise.resolve();
    const isLate = !isOpened;
    abort.abort();
    assert.is((await rig.ended()).reason, 'aborted');
    assert.is(isOpened, !isLate);
    for (const pair of rig.pairs) assert.is((await rig.clock.turnUntil(pair.client.closed)).sent?.closeCode, 1001);
  }
});

test('hooks may close it', async () => {
  for (const name of ['onState', 'onOpen', 'onLost', 'isFinal', 'delay', 'url'] as const) {
    const rig: ReturnType<typeof createRig> = createRig({
      url: 'ws://a/',
      [name]: () => {
        void rig.session.close();
        return name === 'url' ? 'ws://b/' : undefined;
      },
    });
    await rig.clock.settled();
    rig.pairs[0]?.line.reset();
    assert.is((await rig.ended()).reason, 'closed', name);
    assert.ok(rig.tries.length <= 1);
    assert.equal(rig.reported, []);
  }
});

test('a wrong bound is a RangeError, and nothing begins', () => {
  for (const options of [
    { maxTries: 0 },
    { firstDelay: -1 },
    { maxTime: Number.NaN },
    { maxDelay: Number.POSITIVE_INFINITY },
  ]) {
    throws(() => createRig(options), RangeError);
  }
  throws(() => createRig({ queue: 'close' }), TypeError);
  throws(() => createRig({ queue: 'hope' as 'wait' }), TypeError);
});

test('nothing has escaped', async () => {
  await turns(5);
  assert.equal(seen, []);
});

test.run();
