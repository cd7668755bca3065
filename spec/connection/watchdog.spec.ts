// The times of an open connection, and the one timer for all of them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Watchdog, type WatchdogOwner } from '../../lib/connection/watchdog.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { JumpingClock } from '../support/jumping-clock.ts';

const test = suite('watchdog');

const NEVER = Number.POSITIVE_INFINITY;
const off = { pingInterval: NEVER, pingTimeout: NEVER, stallTimeout: NEVER, idleTimeout: NEVER, restAfter: NEVER };

/** Counts the timers that are armed. */
class CountingClock extends JumpingClock {
  armed = 0;

  override setTimeout(callback: () => void, milliseconds: number): unknown {
    this.armed++;
    return super.setTimeout(callback, milliseconds);
  }
}

/** What is watched, as the test sets it, and what the watchdog did about it. */
class Owner implements WatchdogOwner {
  isReadingHeldUp = false;
  isBusy = false;
  writingSince: number | undefined;
  tooOldAt = NEVER;
  readonly calls: string[] = [];
  readonly #clock: JumpingClock;

  constructor(clock: JumpingClock) {
    this.#clock = clock;
  }

  readonly sendPing = (): void => this.#note('ping');
  readonly sendProbe = (): void => this.#note('probe');
  readonly pingTimedOut = (): void => this.#note('dead');
  readonly writeStalled = (): void => this.#note('stalled');
  readonly queueTooOld = (): void => this.#note('too old');
  readonly sessionIdle = (): void => this.#note('idle');
  readonly rest = (): void => this.#note('rest');

  #note(call: string): void {
    this.calls.push(`${call} ${this.#clock.now()}`);
  }
}

function createWatchdog(limits: Partial<typeof off>): {
  clock: CountingClock;
  owner: Owner;
  watchdog: Watchdog;
  calls: string[];
} {
  const clock = new CountingClock();
  const owner = new Owner(clock);
  const scheduler = { schedule: (task: () => void) => void setImmediate(task) };
  const all = { ...off, ...limits };
  const watchdog = new Watchdog(owner, { clock, scheduler }, all, all.restAfter);
  // What a watchdog that has acted is told by the connection.
  for (const name of ['pingTimedOut', 'writeStalled', 'queueTooOld', 'sessionIdle'] as const) {
    const act = owner[name];
    Object.defineProperty(owner, name, {
      value: () => {
        act();
        watchdog.stop();
      },
    });
  }
  return { clock, owner, watchdog, calls: owner.calls };
}

// --- The peer's silence ----------------------------------------------------------------------------------------------

test('a silent peer is pinged after the interval, and dead when the time-out has passed behind the ping', async () => {
  const { clock, watchdog, calls } = createWatchdog({ pingInterval: 100, pingTimeout: 30 });
  await clock.turn(99);
  assert.equal(calls, []);
  await clock.turn(1);
  assert.equal(calls, ['ping 100']);
  watchdog.writeTaken(100, true);
  await clock.turn(29);
  assert.equal(calls, ['ping 100']);
  await clock.turn(1000);
  assert.equal(calls, ['ping 100', 'dead 130']);
  assert.is(clock.pending, 0);
});

test('no ping while bytes come, and no timer is armed for them', async () => {
  const { clock, watchdog, calls } = createWatchdog({ pingInterval: 100, pingTimeout: 30 });
  for (let count = 0; count < 1000; count++) {
    await clock.turn(1);
    watchdog.heard();
  }
  assert.equal(calls, []);
  assert.ok(clock.armed <= 11, `${clock.armed} timers for 1000 chunks`);
  await clock.turn(100);
  assert.equal(calls, ['ping 1100']);
});

test('while the ping is not taken nothing is judged, and bytes that come then begin the next interval', async () => {
  const { clock, watchdog, calls } = createWatchdog({ pingInterval: 100, pingTimeout: 30 });
  await clock.turn(500);
  assert.equal([calls, clock.pending], [['ping 100'], 0]);
  watchdog.heard();
  await clock.turn(50);
  // A write that began 10 ms ago takes the ping.
  watchdog.writeTaken(540, true);
  await clock.turn(49);
  assert.equal(calls, ['ping 100']);
  await clock.turn(1);
  assert.equal(calls, ['ping 100', 'ping 600']);
});

