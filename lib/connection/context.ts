// The two contexts of an upgrade. The engine context is where non-blocking work runs: its clock, randomness, scheduling. The user
// context is where the user's code runs: how a callback is called, and where its errors go.

import { Slab } from '../bytes/output-queue.ts';
import { createMaskingKeys, randomBytes } from '../stream/masking-keys.ts';
import type { RetainedBudget } from './retained-budget.ts';

/** Time, as the engine sees it. */
export interface Clock {
  /** Milliseconds since some fixed moment. Never goes back. */
  now(): number;
  /** Calls back once, after that many milliseconds. Must not keep the process alive. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Calls a timer off. What `setTimeout` has given, fired or not; anything else does nothing. */
  clearTimeout(timer: unknown): void;
}

/** Decides when gathered work is done. */
export interface Scheduler {
  /**
   * Runs the task once, later: never from inside this call. The default runs it at the end of the turn of the event loop, so that all
   * a turn has to send is written at once.
   */
  schedule(task: () => void): void;
  /**
   * The same, for what is so much that it should not wait for the others of its turn. The default runs it behind what is going on now: where there is `process.nextTick`, when all
   * promises have settled that it has settled. Default of a scheduler of yours: `schedule`.
   */
  scheduleSoon?(task: () => void): void;
}

/** Where the engine's own, non-blocking work runs. Share one among connections: what it holds is shared too. */
export interface EngineContext {
  /** Cancels the connection. */
  readonly signal?: AbortSignal;
  /** Default: the platform's monotonic clock, with timers that do not keep the process alive. */
  readonly clock?: Clock;
  /** Fills the bytes from a strong source of entropy (masking keys, RFC 6455 §10.3). Default: `crypto.getRandomValues`. */
  readonly random?: (bytes: Uint8Array) => void;
  /** Default: once at the end of each turn of the event loop. */
  readonly scheduler?: Scheduler;
  /** Bounds what all connections of this context retain together. Default: none; `serve` and `attach` have one of their own (`maxRetained`). */
  readonly budget?: RetainedBudget;
}

/** Where the user's code runs. */
export interface UserContext {
  /** Cancels the connection, and with it the handler. */
  readonly signal?: AbortSignal;
  /**
   * Calls the handler. Default: calls it, a microtask after the upgrade and in its asynchronous context, so that `AsyncLocalStorage`
   * gives what it gave there. `AsyncResource.bind`, or `(callback) => storage.run(value, callback)`, fits here.
   */
  readonly run?: <T>(callback: () => T) => T;
  /** Takes an error that the handler did not catch. Default: `console.error`. */
  readonly onError?: (error: unknown) => void;
}

/** An engine context with nothing left out. */
export interface Engine {
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly slab: Slab;
  readonly maskingKey: () => number;
  readonly random: (bytes: Uint8Array) => void;
  readonly budget: RetainedBudget | undefined;
}

const engines = new WeakMap<EngineContext, Engine>();
const DEFAULT_CONTEXT: EngineContext = {};

/** Fills an engine context. The same context gives the same engine, so that connections share what it holds. */
export function resolveEngine(context: EngineContext = DEFAULT_CONTEXT): Engine {
  let engine = engines.get(context);
  if (engine === undefined) {
    engine = {
      signal: context.signal,
      clock: context.clock ?? systemClock,
      scheduler: context.scheduler ?? turnScheduler,
      slab: new Slab(),
      maskingKey: createMaskingKeys(context.random),
      random: context.random ?? randomBytes,
      budget: context.budget,
    };
    engines.set(context, engine);
  }
  return engine;
}

/** Tells the user context of an error; whatever its `onError` does, nothing escapes. */
export function reportError(context: UserContext, error: unknown): void {
  try {
    if (context.onError === undefined) console.error(error);
    else context.onError(error);
  } catch (failure) {
    console.error(failure);
    console.error(error);
  }
}

// Beyond this (24.8 days) a timer of the platform fires at once.
const LONGEST_DELAY = 2 ** 31 - 1;

const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout(callback, milliseconds) {
    const timer: unknown = setTimeout(callback, Math.min(milliseconds, LONGEST_DELAY));
    if (hasUnref(timer)) timer.unref();
    return timer;
  },
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer;
}

// One task of the event loop serves all connections that have something to do in this turn.
const turnScheduler: Scheduler = createTurnScheduler();

function createTurnScheduler(): Scheduler {
  let tasks: (() => void)[] = [];
  const run = (): void => {
    const due = tasks;
    tasks = [];
    let index = 0;
    try {
      while (index < due.length) (due[index++] as () => void)();
    } finally {
      // One has thrown: the others, which are other connections', still have their turn.
      if (index < due.length) {
        tasks = due.slice(index).concat(tasks);
        later(run);
      }
    }
  };
  const later: (callback: () => void) => unknown =
    typeof setImmediate === 'function' ? setImmediate : (callback) => setTimeout(callback, 0);
  return {
    schedule(task) {
      if (tasks.push(task) === 1) later(run);
    },
    scheduleSoon: scheduleSoon(),
  };
}

// Behind the promises that settle now, where there is a way to be there.
function scheduleSoon(): (task: () => void) => void {
  const { process } = globalThis as { process?: { nextTick?: (task: () => void) => void } };
  // Called on the scheduler, which is no window: a browser's own function would refuse.
  return process?.nextTick === undefined ? (task) => queueMicrotask(task) : (task) => process.nextTick?.(task);
}
