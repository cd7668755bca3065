// What is known of a connection's end, gathered as it comes: who began, the first error, and which errors tell of nothing but this end.

import type { Endpoint } from '../endpoint/endpoint.ts';
import { LocalProtocolError } from '../error.ts';
import { CloseCode, type CloseStatus } from '../frame/close-code.ts';
import type { Abandoned, CloseInfo } from './close-info.ts';
import { Deferred } from './deferred.ts';

export class CloseRecord {
  // Made for the first of them: as long as all is well there is none.
  #ownErrors: WeakSet<object> | undefined;
  // Made when first asked for: few want to know.
  #ended: Deferred<CloseInfo> | undefined;
  #closeReceived: Deferred<CloseStatus | undefined> | undefined;
  #received: CloseStatus | undefined;
  #initiator: 'local' | 'remote' | undefined;
  #error: Error | undefined;
  #info: CloseInfo | undefined;
  #closedError: LocalProtocolError | undefined;

  /** Fulfils when the connection has ended; never rejects. */
  get closed(): Promise<CloseInfo> {
    if (this.#ended === undefined) {
      this.#ended = new Deferred();
      if (this.#info !== undefined) this.#ended.resolve(this.#info);
    }
    return this.#ended.promise;
  }

  /** Fulfils when the peer's close frame has come; with undefined when the connection has ended without one. Never rejects. */
  get closeReceived(): Promise<CloseStatus | undefined> {
    if (this.#closeReceived === undefined) {
      this.#closeReceived = new Deferred();
      if (this.#received !== undefined || this.#info !== undefined) this.#closeReceived.resolve(this.#received);
    }
    return this.#closeReceived.promise;
  }

  /** How the connection ended, once it has. */
  get info(): CloseInfo | undefined {
    return this.#info;
  }

  /** Why the connection does not end well, as far as that is known. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** What pending and later operations of an ended connection fail with. */
  get closedError(): LocalProtocolError {
    this.#closedError ??= this.own(
      new LocalProtocolError('ERR_WS_CLOSED', 'The session is closed', { cause: this.#error }),
    );
    return this.#closedError;
  }

  /** Notes that an error tells of this connection's end, and gives it back. */
  own<E extends Error>(error: E): E {
    this.#ownErrors ??= new WeakSet();
    this.#ownErrors.add(error);
    return error;
  }

  /** Whether an error only tells that this connection has ended. */
  isOwn(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#ownErrors?.has(error) === true;
  }

  /** Notes who began to close, or was the first to be gone: the first note holds. */
  begunBy(side: 'local' | 'remote'): void {
    this.#initiator ??= side;
  }

  /** The peer's close frame has come. */
  peerCloses(status: CloseStatus | undefined): void {
    this.#received = status;
    this.#closeReceived?.resolve(status);
  }

  /** Notes why the connection does not end well: the first note holds. */
  blame(error: Error | undefined): void {
    this.#error ??= error;
  }

  /** The connection has ended. */
  finish({ received, sent }: Pick<Endpoint, 'received' | 'sent'>, wasClean: boolean, abandoned: Abandoned): void {
    this.#info = {
      closeCode: received?.closeCode ?? CloseCode.ABNORMAL_CLOSURE,
      reason: received?.reason ?? '',
      wasClean,
      initiator: this.#initiator ?? 'remote',
      received,
      sent,
      error: this.#error,
      abandoned,
    };
  }

  /** Tells whoever waits for the end. */
  tell(): void {
    if (this.#info === undefined) return;
    this.#closeReceived?.resolve(this.#received);
    this.#ended?.resolve(this.#info);
  }
}
