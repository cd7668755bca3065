// RFC 6455 §4.1 (2): "If the client already has a WebSocket connection to the remote host … identified by /host/ and port /port/ pair, even if the remote host is known by another name, the
// client MUST wait until that connection has been established or for that connection to have failed. There MUST be no more than one connection in a CONNECTING state." Other names of a
// host are not known here: whoever looks names up is behind.

import { Deferred } from '../connection/deferred.ts';
import { onAbort } from '../job/signal-registry.ts';

/** Lets one attempt to connect go on for each key; the others wait for their turn, in their order. */
export class ConnectingQueue {
  readonly #waiting = new Map<string, Deferred<void>[]>();

  /**
   * Runs the attempt in its turn; gives what it gives.
   *
   * @param signal Aborted: rejects with its reason, if the attempt has not begun. One that has begun is to look after it itself.
   */
  async run<T>(key: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, []);
    else await this.#wait(waiting, signal);
    try {
      return await attempt();
    } finally {
      this.#next(key);
    }
  }

  async #wait(waiting: Deferred<void>[], signal: AbortSignal): Promise<void> {
    const turn = new Deferred<void>();
    waiting.push(turn);
    const release = onAbort(signal, (reason) => {
      const index = waiting.indexOf(turn);
      // It may be his turn already: then he has to pass it on.
      if (index >= 0) waiting.splice(index, 1);
      if (index >= 0) turn.reject(reason);
    });
    await turn.promise;
    release();
  }

  #next(key: string): void {
    const next = this.#waiting.get(key)?.shift();
    if (next === undefined) this.#waiting.delete(key);
    else next.resolve();
  }
}
