// Waiting without sleeping: for a promise or a condition, always with a bound, so that a spec that hangs fails and says what it
// waited for.

/** How long anything may take on a busy machine, in milliseconds. Never what a test asserts. */
export const BOUND = 60_000;

const POLL = 4;

/** The next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Some turns of the event loop, one after the other. */
export async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await turn();
}

/** Gives what the promise gives; rejects when that takes longer than the bound. */
export async function within<T>(promise: PromiseLike<T>, what: string, bound: number = BOUND): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain: ${what}`)), bound);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Fulfils when the condition holds. */
export async function until(condition: () => boolean, what: string, bound: number = BOUND): Promise<void> {
  const end = performance.now() + bound;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/** Fulfils with a number once it has stood still: it has been read as the same many times in a row. */
export async function standstill(read: () => number, what: string, polls = 40): Promise<number> {
  let last = read();
  let same = 0;
  await until(() => {
    const now = read();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= polls;
  }, `${what} stands still`);
  return last;
}
