// Reconnection over the `connect` of any runtime.

import type { Delivery, Received } from '../job/session-kind.ts';
import type { ReconnectOptions, UrlSource } from '../reconnect/reconnect-options.ts';
import { ReconnectingSession } from '../reconnect/reconnecting-session.ts';
import type { Open } from '../reconnect/reconnector.ts';

/** What `reconnect` does: `open` is the runtime's `connect`. */
export function reconnectOver<C extends object, M extends Delivery>(
  open: Open<object, Received<false, M>>,
  url: UrlSource,
  options: ReconnectOptions<C, M, Received<false, M>> & { readonly keepsProcess?: boolean },
): ReconnectingSession<M, Received<false, M>> {
  const { keepsProcess = true, ...rest } = options;
  const { onState } = rest;
  const hold = new Hold();
  const watching: ReconnectOptions<C, M, Received<false, M>> = {
    ...rest,
    onState: (state) => {
      hold.set(keepsProcess && state.name === 'waiting');
      onState?.(state);
    },
  };
  return new ReconnectingSession(url, watching as ReconnectOptions<object, M, Received<false, M>>, open);
}

// The longest that a timer of the platform may be.
const LONGEST_DELAY = 2 ** 31 - 1;

/** Something that keeps the process alive: without it, a client that waits for its server would end without a word. */
class Hold {
  #timer: ReturnType<typeof setInterval> | undefined;

  set(isHeld: boolean): void {
    clearInterval(this.#timer);
    this.#timer = isHeld ? setInterval(() => {}, LONGEST_DELAY) : undefined;
  }
}
