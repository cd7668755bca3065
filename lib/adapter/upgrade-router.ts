// The sites that are attached to a server of the application's own, behind one listener: which of them an upgrade is for, and what becomes of one that is for
// none. They are guests there: plain requests are none of their business, and neither are the upgrades that other listeners take.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Clock } from '../connection/context.ts';
import { parseTokenList } from '../handshake/http-head.ts';
import { http } from './node-http.ts';
import { toRequestHead, toUpgradedConnection } from './node-site.ts';
import { refuseNotFound, type Site } from './site.ts';

/**
 * A server that speaks HTTP/1.1: that of `node:http` or `node:https`, or one of `node:http2` with `allowHTTP1: true`. (One of `node:http2` without it is a TypeError; it is
 * of this type since the declarations of frameworks do not tell which theirs is.)
 */
export type HttpServer = Server | TlsServer | Http2Server | Http2SecureServer;

/** What the router needs of a site. */
export type RoutedSite = Pick<Site<unknown>, 'match' | 'upgrade' | 'refuse'>;

/** How long an upgrade that is left to other listeners may stay without an answer, in milliseconds, and who says when that has passed. */
export interface Patience {
  readonly clock: Clock;
  readonly timeout: number;
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What is the same for all kinds of servers, and all that is used of them. */
interface Emitter {
  on(event: 'upgrade', listener: UpgradeListener): unknown;
  off(event: 'upgrade', listener: UpgradeListener): unknown;
  listeners(event: 'upgrade'): unknown[];
  emit(event: string, ...values: unknown[]): boolean;
}

// Marks the listeners of routers, of another copy of this module too: they leave to each other what is for none.
const GUEST = Symbol.for('millrace.guest');

const NOTHING = new Uint8Array(0);

const routers = new WeakMap<HttpServer, UpgradeRouter>();

/** @throws TypeError when it is no server that speaks HTTP/1.1. */
export function routerOf(server: HttpServer): UpgradeRouter {
  const found = routers.get(server);
  if (found !== undefined) return found;
  checkServer(server);
  const router = new UpgradeRouter(server);
  routers.set(server, router);
  return router;
}

/** Routes the 'upgrade' events of one server to its sites. */
export class UpgradeRouter {
  readonly #sites = new Map<RoutedSite, Patience>();
  readonly #server: Emitter;
  readonly #listener: UpgradeListener;
  /** The `emit` of the server, while {@link #outerEmit} is in its place. */
  #innerEmit: Emitter['emit'] | undefined;
  readonly #outerEmit: Emitter['emit'];

