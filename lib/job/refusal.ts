// What a hook gives to refuse an upgrade: an HTTP response of the user's own.

import { type RefusedHandshake, refuse } from '../handshake/server-handshake.ts';

export interface RefusalOptions {
  /** More header fields. A Content-Type takes the place of `text/plain`. */
  readonly headers?: Iterable<readonly [string, string]>;
  /** The body, as UTF-8. Default: a line that says that the upgrade was refused. */
  readonly body?: string;
}

/**
 * Refuses an upgrade: what an `admit` hook returns instead of a context.
 *
 * @example
 * admit: (request) => (isKnown(request) ? { user } : new Refusal(401, { headers: [['WWW-Authenticate', 'Bearer']] }))
 */
export class Refusal {
  /** The answer as the handshake writes it. */
  readonly handshake: RefusedHandshake;

  /** @throws RangeError when the status is not from 300 to 599, TypeError when a header cannot be written or is the engine's own. */
  constructor(status: number, { headers, body }: RefusalOptions = {}) {
    this.handshake = refuse(status, 'ERR_WS_REFUSED', 'The upgrade was refused', headers, undefined, body);
  }

  get status(): number {
    return this.handshake.status;
  }
}
