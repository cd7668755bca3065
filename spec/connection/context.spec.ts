import { AsyncLocalStorage } from 'node:async_hooks';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type EngineContext, reportError, resolveEngine } from '../../lib/connection/context.ts';
import { upgrade } from '../../lib/job/upgrade.ts';
import { TestClock, turns } from '../support/clock.ts';
import { ByHand, closePayload, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

const user = suite('user context');

user('the handler sees the AsyncLocalStorage of its upgrade, before and after it waits', async () => {
  const storage = new AsyncLocalStorage<string>();
  const found: (string | undefined)[] = [];
  const peers = ['first', 'second'].map((name) =>
    storage.run(
      name,
      () =>
        new ByHand({
          handler: async (session) => {
            found.push(storage.getStore());
            await session.receive();
            found.push(storage.getStore());
            await session.send('x');
            found.push(storage.getStore());
          },
        }),
    ),
  );
  await turns();
  for (const peer of peers) await peer.send(masked(0x81, 'go'));
  assert.equal(found, ['first', 'second', 'first', 'first', 'second', 'second']);
});

user('run calls the handler: whatever it enters, the handler is in', async () => {
  const storage = new AsyncLocalStorage<number>();
  const found: unknown[] = [];
  new ByHand({
    userContext: { run: (callback) => storage.run(42, callback) },
    handler: async () => {
      await turns(1);
      found.push(storage.getStore());
    },
  });
  await turns();
  assert.equal(found, [42]);
});

user('a run that throws is a failed handler', async () => {
  const errors: unknown[] = [];
  const broken = new Error('broken run');
  const peer = new ByHand({
    userContext: {
      run: () => {
        throw broken;
      },
      onError: (error) => errors.push(error),
    },
    handler: () => {},
  });
  await turns();
  assert.equal([errors, peer.wire], [[broken], ['close 1011 ""']]);
});

user('an error of the handler reaches onError, once, and nothing else', async () => {
  const errors: unknown[] = [];
  const peer = new ByHand({
    userContext: { onError: (error) => errors.push(error) },
    handler: () => Promise.reject('a string'),
  });
  await turns();
  await peer.send(masked(0x88, closePayload(1011)));
  await peer.end();
  const info = await peer.job.closed;
  assert.equal(errors, ['a string']);
  assert.is(info.error?.cause, 'a string');
});

user('without onError it goes to console.error, never to silence', () => {
  const original = console.error;
  const calls: unknown[][] = [];
  console.error = (...values) => calls.push(values);
  try {
    const error = new Error('e');
    reportError({}, error);
    const failure = new Error('in onError');
    reportError(
      {
        onError: () => {
          throw failure;
        },
      },
      error,
    );
    assert.equal(calls, [[error], [failure], [error]]);
  } finally {
    console.error = original;
  }
});

user('its signal cancels the connection', async () => {
  const controller = new AbortController();
  const peer = new ByHand({ userContext: { signal: controller.signal } });
  controller.abort('user');
  await turns();
  assert.equal([peer.wire, peer.job.signal.reason], [['close 1001 ""'], 'user']);
});
user.run();

const engine = suite('engine context');

engine('a cancelled parent cancels all of its connections, through one listener', async () => {
  const controller = new AbortController();
  let listeners = 0;
  const add = controller.signal.addEventListener.bind(controller.signal);
  const remove = controller.signal.removeEventListener.bind(controller.signal);
  controller.signal.addEventListener = (...all: Parameters<typeof add>) => {
    listeners++;
    add(...all);
  };
  controller.signal.removeEventListener = (...all: Parameters<typeof remove>) => {
    listeners--;
    remove(...all);
  };
  const peers = Array.from({ length: 50 }, () => new ByHand({ engineContext: { signal: controller.signal } }));
  assert.is(listeners, 1);
  controller.abort();
  await turns();
  for (const peer of peers) assert.equal(peer.wire, ['close 1001 ""']);
  for (const peer of peers) await peer.clock.turn(60_000);
  for (const peer of peers) assert.is(peer.job.state, 'cancelled');
  assert.is(listeners, 0);
});

engine('connections that have ended leave nothing on the parent signal', async () => {
  const controller = new AbortController();
  const peer = new ByHand({ engineContext: { signal: controller.signal } });
  await peer.send(masked(0x88));
  await peer.end();
  await peer.job.closed;
  controller.abort();
  await turns();
  assert.is(peer.job.state, 'completed');
});

engine('a parent that is aborted already cancels at once: the handler never starts', async () => {
  let started = false;
  const peer = new ByHand({
    engineContext: { signal: AbortSignal.abort('early') },
    handler: () => {
      started = true;
    },
  });
  await turns();
  assert.equal([peer.wire, started, peer.job.signal.reason], [['close 1001 ""'], false, 'early']);
});

engine('its random source makes the masking keys: four fresh bytes for each frame of a client', async () => {
  let next = 0;
  const random = (bytes: Uint8Array): void => {
    for (let index = 0; index < bytes.byteLength; index++) bytes[index] = next++ & 0xff;
  };
  const peer = new ByHand({ role: 'client', engineContext: { random } });
  void peer.job.session.send('a');
  void peer.job.session.send('a');
  await turns();
  const bytes = peer.chunks[0] as Uint8Array;
  const keys = [bytes.slice(2, 6), bytes.slice(9, 13)].map((key) => [...key].sort());
  assert.equal(keys, [
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ]);
  assert.equal(peer.wire, ['text "a"', 'text "a"']);
});

engine('the default keys differ from frame to frame, over thousands of frames', async () => {
  const { maskingKey } = resolveEngine({});
  const keys = new Set(Array.from({ length: 5000 }, maskingKey));
  assert.ok(keys.size > 4990, `${keys.size} different keys of 5000`);
});

engine('a task that throws takes no other task of its turn with it', async () => {
  const { scheduler } = resolveEngine({});
  const done: number[] = [];
  const thrown: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.once('uncaughtException', (error) => thrown.push(error));
  const failure = new Error('a task has thrown');
  scheduler.schedule(() => done.push(1));
  scheduler.schedule(() => {
    throw failure;
  });
  scheduler.schedule(() => {
    done.push(2);
    scheduler.schedule(() => done.push(3));
  });
  await turns();
  for (const listener of listeners) process.on('uncaughtException', listener);
  assert.equal(thrown, [failure]);
  assert.equal(done, [1, 2, 3]);
});

engine('its scheduler decides when gathered output is written', async () => {
  const tasks: (() => void)[] = [];
  const peer = new ByHand({ engineContext: { scheduler: { schedule: (task) => void tasks.push(task) } } });
  void peer.job.session.send('a');
  void peer.job.session.send('b');
  await turns();
  assert.equal([peer.chunks.length, tasks.length], [0, 1]);
  tasks.shift()?.();
  await turns();
  assert.equal([peer.chunks.length, peer.wire], [1, ['text "a"', 'text "b"']]);
});

engine('its clock measures the round trip and ends what takes too long', async () => {
  const clock = new TestClock();
  const peer = new ByHand({ engineContext: { clock }, limits: { closeTimeout: 10 } });
  void peer.job.session.close();
  await turns();
  assert.is(clock.pending, 1);
  await clock.turn(10);
  assert.is((await peer.job.closed).wasClean, false);
  assert.is(clock.pending, 0);
});

engine('the system’s clock does not keep the process alive, and is taken back', async () => {
  const { clock } = resolveEngine();
  const before = clock.now();
  await new Promise<void>((resolve) => {
    // A timer of the clock alone would let the process end: this one holds it.
    const hold = setTimeout(() => {}, 10_000);
    clock.setTimeout(() => {
      clearTimeout(hold);
      resolve();
    }, 5);
  });
  assert.ok(clock.now() > before);
  let fired = false;
  const timer = clock.setTimeout(() => {
    fired = true;
  }, 1);
  clock.clearTimeout(timer);
  await turns(20);
  assert.not(fired);
});

engine('the same context gives the same engine, so that connections share its masking keys and slab', () => {
  const context: EngineContext = {};
  assert.is(resolveEngine(context), resolveEngine(context));
  assert.is(resolveEngine(), resolveEngine(undefined));
  assert.is.not(resolveEngine({}), resolveEngine({}));
});

engine('undefined for both contexts is enough', async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const job = upgrade(readable, writable, undefined, undefined);
  job.cancel();
  assert.is(job.state, 'closing');
});

engine('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
engine.run();