test('where the time-out is long, or never ends, the next ping comes an interval behind the answer all the same', async () => {
  for (const pingTimeout of [5000, NEVER]) {
    const { clock, watchdog, calls } = createWatchdog({ pingInterval: 100, pingTimeout });
    for (let count = 1; count <= 3; count++) {
      await clock.turn(100);
      watchdog.writeTaken(clock.now(), true);
      watchdog.heard();
      watchdog.heard();
      assert.is(clock.pending, 1);
    }
    assert.equal(calls, ['ping 100', 'ping 200', 'ping 300']);
    assert.ok(clock.armed <= 9, `${clock.armed} timers`);
  }
});

test('a write that was taken without the ping does not start the time of the answer', async () => {
  const { clock, watchdog, calls } = createWatchdog({ pingInterval: 100, pingTimeout: 30 });
  await clock.turn(100);
  watchdog.writeTaken(90, false);
  await clock.turn(1000);
  assert.equal(calls, ['ping 100']);
});

test('a write that had to wait for a second and was taken shows that the peer reads: it lives', async () => {
  const { clock, watchdog, calls } = createWatchdog({ pingInterval: 2000, pingTimeout: 300 });
  await clock.turn(2000);
  watchdog.writeTaken(1000, true);
  await clock.turn(1999);
  assert.equal(calls, ['ping 2000']);
  await clock.turn(1);
  assert.equal(calls, ['ping 2000', 'ping 4000']);
  watchdog.writeTaken(3001, true);
  await clock.turn(300);
  assert.equal(calls, ['ping 2000', 'ping 4000', 'dead 4300']);
});

test('while reading is held up nothing is judged; a probe goes out each interval instead', async () => {
  const { clock, owner, watchdog, calls } = createWatchdog({ pingInterval: 100, pingTimeout: 30 });
  owner.isReadingHeldUp = true;
  await clock.turn(350);
  assert.equal(calls, ['probe 100', 'probe 200', 'probe 300']);
  owner.isReadingHeldUp = false;
  watchdog.heard();
  await clock.turn(99);
  assert.is(calls.length, 3);
  await clock.turn(1);
  assert.is(calls[3], 'ping 450');
});

test('a ping that was out when reading came to be held up kills nobody', async () => {
  const { clock, owner, watchdog, calls } = createWatchdog({ pingInterval: 100, pingTimeout: 30 });
  await clock.turn(100);
  watchdog.writeTaken(100, true);
  owner.isReadingHeldUp = true;
  await clock.turn(60);
  assert.equal(calls, ['ping 100', 'probe 130']);
});

// --- Timers that fire late -------------------------------------------------------------------------------------------

test('a timer that fires late judges nothing before what has come meanwhile is read', async () => {
  const { clock, watchdog, calls } = createWatchdog({ pingInterval: 1000, pingTimeout: 1000 });
  await clock.turn(1000);
  watchdog.writeTaken(1000, true);
  await clock.jump(3_600_000);
  assert.equal(calls, ['ping 1000']);
  // The pong, which has lain in the socket for an hour.
  await clock.turn(10);
  watchdog.heard();
  await clock.turn(989);
  assert.equal(calls, ['ping 1000']);
  await clock.turn(1001);
  assert.equal(calls, ['ping 1000', `ping ${3_600_000 + 1000 + 10 + 1000}`]);
});

test('a timer that fires late judges all the same when nothing has come, a second later', async () => {
  const { clock, watchdog, calls } = createWatchdog({ pingInterval: 1000, pingTimeout: 1000 });
  await clock.turn(1000);
  watchdog.writeTaken(1000, true);
  await clock.jump(60_000);
  await clock.turn(999);
  assert.equal(calls, ['ping 1000']);
  await clock.turn(1);
  assert.equal(calls, ['ping 1000', 'dead 62000']);
});

