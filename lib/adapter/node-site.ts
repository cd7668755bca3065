// What a site sees of a server of `node:http` or `node:https`: the sockets of its upgrades as connections.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { RequestHead } from '../handshake/http-head.ts';
import type { Refusal } from '../job/refusal.ts';
import type { TlsFacts, UpgradeRequest } from '../job/session.ts';
import type { Delivery } from '../job/session-kind.ts';
import type { Transport } from '../stream/transport.ts';
import { NodeTransport } from './node-duplex.ts';
import type { SiteConnection, SiteOptions } from './site.ts';
import { toTlsFacts } from './tls-facts.ts';

/** What `admit` is told beside the request. */
export interface AdmitOptions {
  /** Aborted when the client goes away meanwhile. */
  readonly signal: AbortSignal;
  /** The request as `node:http` has it: for middleware of Express or Koa, for what finds a session or a user by it. Its socket is not theirs to write to. */
  readonly incoming: IncomingMessage;
}

/** The options of `serve` and of `attach` on Node. */
export interface NodeSiteOptions<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends Omit<SiteOptions<C, R, M>, 'admit'> {
  /**
   * Looks at the request and gives the session's `context`, or a {@link Refusal}. May take as long as it wants; its signal is aborted when the client goes away
   * meanwhile. One that throws is answered with 500, and its error goes to the user context.
   */
  readonly admit?: (request: UpgradeRequest, options: AdmitOptions) => C | Refusal | Promise<C | Refusal>;
}

/** The same for a site: its connections have the request of `node:http` as what `admit` is told beside. */
export function toSiteOptions<C, R extends boolean, M extends Delivery>(
  options: NodeSiteOptions<C, R, M>,
): SiteOptions<C, R, M> {
  return options as SiteOptions<C, R, M>;
}

type AddressedDuplex = Duplex & {
  readonly localAddress?: string;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  setTimeout?(time: number): void;
};

/** A socket that a server has handed over: with an 'upgrade' event, or with one that tells that nothing can be made of what it sent. */
export class NodeConnection implements SiteConnection {
  readonly #socket: AddressedDuplex;
  #head: Uint8Array | undefined;
  #transport: NodeTransport | undefined;
  #incoming: IncomingMessage | undefined;
  readonly #localAddress: string | undefined;

  /**
   * @param head Bytes that came behind the head of the request: they are read first.
   * @param localAddress The address that the peer has connected to, where that is known already: to ask the system costs a call.
   */
  constructor(socket: Duplex, head?: Uint8Array, incoming?: IncomingMessage, localAddress?: string) {
    this.#socket = socket;
    this.#localAddress = localAddress;
    // An empty one would hold the whole chunk in which the request came.
    this.#head = head?.byteLength === 0 ? undefined : head;
    this.#incoming = incoming;
  }

  /** The request, until it is answered: nobody is to hold it for as long as the session lives. */
  get incoming(): IncomingMessage | undefined {
    return this.#incoming;
  }

  // A TLS socket and the TCP socket underneath are one connection: what they share is the address of the peer.
  get key(): unknown {
    const { remoteAddress, remotePort } = this.#socket;
    return remotePort === undefined ? this.#socket : `${remoteAddress} ${remotePort}`;
  }

  get transport(): Transport {
    if (this.#transport === undefined) {
      this.#transport = new NodeTransport(this.#socket, this.#head);
      this.#head = undefined;
      // The transport listens to its errors now.
      this.#socket.off('error', ignore);
    }
    return this.#transport;
  }

  get localAddress(): string | undefined {
    return this.#localAddress ?? this.#socket.localAddress;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get tls(): TlsFacts | undefined {
    return this.#socket instanceof TLSSocket ? toTlsFacts(this.#socket) : undefined;
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  accept(response: Uint8Array): void {
    this.#incoming = undefined;
    this.#socket.setTimeout?.(0);
    this.#socket.write(response);
  }

  respond(response: Uint8Array): void {
    this.#incoming = undefined;
    this.#socket.end(response);
    this.#socket.resume();
  }

  whenClosed(callback: () => void): void {
    // It is told once: `once` would hold as much again for nothing.
    this.#socket.on('close', callback);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The connection of an 'upgrade' event. Called in its turn: from now on no error of the socket is without a listener. */
export function toUpgradedConnection(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  localAddress?: string,
): NodeConnection {
  socket.on('error', ignore);
  return new NodeConnection(socket, head, request, localAddress);
}

/**
 * The head of a request of `node:http`, with every header field as it came.
 *
 * @example
 * http.on('upgrade', (request, socket) => {
 *   const upgrade = new WebSocketUpgrade(toRequestHead(request), {}, handler);
 *   socket.write(upgrade.response());
 * });
 */
export function toRequestHead(request: IncomingMessage): RequestHead {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.push([rawHeaders[index] as string, rawHeaders[index + 1] as string]);
  }
  return { method, url, httpVersion, headers };
}

// One for all sockets.
function ignore(): void {}
