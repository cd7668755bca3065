// What a session tells of its traffic.

/** What a slow-consumer policy has dropped. */
export interface Dropped {
  /** How many messages. */
  readonly messages: number;
  /** Bytes of payload; a string counts its UTF-16 code units. */
  readonly bytes: number;
}

/** Counts of one connection. Bytes are those of the wire, headers included. */
export interface Counters {
  /** Messages that have come; of a streamed one the beginning counts. */
  readonly messagesReceived: number;
  /** Messages that were taken to be sent; of a streamed one the beginning counts. */
  readonly messagesSent: number;
  /** Bytes that have come. */
  readonly bytesReceived: number;
  /** Bytes that were written. */
  readonly bytesSent: number;
  /** What waits to be read, each message counting 64 bytes more than its payload. */
  readonly unread: number;
  /** What waits to be taken by the transport, each frame counting 64 bytes more. */
  readonly queued: number;
  /** What a slow-consumer policy has dropped; not in `messagesSent`. */
  readonly dropped: Dropped;
  /** The round trip that was measured last, in milliseconds: by `ping`, or by the keepalive's own. Undefined before the first. */
  readonly roundTrip: number | undefined;
}
