// What connections may leave behind: handles of the event loop, timers of the engine, listeners on what is shared, sessions that are not collected.

import type { EventEmitter } from 'node:events';
import { getEventListeners } from 'node:events';
import process from 'node:process';
import * as assert from 'uvu/assert';
import type { Clock, EngineContext, UserContext } from '../../lib/connection/context.ts';
import type { Session } from '../../lib/job/session.ts';
import { retainedMemory } from './memory.ts';
import { until } from './until.ts';

/** The system's clock, counting the timers that are pending. */
class CountingClock implements Clock {
  readonly pending = new Set<NodeJS.Timeout>();

  now(): number {
    return performance.now();
  }

  setTimeout(callback: () => void, milliseconds: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.pending.delete(timer);
      callback();
    }, milliseconds).unref();
    this.pending.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    clearTimeout(timer as NodeJS.Timeout);
    this.pending.delete(timer as NodeJS.Timeout);
  }
}

/** The contexts of connections, shared by all of them, and what they leave there. */
export class SharedContexts {
  readonly clock: CountingClock = new CountingClock();
  readonly engine: AbortController = new AbortController();
  readonly user: AbortController = new AbortController();
  /** What handlers have failed with. */
  readonly reported: unknown[] = [];
  readonly engineContext: EngineContext = { clock: this.clock, signal: this.engine.signal };
  readonly userContext: UserContext = { signal: this.user.signal, onError: (error) => void this.reported.push(error) };
  #sessions: WeakRef<object>[] = [];

  /** Notes a session, without holding it. */
  note(session: object): void {
    this.#sessions.push(new WeakRef(session));
    for (const { signal } of [this.engine, this.user]) {
      assert.ok(listenersOn(signal) <= 1, 'one listener serves all connections');
    }
  }

  /** How many sessions were noted since the last time that all were gone. */
  get noted(): number {
    return this.#sessions.length;
  }

  /** Asserts that nothing of the connections is left: timers, listeners, sessions. All of them must have ended. */
  async assertNothingLeft(): Promise<void> {
    await until(() => this.clock.pending.size === 0, `no timer is pending, of ${this.clock.pending.size}`);
    for (const { signal } of [this.engine, this.user])
      assert.is(listenersOn(signal), 0, 'listeners are left on a shared signal');
    // A collection takes what nobody holds; what a promise's last callback holds goes with the one behind it.
    let left = this.#sessions.length;
    for (let round = 0; round < 20 && left > 0; round++) {
      await retainedMemory();
      left = this.#sessions.filter((session) => session.deref() !== undefined).length;
    }
    const held = this.#sessions.flatMap((session) => session.deref() ?? []);
    const whose = held.map((session) => (session as Session).request?.url);
    assert.is(left, 0, `${left} sessions of ${this.#sessions.length} are held: ${whose.join(' ')}`);
    this.#sessions = [];
  }
}

/** The handles that keep the event loop alive, by kind. */
export function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo().sort()) counts[kind] = (counts[kind] ?? 0) + 1;
  // The test's own waiting and its output: they come and go.
  for (const kind of ['Immediate', 'Timeout', 'TTYWrap', 'PipeWrap', 'FSReqCallback', 'FSReqPromise'])
    delete counts[kind];
  return counts;
}

/** How many listeners wait for a signal. */
export function listenersOn(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** How many listeners there are on an emitter, by event. */
export function listeners(emitter: EventEmitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));
}
