// One connection of a server of our own, over a transport: HTTP/1.1 (RFC 9112) until an upgrade. Heads are read under limits and in time; upgrades and refusals go to the site,
// everything else to the user's callback, one request after the other. While a response is made the peer's further requests wait, and beyond a bound so does the peer.

import type { UserContext } from '../connection/context.ts';
import type { BodyFraming } from '../handshake/http-body-decoder.ts';
import { parseTokenList } from '../handshake/http-head.ts';
import { findRequestFraming, HttpRequest, type HttpRequestHead } from '../handshake/http-request.ts';
import { fault, type RequestFault } from '../handshake/opening-request.ts';
import { refuse, serializeHandshake } from '../handshake/server-handshake.ts';
import type { TlsFacts } from '../job/session.ts';
import type { TransportReceiver } from '../stream/transport.ts';
import { type Fetch, type FetchInfo, findUrl } from './fetch-request.ts';
import { HoldingTransport } from './holding-transport.ts';
import { HttpExchange } from './http-exchange.ts';
import { HttpOutput } from './http-output.ts';
import type { Accepted } from './listener.ts';
import type { RequestBody } from './request-body.ts';
import { refuseNotFound, type Site, type SiteConnection } from './site.ts';

/** What a connection needs of its site. */
export type HttpSite = Pick<
  Site<never>,
  'match' | 'upgrade' | 'refuse' | 'refuseRequest' | 'refuseForNow' | 'waiting' | 'engine' | 'limits' | 'isClosing'
>;

/** The server, as its connections see it. */
export interface HttpHost {
  readonly site: HttpSite;
  /** Answers the requests that are no upgrades. Without it the rules of the upgrade refuse them. */
  readonly fetch: Fetch | undefined;
  readonly userContext: UserContext;
  /** How many requests are being answered now. Over the limit `maxConnections` the next is refused. */
  readonly busy: number;
  /** One more is being answered. */
  answering(): void;
  /** One of them is not any more. */
  answered(): void;
  /** The connection has closed. */
  closed(connection: HttpConnection): void;
}

const NOTHING = new Uint8Array(0);

type State = 'head' | 'exchange' | 'drain' | 'passed' | 'closed';

interface Chunk {
  readonly bytes: Uint8Array;
  readonly isOwned: boolean;
}

/** Reads requests from one transport. */
export class HttpConnection implements SiteConnection, TransportReceiver {
  readonly transport: HoldingTransport;
  readonly #accepted: Accepted;
  readonly #host: HttpHost;
  readonly #output: HttpOutput;
  #state: State = 'head';
  #request: HttpRequest | undefined;
  #exchange: HttpExchange | undefined;
  // The body that is being read: of the exchange, or of one that is over.
  #body: RequestBody | undefined;
  #info: FetchInfo | undefined;
  #isFirst = true;
  #timer: unknown;
  // What has come and was not used yet.
  #input: Chunk[] = [];
  #inputBytes = 0;
  #isPaused = false;
  #hasInputEnded = false;
  #isHasty = false;
  readonly #onClosed: (() => void)[] = [];

