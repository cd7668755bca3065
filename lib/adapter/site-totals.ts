// What the sessions of a server have done together: the closed ones in sums, the open ones added when somebody asks.

import type { CloseInfo } from '../connection/close-info.ts';
import type { Counters, Dropped } from '../connection/counters.ts';
import { CloseCode } from '../frame/close-code.ts';

/** Counts of all sessions of a server together. Bytes are those of the wire, headers included. */
export interface SessionTotals {
  /** Messages that have come; of a streamed one the beginning counts. */
  readonly messagesReceived: number;
  /** Messages that were taken to be sent; of a streamed one the beginning counts. */
  readonly messagesSent: number;
  /** Bytes that have come over all connections. */
  readonly bytesReceived: number;
  /** Bytes that were written for all connections. */
  readonly bytesSent: number;
  /** What slow-consumer policies have dropped; not in `messagesSent`. */
  readonly dropped: Dropped;
  /** What waits to be read now, each message counting 64 bytes more than its payload. */
  readonly unread: number;
  /** What waits to be taken by the transports now, each frame counting 64 bytes more. */
  readonly queued: number;
  /**
   * How many sessions have closed, by the close code of the side that began: that of our own close frame when we did, else the peer's; 1005 when it had none, 1006 when
   * there was no close frame. `{ 1000: 12, 1006: 1 }`
   */
  readonly closed: Readonly<Record<number, number>>;
}

type Sums = Omit<SessionTotals, 'closed'>;

const nothing: Sums = {
  messagesReceived: 0,
  messagesSent: 0,
  bytesReceived: 0,
  bytesSent: 0,
  dropped: { messages: 0, bytes: 0 },
  unread: 0,
  queued: 0,
};

function add(sums: Sums, more: Sums): Sums {
  return {
    messagesReceived: sums.messagesReceived + more.messagesReceived,
    messagesSent: sums.messagesSent + more.messagesSent,
    bytesReceived: sums.bytesReceived + more.bytesReceived,
    bytesSent: sums.bytesSent + more.bytesSent,
    dropped: {
      messages: sums.dropped.messages + more.dropped.messages,
      bytes: sums.dropped.bytes + more.dropped.bytes,
    },
    unread: sums.unread + more.unread,
    queued: sums.queued + more.queued,
  };
}

/** Sums of closed sessions. */
export class SiteTotals {
  #sums = nothing;
  // A peer can choose among some 2,000 codes: this cannot grow without bound.
  readonly #closed = new Map<number, number>();

  /** A session has closed. */
  fold(counters: Counters, info: CloseInfo): void {
    // Nothing waits any more.
    this.#sums = add(this.#sums, { ...counters, unread: 0, queued: 0 });
    const code = codeOf(info);
    this.#closed.set(code, (this.#closed.get(code) ?? 0) + 1);
  }

  /** The sums, with those of the sessions that are open. */
  with(open: Iterable<{ readonly counters: Counters }>): SessionTotals {
    let sums = this.#sums;
    for (const { counters } of open) sums = add(sums, counters);
    return { ...sums, closed: Object.fromEntries(this.#closed) };
  }
}

// Who began knows why. Where the peer only echoes our code it says nothing more, and a lost connection behind our close frame is still an end of our making.
function codeOf({ initiator, sent, closeCode }: CloseInfo): number {
  return initiator === 'remote' ? closeCode : (sent?.closeCode ?? CloseCode.ABNORMAL_CLOSURE);
}
