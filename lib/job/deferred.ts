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

/** Keeps a rejection of the promise from being reported as unhandled. */
export function markHandled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}