  constructor(accepted: Accepted, host: HttpHost) {
    const { engine, limits } = host.site;
    this.#accepted = accepted;
    this.#host = host;
    this.transport = new HoldingTransport(accepted.transport, () => this.#closed());
    this.#output = new HttpOutput(this.transport, engine.clock, limits.stallTimeout);
  }

  get localAddress(): string | undefined {
    return this.#accepted.localAddress;
  }

  get remoteAddress(): string | undefined {
    return this.#accepted.remoteAddress;
  }

  get tls(): TlsFacts | undefined {
    return this.#accepted.tls;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Whether a request is being answered. */
  get isBusy(): boolean {
    return this.#exchange !== undefined;
  }

  /** Begins to read. Called once. */
  begin(): void {
    this.#host.site.waiting.add(this);
    this.#expectHead();
    this.transport.start(this);
  }

  // --- For the site ------------------------------------------------------------------------------------------------------

  accept(response: Uint8Array): void {
    this.transport.lead(response);
  }

  respond(response: Uint8Array): void {
    this.#pass();
    this.transport.conclude(response, this.#isHasty);
  }

  destroy(): void {
    this.transport.destroy();
  }

  whenClosed(callback: () => void): void {
    if (this.#state === 'closed') queueMicrotask(callback);
    else this.#onClosed.push(callback);
  }

  // --- For the transport -------------------------------------------------------------------------------------------------

  chunkReceived(bytes: Uint8Array, isOwned: boolean): void {
    if (this.#state === 'passed' || this.#state === 'closed') return;
    this.#input.push({ bytes, isOwned });
    this.#inputBytes += bytes.byteLength;
    this.#work();
  }

  endReceived(): void {
    this.#hasInputEnded = true;
    this.#exchange?.gone(new Error('The client has gone away'));
    this.#work();
  }

  writeTaken(): void {
    this.#output.taken();
  }

  endSent(): void {}

  transportClosed(): void {}

  #closed(): void {
    this.#state = 'closed';
    this.#clearTimer();
    this.#output.close();
    this.#request = undefined;
    this.#dropInput();
    this.#exchange?.gone(new Error('The client has gone away'));
    this.#host.closed(this);
    for (const callback of this.#onClosed.splice(0)) callback();
  }

  // --- What has come -----------------------------------------------------------------------------------------------------

  #work(): void {
    while (this.#input.length > 0 && this.#useFirst());
    // Half a head, or none, and then the end: nobody waits for an answer.
    if (this.#hasInputEnded && (this.#state === 'head' || this.#state === 'drain')) this.#conclude();
    this.#flow();
  }

  /** Uses what it can of the first chunk. False when it has to wait: a request is being answered. */
  #useFirst(): boolean {
    const { bytes } = this.#input[0] as Chunk;
    if (this.#state === 'head') {
      const request = this.#request as HttpRequest;
      this.#used(request.push(bytes));
      if (request.isDone) this.#takeHead(request);
      return true;
    }
    const body = this.#body;
    if (body === undefined || body.isDone) return false;
    this.#used(body.read(bytes, 0));
    if (this.#state === 'drain') this.#continueDrain(body);
    else this.#expectMore(body);
    return true;
  }

  #used(count: number): void {
    const { bytes, isOwned } = this.#input[0] as Chunk;
    this.#inputBytes -= count;
    if (count === bytes.byteLength) this.#input.shift();
    else this.#input[0] = { bytes: bytes.subarray(count), isOwned };
  }

  #dropInput(): void {
    this.#input = [];
    this.#inputBytes = 0;
  }

  // The peer waits while nobody reads its body, or too many of its requests wait.
  #flow(): void {
    if (this.#state === 'passed' || this.#state === 'closed') return;
    const isFull = this.#body?.isFull === true || this.#inputBytes > this.#host.site.limits.lookAhead;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) this.transport.pause();
    else this.transport.resume();
  }

  // --- Heads -------------------------------------------------------------------------------------------------------------

  #expectHead(): void {
    const { engine, limits } = this.#host.site;
    this.#state = 'head';
    this.#request = new HttpRequest(limits);
    this.#timer = engine.clock.setTimeout(() => this.#tooLate(), limits.handshakeTimeout);
  }

  #takeHead({ head, fault: found }: HttpRequest): void {
    this.#clearTimer();
    this.#request = undefined;
    this.#isFirst = false;
    if (head !== undefined) this.#route(head);
    else this.#refuse(found as RequestFault);
  }

  #route(head: HttpRequestHead): void {
    const { site, fetch } = this.#host;
    if (asksForUpgrade(head, fetch === undefined)) return this.#upgrade(head);
    if (fetch === undefined) return site.refuseRequest(head, this);
    const framing = findRequestFraming(head);
    if (typeof framing === 'object') return this.#refuse(framing);
    const url = findUrl(head, this.#accepted.tls === undefined ? 'http' : 'https');
    if (typeof url === 'object') return this.#refuse(url);
    // RFC 9110 §10.1.1: "A server that receives an Expect field value containing a member other than 100-continue MAY respond with a 417".
    if (head.httpVersion !== '1.0' && head.headers.getAll('expect').some((it) => it.toLowerCase() !== '100-continue')) {
      return this.#refuse(fault(417, 'ERR_WS_HANDSHAKE', 'The expectation cannot be met'));
    }
    if (site.isClosing) return site.refuseForNow(this, 'The server is stopping');
    if (this.#host.busy >= site.limits.maxConnections) return site.refuseForNow(this, 'The server is full');
    this.#answer(head, url, framing, fetch);
  }

  #upgrade(head: HttpRequestHead): void {
    const { site } = this.#host;
    const parameters = site.match(head.url);
    if (parameters === undefined) return refuseNotFound(site, this);
    this.#state = 'passed';
    this.transport.detach();
    for (const { bytes, isOwned } of this.#input) this.transport.detach(bytes, isOwned);
    this.#dropInput();
    site.upgrade(head, this, parameters);
  }

  #refuse({ status, code, message, headers }: RequestFault): void {
    this.#host.site.refuse(this, serializeHandshake(refuse(status, code, message, headers)));
  }

  #tooLate(): void {
    // Between two requests nobody waits for an answer.
    if (!this.#isFirst && !(this.#request?.hasBegun ?? false)) return this.#conclude();
    // Who was too slow is not waited for.
    this.#isHasty = true;
    this.#refuse(fault(408, 'ERR_WS_HANDSHAKE', 'The request did not come in time'));
  }

  // --- Requests ----------------------------------------------------------------------------------------------------------

  #answer(head: HttpRequestHead, url: string, framing: BodyFraming, fetch: Fetch): void {
    const { site, userContext } = this.#host;
    const exchange = new HttpExchange({
      head,
      url,
      framing,
      fetch,
      info: this.#findInfo(),
      userContext,
      output: this.#output,
      scheduler: site.engine.scheduler,
      mayKeepAlive: () => !isLast(head) && !site.isClosing && !this.#isAtEnd,
      wanted: () => this.#expectBody(),
      left: () => this.#flow(),
    });
    this.#state = 'exchange';
    this.#exchange = exchange;
    this.#body = exchange.body;
    site.waiting.delete(this);
    this.#host.answering();
    void this.#run(exchange);
  }

  async #run(exchange: HttpExchange): Promise<void> {
    const end = await exchange.run();
    this.#exchange = undefined;
    this.#host.answered();
    if (this.isClosed) return;
    this.#host.site.waiting.add(this);
    if (end === 'cut') this.destroy();
    else if (end === 'close') this.#conclude();
    else this.#drain(exchange.body);
  }

