// What a runtime gives so that a server can be built over its sockets: a function that listens, and connections as transports.

import type { TlsFacts } from '../job/session.ts';
import type { Transport } from '../stream/transport.ts';

/** One accepted connection: its transport is not started yet. */
export interface Accepted {
  readonly transport: Transport;
  /** The address that the peer has connected to, where the runtime tells it. */
  readonly localAddress?: string;
  /** The address of the peer, where the runtime tells it. */
  readonly remoteAddress?: string;
  /** What is known of the TLS below. Left out without TLS. */
  readonly tls?: TlsFacts;
}

/** A socket that listens. */
export interface Listener {
  /** The address that it listens on. */
  readonly host: string;
  /** The port that it listens on: not 0. */
  readonly port: number;
  /** Accepts no more. The connections that were accepted live on. Fulfils when the port is free. */
  close(): Promise<void> | void;
}

/**
 * Begins to listen; rejects when it cannot (the port is in use).
 *
 * @param onAccepted Called for each connection (with TLS: when its handshake is done). Who is told starts the transport or destroys it, in the same turn.
 * @param onError Called for what goes wrong with the listening itself, later. A connection's own failure (a failed TLS handshake) is not told.
 */
export type Listen = (onAccepted: (accepted: Accepted) => void, onError: (error: unknown) => void) => Promise<Listener>;