test('a write that was taken after a jump of the clock has not stalled', async () => {
  const { clock, owner, watchdog, calls } = createWatchdog({ stallTimeout: 1000 });
  owner.writingSince = 0;
  watchdog.outputMoved();
  await clock.jump(60_000);
  owner.writingSince = undefined;
  watchdog.writeTaken(0, true);
  await clock.turn(5000);
  assert.equal(calls, []);
});

// --- A write that makes no progress ----------------------------------------------------------------------------------

test('a write that is not taken for the stall time-out has stalled; each write has its own time', async () => {
  const { clock, owner, watchdog, calls } = createWatchdog({ stallTimeout: 100 });
  assert.is(clock.pending, 0);
  for (let count = 0; count < 50; count++) {
    owner.writingSince = clock.now();
    watchdog.outputMoved();
    await clock.turn(60);
    watchdog.writeTaken(owner.writingSince, true);
    owner.writingSince = undefined;
  }
  assert.equal(calls, []);
  owner.writingSince = 3000;
  watchdog.outputMoved();
  await clock.turn(1000);
  assert.equal(calls, ['stalled 3100']);
  assert.is(clock.pending, 0);
});

test('thousands of writes that are taken at once arm one timer each time-out', async () => {
  const { clock, owner, watchdog } = createWatchdog({ stallTimeout: 1000, pingInterval: 700 });
  for (let count = 0; count < 5000; count++) {
    owner.writingSince = clock.now();
    watchdog.outputMoved();
    watchdog.heard();
    watchdog.writeTaken(owner.writingSince, true);
    owner.writingSince = undefined;
    if (count % 5 === 0) await clock.turn(1);
  }
  assert.ok(clock.armed < 8, `${clock.armed} timers in a second`);
  assert.is(clock.pending, 1);
});

test('messages that are too old are told when their time has come', async () => {
  const { clock, owner, watchdog, calls } = createWatchdog({ stallTimeout: 1000 });
  owner.tooOldAt = 200;
  watchdog.outputMoved();
  await clock.turn(199);
  assert.equal(calls, []);
  await clock.turn(1);
  assert.equal(calls, ['too old 200']);
});

// --- No messages -----------------------------------------------------------------------------------------------------

test('a session without a message for the idle time-out is idle; pings and bytes are no messages', async () => {
  const { clock, watchdog, calls } = createWatchdog({ idleTimeout: 100 });
  await clock.turn(60);
  watchdog.heard();
  watchdog.dataMoved();
  await clock.turn(99);
  watchdog.heard();
  assert.equal(calls, []);
  await clock.turn(1);
  assert.equal(calls, ['idle 160']);
});

test('a session with messages that wait is not idle; its time starts anew', async () => {
  const { clock, owner, calls } = createWatchdog({ idleTimeout: 100 });
  owner.isBusy = true;
  await clock.turn(350);
  assert.equal(calls, []);
  owner.isBusy = false;
  await clock.turn(100);
  assert.equal(calls, ['idle 400']);
});

// --- The timer -------------------------------------------------------------------------------------------------------

test('by default one timer is armed; with all times off there is none, whatever happens', async () => {
  const usual = createWatchdog(defaultLimits);
  assert.is(usual.clock.pending, 1);
  const { clock, owner, watchdog, calls } = createWatchdog({});
  owner.writingSince = 0;
  watchdog.outputMoved();
  watchdog.heard();
  watchdog.dataMoved();
  watchdog.writeTaken(0, true);
  await clock.turn(1e9);
  assert.equal([calls, clock.pending, clock.armed], [[], 0, 0]);
});

test('nothing is done and no timer is left once it is stopped, also between a timer and its judgement', async () => {
  const { clock, watchdog, owner, calls } = createWatchdog({ pingInterval: 100, stallTimeout: 100, idleTimeout: 100 });
  watchdog.stop();
  owner.writingSince = 0;
  watchdog.outputMoved();
  watchdog.writeTaken(0, true);
  await clock.turn(10_000);
  assert.equal([calls, clock.pending], [[], 0]);

  const late = createWatchdog({ pingInterval: 100 });
  await late.clock.jump(60_000);
  assert.is(late.clock.pending, 1);
  late.watchdog.stop();
  await late.clock.turn(10_000);
  assert.equal([late.calls, late.clock.pending], [[], 0]);
});

test.run();
