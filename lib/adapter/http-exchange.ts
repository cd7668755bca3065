// One request that is no upgrade, and its response: the user's callback between the two.

import { reportError, type Scheduler, type UserContext } from '../connection/context.ts';
import type { BodyFraming } from '../handshake/http-body-decoder.ts';
import type { HttpRequestHead } from '../handshake/http-request.ts';
import { createRequest, type Fetch, type FetchInfo, mayHaveBody } from './fetch-request.ts';
import type { HttpOutput } from './http-output.ts';
import { HttpResponder } from './http-responder.ts';
import { RequestBody, type RequestBodyEvents } from './request-body.ts';

export interface HttpExchangeOptions extends RequestBodyEvents {
  readonly head: HttpRequestHead;
  readonly url: string;
  readonly framing: BodyFraming;
  readonly fetch: Fetch;
  readonly info: FetchInfo;
  readonly userContext: UserContext;
  readonly output: HttpOutput;
  readonly scheduler: Scheduler;
  /** Whether the connection may go on behind the response, as far as others know. */
  readonly mayKeepAlive: () => boolean;
}

/** Asked for a response, in bytes, before a final one: the client waits for it with the body. RFC 9110 §10.1.1. */
const CONTINUE = new TextEncoder().encode('HTTP/1.1 100 Continue\r\n\r\n');

/** How an exchange has ended: the connection can go on, is to be closed, or to be cut since a response is not whole. */
export type ExchangeEnd = 'next' | 'close' | 'cut';

/** Begins with the head of the request. */
export class HttpExchange {
  readonly body: RequestBody;
  readonly #options: HttpExchangeOptions;
  readonly #abort = new AbortController();
  readonly #responder: HttpResponder;
  #isContinued: boolean;

  constructor(options: HttpExchangeOptions) {
    const { head, framing, output, scheduler } = options;
    this.#options = options;
    this.#isContinued = head.httpVersion === '1.0' || !head.headers.has('expect');
    this.body = new RequestBody(framing, { wanted: () => this.#wanted(), left: () => options.left() });
    this.#responder = new HttpResponder({
      method: head.method,
      httpVersion: head.httpVersion,
      // A client that was not told to go on may send the body, or not: where the next request begins cannot be told.
      keepsAlive: () => options.mayKeepAlive() && (this.#isContinued || this.body.isDone),
      output,
      scheduler,
    });
  }

  /** Calls the user, and writes what he gives. Never rejects. */
  async run(): Promise<ExchangeEnd> {
    const { head, url, userContext } = this.#options;
    const { signal } = this.#abort;
    let response: Response | undefined;
    try {
      // Without a body it is complete already; then there is no stream.
      const body = mayHaveBody(head.method) && this.#options.framing !== 0 ? this.body.open() : null;
      response = await this.#call(createRequest(head, url, body, signal));
      if (this.#options.output.isClosed) return this.#abandon(response);
      return (await this.#responder.send(response)) ? 'next' : 'close';
    } catch (error) {
      // One that ends because the client is gone has not failed.
      if (!(signal.aborted && error === signal.reason)) reportError(userContext, error);
      return this.#fail();
    }
  }

  /** The client has gone away, or says no more. A response can still be written unless the connection has closed. */
  gone(reason: Error): void {
    if (!this.body.isDone) this.body.fail(reason);
    this.#abort.abort(reason);
    if (this.#options.output.isClosed) this.#responder.abort(reason);
  }

  #call(request: Request): Response | Promise<Response> {
    const { fetch, info, userContext } = this.#options;
    const run = userContext.run ?? (<T>(callback: () => T): T => callback());
    return run(() => fetch(request, info));
  }

  #wanted(): void {
    if (!this.#isContinued && !this.#responder.hasBegun) void this.#options.output.write([CONTINUE]);
    this.#isContinued = true;
    this.#options.wanted();
  }

  #abandon(response: Response): ExchangeEnd {
    if (response.body?.locked === false) response.body.cancel().catch(() => {});
    return 'cut';
  }

  // Nothing of the error goes to the peer.
  async #fail(): Promise<ExchangeEnd> {
    if (this.#responder.hasBegun || this.#options.output.isClosed) return 'cut';
    const headers = { 'content-type': 'text/plain; charset=utf-8', connection: 'close' };
    try {
      await this.#responder.send(new Response('The server failed\n', { status: 500, headers }));
      return 'close';
    } catch {
      return 'cut';
    }
  }
}
