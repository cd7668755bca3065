// An upgrade while the hooks decide on it: what its client sends meanwhile is held, bounded and counted, and a client that goes away ends the hooks.

import type { Holder, RetainedBudget } from '../connection/retained-budget.ts';
import type { HoldingTransport } from './holding-transport.ts';

export interface PendingUpgradeOptions {
  /** How many bytes are held; beyond them the client waits. */
  readonly size: number;
  /** What is held counts here. */
  readonly budget: RetainedBudget | undefined;
  /** What is held is too much for the budget, and this holds most: the upgrade is to be refused. */
  readonly onShed: () => void;
}

/** Begins to hold with {@link begin}; ends once, by {@link release} or {@link refuse}. */
export class PendingUpgrade implements Holder {
  reported: number | undefined;
  readonly #connection: { destroy(): void };
  readonly #transport: HoldingTransport;
  readonly #options: PendingUpgradeOptions;
  readonly #gone = new AbortController();

  constructor(connection: { destroy(): void }, transport: HoldingTransport, options: PendingUpgradeOptions) {
    this.#connection = connection;
    this.#transport = transport;
    this.#options = options;
  }

  /** What is held may be too much at once. */
  begin(): void {
    const { size, budget } = this.#options;
    this.#transport.watch(size, {
      held: () => budget?.report(this),
      gone: () => {
        this.refuse(new Error('The client has gone away'));
        this.#connection.destroy();
      },
    });
    if (this.#transport.held > 0 && !this.signal.aborted) budget?.report(this);
  }

  /** Aborted when the hooks need not go on. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get retained(): number {
    return this.#transport.held;
  }

  shed(): void {
    this.#options.onShed();
  }

  /** It is decided on: what is held is handed on with the transport. */
  release(): void {
    this.#options.budget?.remove(this);
  }

  /** Ends the hooks, and throws away what is held and what still comes. */
  refuse(reason: Error): void {
    this.release();
    this.#transport.discard();
    this.#gone.abort(reason);
  }
}
