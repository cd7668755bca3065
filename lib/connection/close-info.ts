// How a connection ended, told in full.

import type { CloseStatus } from '../frame/close-code.ts';

/** What was left behind when a connection ended. */
export interface Abandoned {
  /** Messages that had come and were thrown away because nobody was there to read them. */
  readonly messages: number;
  /** Bytes that had been queued for the peer and were not taken by the transport. */
  readonly bytes: number;
  /** Whether the handler did not end within `handlerTimeout` and was let go. */
  readonly handler: boolean;
}

/** How a connection ended: what `closed` of a session and of a job fulfils with. */
export interface CloseInfo {
  /**
   * The close code as the WebSocket API reports it: that of the peer's close frame, 1005 when it had none, 1006 when there was no
   * close frame (RFC 6455 §7.1.5).
   */
  readonly closeCode: number;
  /** The reason in the peer's close frame; '' without one. */
  readonly reason: string;
  /** Whether both sides sent a close frame: the closing handshake was completed (RFC 6455 §7.1.4). */
  readonly wasClean: boolean;
  /** Which side began to close or was the first to be gone. */
  readonly initiator: 'local' | 'remote';
  /** The peer's close frame. */
  readonly received: CloseStatus | undefined;
  /** Our close frame; undefined when none was sent, or the transport has not taken it. */
  readonly sent: CloseStatus | undefined;
  /** Why the connection did not end well: a fault of the peer, a limit, a lost transport, a failed handler, a cancellation. */
  readonly error: Error | undefined;
  /** What was left behind. */
  readonly abandoned: Abandoned;
}
