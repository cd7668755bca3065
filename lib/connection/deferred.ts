/** A promise and what settles it. Its rejection is marked handled: whoever awaits it sees it, nobody else is killed by it. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    markHandled(this.promise);
  }
}

/** A task that is started once. Whoever asks again gets the same promise, also while the task's own first steps call back. */
export class Once<T> {
  #result: Deferred<T> | undefined;

  /** Starts the task unless one was started. It must not reject. */
  run(task: () => Promise<T>): Promise<T> {
    if (this.#result === undefined) {
      this.#result = new Deferred<T>();
      void task().then(this.#result.resolve);
    }
    return this.#result.promise;
  }
}

/** Keeps a rejection of the promise from being reported as unhandled. */
export function markHandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}

/** Has fulfilled: what is done at once gives this one. */
export const DONE: Promise<void> = /* @__PURE__ */ Promise.resolve();
