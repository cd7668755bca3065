// The state of a session that outlives its connections, for whoever looks: now, or as it changes.

import { Deferred } from '../connection/deferred.ts';
import type { ReconnectState } from './reconnect-state.ts';

export class ReconnectStates<S> {
  #state: ReconnectState<S>;
  // The first state is there before it has begun.
  #version = -1;
  #changed = new Deferred<void>();
  readonly #tell: (state: ReconnectState<S>) => void;

  /** @param tell Called with each state when it begins; must not throw. */
  constructor(state: ReconnectState<S>, tell: (state: ReconnectState<S>) => void) {
    this.#state = state;
    this.#tell = tell;
  }

  get state(): ReconnectState<S> {
    return this.#state;
  }

  set(state: ReconnectState<S>): void {
    this.#state = state;
    this.#version++;
    const changed = this.#changed;
    this.#changed = new Deferred();
    changed.resolve();
    this.#tell(state);
  }

  /** The state of now, then each one that begins. Nothing is kept for whoever is slow: he gets the latest. Ends behind the end. */
  async *iterate(): AsyncGenerator<ReconnectState<S>, void, undefined> {
    for (let seen = -2; ; ) {
      while (seen === this.#version) await this.#changed.promise;
      seen = Math.max(0, this.#version);
      const state = this.#state;
      yield state;
      if (state.name === 'ended') return;
    }
  }
}
