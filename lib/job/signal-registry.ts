// One listener for each parent signal, whatever number of connections hang on it: Node warns at the eleventh.

const registries = new WeakMap<AbortSignal, SignalRegistry>();

class SignalRegistry {
  readonly #callbacks = new Set<(reason: unknown) => void>();
  readonly #signal: AbortSignal;
  readonly #listener = (): void => this.#run();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(callback: (reason: unknown) => void): () => void {
    if (this.#callbacks.size === 0) this.#signal.addEventListener('abort', this.#listener);
    this.#callbacks.add(callback);
    return () => {
      if (this.#callbacks.delete(callback) && this.#callbacks.size === 0) {
        this.#signal.removeEventListener('abort', this.#listener);
      }
    };
  }

  #run(): void {
    this.#signal.removeEventListener('abort', this.#listener);
    const callbacks = [...this.#callbacks];
    this.#callbacks.clear();
    for (const callback of callbacks) callback(this.#signal.reason);
  }
}

/**
 * Calls back once when the signal is aborted; at once, before this returns, when it is already. Gives a function that takes the
 * callback back.
 */
export function onAbort(signal: AbortSignal, callback: (reason: unknown) => void): () => void {
  if (signal.aborted) {
    callback(signal.reason);
    return () => {};
  }
  let registry = registries.get(signal);
  if (registry === undefined) {
    registry = new SignalRegistry(signal);
    registries.set(signal, registry);
  }
  return registry.add(callback);
}
