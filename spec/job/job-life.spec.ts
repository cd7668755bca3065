// Nothing is left behind, over streams: when `job.closed` has settled, a job holds no timer, no listener and no lock any more, and is collected with its session,
// however it ended and whatever its user still holds.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Role } from '../../lib/frame/frame.ts';
import type { Job } from '../../lib/job/job.ts';
import type { Session } from '../../lib/job/session.ts';
import { type UpgradeOptions, upgrade } from '../../lib/job/upgrade.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { streams } from '../../lib/stream/streams.ts';
import { TestClock, turns } from '../support/clock.ts';
import { listenersOn } from '../support/left-behind.ts';
import { retainedMemory } from '../support/memory.ts';
import { closePayload, masked, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('job · life');

const { closeTimeout, handlerTimeout } = defaultLimits;
const STEP = 500;
const ignore = (): void => {};
const never = (): Promise<never> => new Promise(ignore);

/** What the streams of a connection do, beside the usual. */
interface Faults {
  readonly write?: () => Promise<void>;
  readonly abort?: () => Promise<void>;
  readonly cancel?: () => Promise<void>;
}

/** A connection over streams: its peer is the test. */
class Wire {
  readonly clock: TestClock = new TestClock();
  readonly engine: AbortController = new AbortController();
  readonly user: AbortController = new AbortController();
  readonly input: ReadableStream<Uint8Array>;
  readonly output: WritableStream<Uint8Array>;
  readonly job: Job;
  readonly #role: Role;
  #in!: ReadableStreamDefaultController<Uint8Array>;
  #out!: WritableStreamDefaultController;
  #hasEnded = false;

  constructor(role: Role, faults: Faults, handler: ((session: Session) => unknown) | undefined) {
    this.#role = role;
    const { ReadableStream, WritableStream } = streams();
    this.input = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#in = controller;
      },
      cancel: faults.cancel ?? ignore,
    });
    this.output = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#out = controller;
      },
      write: faults.write ?? ignore,
      abort: faults.abort ?? ignore,
    });
    const engine = { clock: this.clock, signal: this.engine.signal };
    const user = { signal: this.user.signal, onError: ignore };
    const options: UpgradeOptions = handler === undefined ? { role } : { role, handler };
    this.job = upgrade(this.input, this.output, engine, user, options);
  }

  /** The peer sends a frame. */
  frame(firstByte: number, payload: Uint8Array | string = ''): void {
    this.#in.enqueue(this.#role === 'server' ? masked(firstByte, payload) : unmasked(firstByte, payload));
  }

  close(code = 1000): void {
    this.frame(0x88, closePayload(code));
  }

  /** The peer ends its half. */
  end(): void {
    if (!this.#hasEnded) this.#in.close();
    this.#hasEnded = true;
  }

  /** The bytes stop with an error: those that come, or those that go. */
  break(half: 'input' | 'output'): void {
    if (half === 'input') this.#in.error(new Error('The input broke'));
    else this.#out.error(new Error('The output broke'));
    this.#hasEnded = true;
  }
}

// --- How connections end ---------------------------------------------------------------------------------------------

interface Way {
  readonly act: (wire: Wire) => unknown;
  readonly faults?: Faults;
  readonly handler?: (session: Session) => unknown;
}

