// How long to wait before the next try. RFC 6455 §7.2.3: "the first reconnect attempt SHOULD be delayed by a random amount of time", "a random delay chosen between 0 and 5 seconds", and
// "Should the first reconnect attempt fail, subsequent reconnect attempts SHOULD be delayed by increasingly longer amounts of time, using a method such as truncated binary exponential backoff."

import { HandshakeError } from '../error.ts';
import { CloseCode } from '../frame/close-code.ts';
import { closeCodeOf } from './reconnect-final.ts';
import type { ResolvedBounds } from './reconnect-options.ts';
import type { Loss } from './reconnect-state.ts';

export class ReconnectDelay {
  readonly #bounds: Pick<ResolvedBounds, 'firstDelay' | 'maxDelay' | 'maxRetryAfter'>;
  readonly #random: (bytes: Uint8Array) => void;
  #count = 0;

  constructor(
    bounds: Pick<ResolvedBounds, 'firstDelay' | 'maxDelay' | 'maxRetryAfter'>,
    random: (bytes: Uint8Array) => void,
  ) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** A connection has lasted: the next delay is a first one. */
  reset(): void {
    this.#count = 0;
  }

  /** The milliseconds before the next try. */
  next({ closeInfo, error }: Pick<Loss, 'closeInfo' | 'error'>): number {
    const { firstDelay, maxDelay, maxRetryAfter } = this.#bounds;
    // Full jitter: all of the delay is at random, so that those who were cut at one time do not come back at one time.
    const longest = Math.min(maxDelay, firstDelay * 2 ** Math.min(this.#count++, 52));
    const wait = error instanceof HandshakeError ? retryAfter(error) : undefined;
    if (wait !== undefined) return Math.min(wait, maxRetryAfter) + this.#below(longest);
    if (closeInfo === undefined || !asksForTime(closeCodeOf(closeInfo))) return this.#below(longest);
    // The registry of close codes says of 1012: "If the client reconnects, it should use a randomized delay of 5 - 30s".
    return Math.min(maxDelay, firstDelay + this.#below(Math.max(longest, 5 * firstDelay)));
  }

  #below(limit: number): number {
    const bytes = new Uint8Array(4);
    this.#random(bytes);
    return (new DataView(bytes.buffer).getUint32(0) / 2 ** 32) * limit;
  }
}

function asksForTime(code: number): boolean {
  return code === CloseCode.SERVICE_RESTART || code === CloseCode.TRY_AGAIN_LATER;
}

/** What `Retry-After` says, in milliseconds: seconds, or a date, which is taken by the server's own clock where that is told (RFC 9110 §10.2.3). Undefined when it says nothing. */
export function retryAfter({ headers }: Pick<HandshakeError, 'headers'>, now: number = Date.now()): number | undefined {
  const value = find(headers, 'retry-after');
  if (value === undefined) return undefined;
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1_000;
  // A date has letters; `Date.parse` would take much else.
  const at = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) return undefined;
  const serverNow = Date.parse(find(headers, 'date') ?? '');
  return Math.max(0, at - (Number.isNaN(serverNow) ? now : serverNow));
}

function find(headers: HandshakeError['headers'], wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1].trim();
}
