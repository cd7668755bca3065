// The client's opening handshake over a transport, RFC 6455 §4.1: the request goes out, the response comes in, in its time. What is right and wrong in them is the business of
// handshake/.

import type { Clock } from '../connection/context.ts';
import { HandshakeError } from '../error.ts';
import type { AcceptedByServer, ClientHandshake } from '../handshake/client-handshake.ts';
import type { Transport, TransportReceiver } from '../stream/transport.ts';
import { RelayTransport } from './relay-transport.ts';

/** A handshake that the server has accepted, and the transport behind it. */
export interface Opened {
  readonly response: AcceptedByServer;
  readonly transport: Transport;
}

export interface OpeningOptions {
  readonly transport: Transport;
  readonly handshake: ClientHandshake;
  readonly clock: Clock;
  /** When the handshake must have ended, in the clock's time. */
  readonly deadline: number;
}

/** One opening handshake. It settles once, in every case. */
export class Opening implements TransportReceiver {
  readonly #handshake: ClientHandshake;
  // None while the transport is being started: it may give what has come before.
  readonly #relay: RelayTransport | undefined;
  readonly #clock: Clock;
  readonly #timer: unknown;
  #isSettled = false;
  readonly #accept: (opened: Opened) => void;
  readonly #refuse: (error: unknown) => void;

  /**
   * @param accept Called in the turn in which the response has come: what comes behind it is not lost when the transport is started again in this call.
   * @param refuse Called with a HandshakeError, or with what {@link abort} was given. The transport is cut then.
   */
  constructor(options: OpeningOptions, accept: (opened: Opened) => void, refuse: (error: unknown) => void) {
    const { transport, handshake, clock, deadline } = options;
    this.#handshake = handshake;
    this.#clock = clock;
    this.#accept = accept;
    this.#refuse = refuse;
    this.#timer = clock.setTimeout(() => this.#timedOut(), Math.max(0, deadline - clock.now()));
    this.#relay = new RelayTransport(transport, this);
    this.#check();
    if (!this.#isSettled) this.#relay.write([handshake.request()]);
  }

  /** Gives up. */
  abort(reason: unknown): void {
    this.#fail(reason);
  }

  chunkReceived(chunk: Uint8Array): void {
    if (this.#isSettled) return;
    this.#handshake.push(chunk);
    this.#check();
  }

  endReceived(): void {
    if (this.#isSettled) return;
    this.#handshake.end();
    this.#check();
  }

  writeTaken(): void {}

  endSent(): void {}

  transportClosed(error?: unknown): void {
    const text = 'The connection was lost in the opening handshake';
    this.#giveUp(new HandshakeError('ERR_WS_UNREACHABLE', text, 0, { cause: error }));
  }

  #check(): void {
    const { outcome } = this.#handshake;
    if (outcome === undefined || this.#isSettled || this.#relay === undefined) return;
    if (!outcome.accepted) return this.#fail(outcome.error);
    this.#settle();
    this.#accept({ response: outcome, transport: this.#relay.handOver(outcome.rest) });
  }

  #timedOut(): void {
    this.#giveUp(new HandshakeError('ERR_WS_HANDSHAKE_TIMEOUT', 'The opening handshake did not end in time', 0));
  }

  /** Nothing more is waited for. An answer without the end of its body is an answer. */
  #giveUp(error: HandshakeError): void {
    if (this.#isSettled) return;
    this.#handshake.end();
    const { outcome } = this.#handshake;
    const isAnswer = outcome?.accepted === false && outcome.error.code === 'ERR_WS_NOT_UPGRADED';
    this.#fail(isAnswer ? outcome.error : error);
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#relay?.destroy(error);
    this.#refuse(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#clock.clearTimeout(this.#timer);
  }
}