const ways: Readonly<Record<string, Way>> = {
  'the peer closes': {
    act: async (wire) => {
      wire.close();
      await turns();
      wire.end();
    },
  },
  'the peer closes and ends at once': {
    act: (wire) => {
      wire.close();
      wire.end();
    },
  },
  'we close': {
    act: async (wire) => {
      void wire.job.session.close(4000);
      await turns();
      wire.close(4000);
      wire.end();
    },
  },
  'both close at once': {
    act: async (wire) => {
      void wire.job.session.close();
      wire.close();
      await turns();
      wire.end();
    },
  },
  'the peer ends without a close frame': { act: (wire) => wire.end() },
  'the input breaks': { act: (wire) => wire.break('input') },
  'the output breaks': { act: (wire) => wire.break('output') },
  'the peer breaks the protocol': {
    act: async (wire) => {
      wire.frame(0x83);
      await turns();
      wire.end();
    },
  },
  'the peer goes over a limit and says no more': { act: (wire) => wire.frame(0x82, new Uint8Array(2 ** 20 + 1)) },
  'nobody answers our close frame': { act: (wire) => void wire.job.session.close() },
  'the peer does not end its half': { act: (wire) => wire.close() },
  'it is cancelled': { act: (wire) => wire.job.cancel() },
  'it is disposed of': { act: (wire) => void wire.job[Symbol.asyncDispose]() },
  'the engine signal is aborted': { act: (wire) => wire.engine.abort() },
  'the user signal is aborted': { act: (wire) => wire.user.abort(new Error('enough')) },
  'no write ever settles': { act: (wire) => wire.job.cancel(), faults: { write: never, abort: never } },
  'writes fail': {
    act: (wire) => void wire.job.session.send('x'),
    faults: { write: () => Promise.reject(new Error('Full')) },
  },
  'cancelling the input never settles': { act: (wire) => wire.job.cancel(), faults: { cancel: never } },
  'the handler returns': { act: ignore, handler: ignore },
  'the handler throws': {
    act: ignore,
    handler: () => {
      throw new Error('The handler fails');
    },
  },
  'the handler never ends': { act: (wire) => wire.end(), handler: never },
  'the handler waits for what never comes': {
    act: (wire) => wire.job.cancel(),
    handler: async (session) => {
      for await (const _ of session);
      await never();
    },
  },
};

// --- What is held meanwhile ------------------------------------------------------------------------------------------

const uses: Readonly<Record<string, (session: Session) => unknown>> = {
  'nothing was used': ignore,
  'the streams were made': (session) => [session.readable, session.writable],
  'a reader is held, its read pending': (session) => {
    const reader = session.readable.getReader();
    reader.closed.catch(ignore);
    void reader.read().catch(ignore);
  },
  'a writer is held, its writes pending': (session) => {
    const writer = session.writable.getWriter();
    for (const promise of [writer.closed, writer.write(new Uint8Array(100_000)), writer.write('x')]) {
      promise.catch(ignore);
    }
  },
  'a pipe runs': (session) => void session.readable.pipeTo(session.writable).catch(ignore),
  'receives, sends, pings and flushes are pending': (session) => {
    void session.receive();
    void session.send(new Uint8Array(100_000));
    void session.ping();
    void session.flush();
  },
  'the signal has a listener': (session) => session.signal.addEventListener('abort', ignore),
  'messages wait unread': (session) => session,
};

/** Lives one life; gives what must be gone behind it. */
async function live(way: Way, role: Role, use: string): Promise<WeakRef<Session>> {
  const wire = new Wire(role, way.faults ?? {}, way.handler);
  const { job, clock, engine, user, input, output } = wire;
  (uses[use] as (session: Session) => unknown)(job.session);
  if (use === 'messages wait unread') for (let count = 0; count < 3; count++) wire.frame(0x82, 'unread');
  await way.act(wire);
  await turns();
  // What has not ended by now waits for its time: the answer to a close frame, the end of the transport, the handler. No more is let pass than is needed, so that
  // a timer that is left is seen.
  let hasEnded = false;
  void job.closed.then(() => {
    hasEnded = true;
  });
  await turns();
  for (let time = 0; time < 2 * closeTimeout + handlerTimeout && !hasEnded; time += STEP) await clock.turn(STEP);
  assert.ok(hasEnded, 'the job has ended');
  assert.is(clock.pending, 0, 'timers are left');
  assert.equal([listenersOn(engine.signal), listenersOn(user.signal)], [0, 0], 'listeners are left');
  assert.equal([input.locked, output.locked], [false, false], 'locks are left');
  assert.is.not(job.state, 'running');
  assert.is.not(job.state, 'closing');
  return new WeakRef(job.session);
}

/** The sessions of all lives, each by how it was. They are collected once, behind all of them: a collection is dear. */
const lived = new Map<string, WeakRef<Session>>();

for (const role of ['server', 'client'] as const) {
  for (const [name, way] of Object.entries(ways)) {
    test(`${role} holds nothing any more when ${name}`, async () => {
      for (const use of Object.keys(uses)) lived.set(`${role}: ${name}; ${use}`, await live(way, role, use));
    });
  }
}

test('every session of them is collected', async () => {
  await retainedMemory();
  assert.is(lived.size, 2 * Object.keys(ways).length * Object.keys(uses).length);
  const held = [...lived.keys()].filter((life) => lived.get(life)?.deref() !== undefined);
  assert.equal(held, [], 'sessions are not collected');
});

test('nothing has escaped in all of this', () => {
  assert.equal(seen, []);
});

test.run();
