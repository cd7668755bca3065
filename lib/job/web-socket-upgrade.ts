// The opening handshake of a server and the upgrade behind it, from the head of a request: RFC 6455 §4.2. It reads no socket and writes none:
// an adapter writes `response()`, and hands the byte streams to `upgrade`.

import type { HandshakeError } from '../error.ts';
import type { ExtensionOffer } from '../extension/extension-header.ts';
import type { HeaderFields, RequestHead } from '../handshake/http-head.ts';
import {
  type ServerHandshake,
  type ServerHandshakeOptions,
  ServerHandshakeRules,
  serializeHandshake,
} from '../handshake/server-handshake.ts';
import type { ConnectionLimits, HandshakeLimits } from '../limits.ts';
import type { Transport } from '../stream/transport.ts';
import type { EngineContext, UserContext } from './context.ts';
import type { Handler, Job } from './job.ts';
import { type UpgradeOptions, upgrade, upgradeTransport } from './upgrade.ts';

export interface WebSocketUpgradeOptions extends Omit<ServerHandshakeOptions, 'limits'> {
  /** The rules of a server that applies them to each request: instead of the options of the handshake. */
  readonly rules?: ServerHandshakeRules;
  /** The IP address that the connection came in on: on a loopback address only loopback names are admitted as `Host`. */
  readonly localAddress?: string;
  /** The address of the peer, for the session. */
  readonly remoteAddress?: string;
  /** What is left out is as in `defaultLimits`. */
  readonly limits?: Partial<ConnectionLimits & HandshakeLimits>;
  /** The most bytes of payload of a frame that is sent; longer messages go out in fragments. Default: no limit. */
  readonly fragmentSize?: number;
}

/**
 * The answer to a request, and the upgrade when the answer is 101. Never throws for what a request holds.
 *
 * @example
 * server.on('upgrade', (request, socket, head) => {
 *   const upgrade = new WebSocketUpgrade(toRequestHead(request), {}, (session) => session.readable.pipeTo(session.writable));
 *   socket.write(upgrade.response());
 *   if (upgrade.status !== 101) return socket.end();
 *   const { readable, writable } = toByteStreams(socket, head);
 *   upgrade.upgrade(readable, writable);
 * });
 */
export class WebSocketUpgrade {
  readonly #handshake: ServerHandshake;
  readonly #options: UpgradeOptions;

  /** @throws TypeError, RangeError when an option is wrong. */
  constructor(head: RequestHead, options: WebSocketUpgradeOptions, handler?: Handler) {
    const { rules, localAddress, remoteAddress, limits, fragmentSize } = options;
    this.#handshake = (rules ?? new ServerHandshakeRules(options)).apply(head, localAddress);
    const { subprotocol, request } = this.#handshake;
    const { method, url, httpVersion = '1.1' } = head;
    this.#options = {
      role: 'server',
      subprotocol,
      request: { method, url, httpVersion, headers: request },
      ...(remoteAddress === undefined ? undefined : { remoteAddress }),
      ...(handler === undefined ? undefined : { handler }),
      ...(limits === undefined ? undefined : { limits }),
      ...(fragmentSize === undefined ? undefined : { fragmentSize }),
    };
  }

  /** 101, or the status of the refusal. */
  get status(): number {
    return this.#handshake.status;
  }

  /** The header fields of the response. */
  get headers(): readonly (readonly [string, string])[] {
    return this.#handshake.headers;
  }

  /** The body of a refusal; '' for 101. */
  get body(): string {
    return this.#handshake.body;
  }

  /** Why the request was refused; undefined for 101. */
  get error(): HandshakeError | undefined {
    return this.#handshake.error;
  }

  /** The header fields of the request. */
  get requestHeaders(): HeaderFields {
    return this.#handshake.request;
  }

  /** The subprotocol that was chosen; '' when none. */
  get subprotocol(): string {
    return this.#handshake.subprotocol;
  }

  /** The extensions that the client offers, by name. Nothing is negotiated yet. */
  get extensionOffers(): ReadonlyMap<string, readonly ExtensionOffer[]> {
    return this.#handshake.offers;
  }

  /** The response as bytes: the head of the 101, or the whole refusal. */
  response(): Uint8Array {
    return serializeHandshake(this.#handshake);
  }

  /**
   * Starts the job over the byte streams of the connection, behind the request's head and our response.
   *
   * @throws TypeError unless the status is 101, or when a stream is locked.
   */
  upgrade(
    input: ReadableStream<Uint8Array>,
    output: WritableStream<Uint8Array>,
    engineContext?: EngineContext,
    userContext?: UserContext,
  ): Job {
    this.#assertAccepted();
    return upgrade(input, output, engineContext, userContext, this.#options);
  }

  /** As {@link upgrade}, for an adapter that has no need of streams. */
  upgradeTransport(transport: Transport, engineContext?: EngineContext, userContext?: UserContext): Job {
    this.#assertAccepted();
    return upgradeTransport(transport, engineContext, userContext, this.#options);
  }

  #assertAccepted(): void {
    if (this.status !== 101) throw new TypeError(`Cannot upgrade: the request was refused with ${this.status}`);
  }
}