  get #isAtEnd(): boolean {
    return this.#hasInputEnded && this.#inputBytes === 0;
  }

  #findInfo(): FetchInfo {
    if (this.#info === undefined) {
      const { transport: _, ...info } = this.#accepted;
      this.#info = info;
    }
    return this.#info;
  }

  // Some of the body has come, and the next has its time anew, unless nobody waits for it.
  #expectMore(body: RequestBody): void {
    this.#clearTimer();
    if (!body.isFull) this.#expectBody();
  }

  // Somebody waits for more of the body: it is to come in time.
  #expectBody(): void {
    const { engine, limits } = this.#host.site;
    this.#flow();
    if (this.#state !== 'exchange' || this.#timer !== undefined || this.#body?.isDone !== false) return;
    if (limits.stallTimeout === Number.POSITIVE_INFINITY) return;
    this.#timer = engine.clock.setTimeout(() => {
      this.#exchange?.gone(new Error('The rest of the request did not come in time'));
      this.destroy();
    }, limits.stallTimeout);
  }

  // --- Between two requests ----------------------------------------------------------------------------------------------

  // RFC 9112 §9.3: "a server MUST read the entire request message body or close the connection after sending its response".
  #drain(body: RequestBody): void {
    const { engine, limits } = this.#host.site;
    body.fail(new Error('The request was answered before its body was read'));
    this.#clearTimer();
    this.#state = 'drain';
    this.#timer = engine.clock.setTimeout(() => this.#conclude(), limits.handshakeTimeout);
    this.#continueDrain(body);
    this.#work();
  }

  #continueDrain(body: RequestBody): void {
    // What comes behind a body that is malformed cannot be told from it.
    if (body.isBroken || body.isFull) return this.#conclude();
    if (!body.isDone) return;
    this.#clearTimer();
    this.#body = undefined;
    this.#expectHead();
  }

  #conclude(): void {
    const { engine, limits } = this.#host.site;
    this.#pass();
    this.transport.conclude(NOTHING);
    this.#timer = engine.clock.setTimeout(() => this.destroy(), limits.closeTimeout);
  }

  #pass(): void {
    this.#clearTimer();
    this.#state = 'passed';
    this.#request = undefined;
    this.#body = undefined;
    this.#dropInput();
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#host.site.engine.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function isLast(head: HttpRequestHead): boolean {
  return head.httpVersion === '1.0' || lists(head, 'connection', 'close') !== false;
}

/** Whether the list of that field has the token. Undefined when it is malformed. */
function lists({ headers }: HttpRequestHead, name: string, token: string): boolean | undefined {
  return parseTokenList(headers.getAll(name))?.some((element) => element.toLowerCase() === token);
}

/** RFC 9110 §7.8: a server may ignore an Upgrade, and does unless it is to websocket, where somebody answers the request then. One that is malformed is refused by the rules. */
function asksForUpgrade(head: HttpRequestHead, toAnything: boolean): boolean {
  if (!head.headers.has('upgrade') || lists(head, 'connection', 'upgrade') !== true) return false;
  return toAnything || lists(head, 'upgrade', 'websocket') !== false;
}
