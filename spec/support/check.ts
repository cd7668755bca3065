// Assertions that uvu lacks: the class and the code of what is thrown, and the same for promises.

import * as assert from 'uvu/assert';

type ErrorClass = abstract new (...args: never[]) => Error;

function inspect(error: unknown, expected: ErrorClass, detail?: string | RegExp): void {
  assert.instance(error, expected, `expected ${expected.name}, got ${String(error)}`);
  const { code, message } = error as Error & { code?: string };
  if (typeof detail === 'string') assert.is(code, detail);
  else if (detail !== undefined) assert.match(message, detail);
}

/** Asserts that `fn` throws an `expected`, with that `code` (a string) or a message that matches (a RegExp). */
export function throws(fn: () => unknown, expected: ErrorClass, detail?: string | RegExp): void {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
  }
  if (thrown === undefined) assert.unreachable(`expected ${expected.name} to be thrown`);
  inspect(thrown, expected, detail);
}

/** Asserts that `promise` rejects with an `expected`, as {@link throws} does. Returns the reason. */
export async function rejects(
  promise: PromiseLike<unknown>,
  expected: ErrorClass,
  detail?: string | RegExp,
): Promise<Error> {
  let reason: unknown;
  let fulfilled = false;
  try {
    await promise;
    fulfilled = true;
  } catch (error) {
    reason = error;
  }
  if (fulfilled) assert.unreachable(`expected a rejection with ${expected.name}, but the promise fulfilled`);
  inspect(reason, expected, detail);
  return reason as Error;
}

/** Asserts that `fn` throws a DOMException of that name. */
export function domThrows(fn: () => unknown, name: string): void {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
  }
  assertDomException(thrown, name);
}

/** Asserts that `promise` rejects with a DOMException of that name; gives it. */
export async function domRejects(promise: PromiseLike<unknown>, name: string): Promise<DOMException> {
  const reason = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  assertDomException(reason, name);
  return reason as DOMException;
}

function assertDomException(error: unknown, name: string): void {
  assert.instance(error, DOMException, `expected a ${name}, got ${String(error)}`);
  assert.is((error as DOMException).name, name);
}