  constructor(server: HttpServer) {
    this.#server = server as Emitter;
    const listener: UpgradeListener = (request, socket, head) => {
      if (!this.#take(request, socket, head)) this.#leave(request, socket);
    };
    this.#listener = Object.assign(listener, { [GUEST]: true });
    this.#outerEmit = (event, ...values) => {
      if (event === 'upgrade' && this.#take(...(values as Parameters<UpgradeListener>))) return true;
      return Reflect.apply(this.#innerEmit as Emitter['emit'], this.#server, [event, ...values]);
    };
  }

  add(site: RoutedSite, patience: Patience): void {
    this.#sites.set(site, patience);
    if (this.#sites.size > 1) return;
    this.#server.on('upgrade', this.#listener);
    this.#comeFirst();
  }

  remove(site: RoutedSite): void {
    if (!this.#sites.delete(site) || this.#sites.size > 0) return;
    this.#server.off('upgrade', this.#listener);
    this.#stepBack();
  }

  // Other listeners do not get to see what is for a site. An emitter tells all its listeners, and many of them write a refusal to whatever is not theirs
  // (`new WebSocketServer({ server, path })` of ws would put its 400 between the frames of a session). So the sites are asked before the listeners are told.
  #comeFirst(): void {
    if (this.#innerEmit !== undefined) return;
    this.#innerEmit = this.#server.emit;
    this.#server.emit = this.#outerEmit;
  }

  // Where somebody has put an `emit` of his own above this one, it stays, and lets everything through.
  #stepBack(): void {
    if (this.#server.emit !== this.#outerEmit || this.#innerEmit === undefined) return;
    this.#server.emit = this.#innerEmit;
    this.#innerEmit = undefined;
  }

  // The first that matches, in the order in which they were attached.
  #take(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (!isWebSocket(request)) return false;
    for (const site of this.#sites.keys()) {
      const parameters = site.match(request.url ?? '');
      if (parameters === undefined) continue;
      behindResponses(socket, () =>
        site.upgrade(toRequestHead(request), toUpgradedConnection(request, socket, head), parameters),
      );
      return true;
    }
    return false;
  }

  // What is for none of the sites.
  #leave(request: IncomingMessage, socket: Duplex): void {
    const [first] = this.#sites;
    if (first === undefined) return;
    const [site, patience] = first;
    const listeners = this.#server.listeners('upgrade');
    const isGuest = (listener: unknown): boolean => GUEST in (listener as object);
    const refuse = (): void => refuseNotFound(site, toUpgradedConnection(request, socket, NOTHING));
    if (!listeners.every(isGuest)) {
      if (isWebSocket(request)) waitForAnswer(socket, patience, refuse);
      return;
    }
    if (listeners.find(isGuest) !== this.#listener) return;
    if (isWebSocket(request)) behindResponses(socket, refuse);
    else behindResponses(socket, () => this.#giveBack(request, socket));
  }

  // Without an 'upgrade' listener Node would have ignored the Upgrade of another protocol (h2c), as RFC 9110 §7.8 allows, and the application would have
  // answered the request. Node has let go of its parser: the connection ends with the response.
  #giveBack(request: IncomingMessage, socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.on('finish', () => {
      response.detachSocket(request.socket);
      socket.end();
      socket.resume();
    });
    this.#server.emit('request', request, response);
  }
}

// A client may ask for more before it has its answers (pipelining, RFC 9112 §9.3.2: "A server MAY process a sequence of pipelined requests in parallel ... but it MUST send the
// corresponding responses in the same order that the requests were received"). Node tells of the upgrade at once: then the responses of the application are waited for, or
// they would come between the frames.
function behindResponses(socket: Duplex, action: () => void): void {
  // No documented name tells which response a socket is writing; this one is what the packages of Express and Koa ask.
  const { _httpMessage: response } = socket as Duplex & { readonly _httpMessage?: ServerResponse | null };
  if (!response || response.destroyed) return action();
  const destroy = (): unknown => socket.destroy();
  socket.once('error', destroy);
  response.once('close', () => {
    // RFC 9112 §9.6: a server that has sent "close" "MUST NOT process any further requests received on that connection".
    if (!socket.writable) return;
    behindResponses(socket, action);
    socket.off('error', destroy);
  });
}

// An upgrade that is left to other listeners may be nobody's: one listener leaves it to the next, and its connection would stay open for ever. Whoever takes it writes an
// answer, reads, or ends it; an upgrade with which nothing of that happens in the time is refused.
function waitForAnswer(socket: Duplex, { clock, timeout }: Patience, refuse: () => void): void {
  if (timeout === Number.POSITIVE_INFINITY) return;
  const counting = socket as Duplex & { readonly bytesWritten?: number };
  const before = counting.bytesWritten;
  const timer = clock.setTimeout(() => {
    const isRead = socket.readableFlowing !== null || socket.listenerCount('readable') > 0;
    const isWritten = counting.bytesWritten !== before || socket.writableLength > 0;
    if (!isRead && !isWritten && socket.writable) refuse();
  }, timeout);
  socket.once('close', () => clock.clearTimeout(timer));
}

function isWebSocket(request: IncomingMessage): boolean {
  const protocols = parseTokenList([request.headers.upgrade ?? '']);
  return protocols === undefined || protocols.some((protocol) => protocol.toLowerCase() === 'websocket');
}

// By what it has, not by its class: a server may be one of another copy of these modules, or a subclass of the user's.
function checkServer(server: unknown): void {
  const methods = ['on', 'off', 'emit', 'listeners', 'close', 'address'];
  const isServer = methods.every(
    (name) => typeof (server as Record<string, unknown> | undefined)?.[name] === 'function',
  );
  if (!isServer)
    throw new TypeError(
      'Cannot attach: it takes the http.Server under the application (what app.listen() returns, or app.server)',
    );
  // HTTP/2 has another way to open a WebSocket (RFC 8441), and servers of node:http2 never tell of an 'upgrade'.
  const speaksHttp1 = 'headersTimeout' in (server as object);
  if (!speaksHttp1)
    throw new TypeError('Cannot attach: the server speaks no HTTP/1.1 (node:http2 does with allowHTTP1: true)');
}
