// Turns of the event loop: how far all that is ready is let happen, without a timer of the wall clock where the runtime has something better.

// Taken at load, so that a test's fake timers do not stop them.
const later: (callback: () => void) => unknown =
  typeof setImmediate === 'function' ? setImmediate : (callback) => setTimeout(callback, 0);

/**
 * Lets some turns of the event loop pass, one after the other.
 *
 * @example
 * void session.send('hello');
 * await turns(); // what could happen without time passing has happened
 */
export async function turns(count = 8): Promise<void> {
  for (let index = 0; index < count; index++) await new Promise<void>((resolve) => later(resolve));
}
