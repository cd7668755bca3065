// Servers for a WebSocketStream, each as the same small host: our own, that of the `ws` package, and one by hand over TCP.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import * as assert from 'uvu/assert';
import { WebSocketServer as WsWebSocketServer } from 'ws';
import type { Session } from '../../lib/job/session.ts';
import { closePayload, wire } from './frames.ts';
import { toWsPeer, type WsPeer } from './peers.ts';
import { closeStatus, type PeerFrame, RawClient } from './raw-client.ts';
import { startServer, type TestServer } from './server.ts';
import { until, within } from './until.ts';

/** What a close frame said. */
export interface Said {
  readonly code: number;
  readonly reason: string;
}

/** The server's side of one connection. It reads nothing until it is asked for a message or for the end. */
export interface HostPeer {
  send(message: string | Uint8Array): void;
  /** The next message. */
  receive(): Promise<string | Uint8Array>;
  /** Sends a close frame; without a code it is empty. */
  close(code?: number, reason?: string): void;
  /** What the close frame of the WebSocketStream says; it is answered. Reads all that comes before it. */
  closed(): Promise<Said>;
  /** Bytes that wait to be sent. */
  readonly queued: number;
}

export interface Host<P extends HostPeer = HostPeer> extends AsyncDisposable {
  readonly url: string;
  /** The next connection that nobody has asked for yet. */
  next(): Promise<P>;
}

/** A kind of server. Each chooses the first protocol that is offered. */
export interface HostKind {
  readonly name: string;
  start(): Promise<Host>;
}

const LIMIT = 64 * 1024 * 1024;

// --- Our own ---------------------------------------------------------------------------------------------------------

class OurPeer implements HostPeer {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  send(message: string | Uint8Array): void {
    void this.#session.send(message);
  }

  async receive(): Promise<string | Uint8Array> {
    const message = await within(this.#session.receive(), 'a message');
    if (message === undefined) throw new Error('The session has ended before a message came');
    return message;
  }

  close(code?: number, reason?: string): void {
    void this.#session.close(code ?? null, reason);
  }

  async closed(): Promise<Said> {
    while ((await within(this.#session.receive(), 'the end of the messages')) !== undefined);
    const { closeCode, reason } = await within(this.#session.close(), 'the end of a session');
    return { code: closeCode, reason };
  }

  get queued(): number {
    return this.#session.counters.queued;
  }
}

class OurHost implements Host {
  readonly #server: TestServer;

  constructor(server: TestServer) {
    this.#server = server;
  }

  get url(): string {
    return this.#server.url;
  }

  async next(): Promise<HostPeer> {
    return new OurPeer(await this.#server.session());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

async function startOurs(): Promise<Host> {
  const chooseSubprotocol = ([first]: readonly string[]): string | undefined => first;
  const handler = (session: Session): Promise<unknown> => session.closed;
  return new OurHost(await startServer(handler as never, { limits: { maxMessageSize: LIMIT }, chooseSubprotocol }));
}

// --- ws --------------------------------------------------------------------------------------------------------------

class WsHostPeer implements HostPeer {
  readonly #peer: WsPeer;

  constructor(peer: WsPeer) {
    this.#peer = peer;
    peer.socket.on('error', () => {});
    peer.socket.pause();
  }

  send(message: string | Uint8Array): void {
    this.#peer.send(message);
  }

  async receive(): Promise<string | Uint8Array> {
    this.#peer.socket.resume();
    return this.#peer.receive();
  }

  close(code?: number, reason?: string): void {
    this.#peer.socket.resume();
    this.#peer.close(code, reason);
  }

  closed(): Promise<Said> {
    this.#peer.socket.resume();
    return this.#peer.ended();
  }

  get queued(): number {
    return this.#peer.buffered;
  }
}

class WsHost implements Host {
  readonly #server: WsWebSocketServer;
  readonly #peers: WsHostPeer[] = [];

  constructor(server: WsWebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => this.#peers.push(new WsHostPeer(toWsPeer(socket))));
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async next(): Promise<HostPeer> {
    await until(() => this.#peers.length > 0, 'a connection of ws');
    return this.#peers.shift() as HostPeer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function startWs(): Promise<Host> {
  const server = new WsWebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: LIMIT });
  await once(server, 'listening');
  return new WsHost(server);
}

// --- By hand ---------------------------------------------------------------------------------------------------------

/** The server's side of a TCP connection: nothing is said on it that the test does not say. */
export class RawPeer implements HostPeer {
  readonly client: RawClient;
  #request = '';

  constructor(client: RawClient) {
    this.client = client;
  }

  /** The head of the opening handshake. */
  async request(): Promise<string> {
    while (!this.#request.endsWith('\r\n\r\n')) this.#request += (await this.client.take(1)).toString('latin1');
    return this.#request;
  }

  /** Accepts the opening handshake. */
  async accept(protocol?: string): Promise<void> {
    const key = /^sec-websocket-key: (.*)\r$/im.exec(await this.request())?.[1];
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const fields = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
    if (protocol !== undefined) fields.push(`Sec-WebSocket-Protocol: ${protocol}`);
    this.respond('101 Switching Protocols', ...fields);
  }

  respond(status: string, ...fields: readonly string[]): void {
    this.client.send(Buffer.from(`HTTP/1.1 ${[status, ...fields].join('\r\n')}\r\n\r\n`));
  }

  send(message: string | Uint8Array): void {
    this.client.send(wire({ opcode: typeof message === 'string' ? 1 : 2, payload: message }));
  }

  async receive(): Promise<string | Uint8Array> {
    const { opcode, payload } = await this.frame();
    assert.ok(opcode === 1 || opcode === 2, `a message, no frame of opcode ${opcode}`);
    return opcode === 1 ? payload.toString() : new Uint8Array(payload);
  }

  close(code?: number, reason = ''): void {
    this.client.send(wire({ opcode: 8, payload: code === undefined ? '' : closePayload(code, reason) }));
  }

  async closed(): Promise<Said> {
    const said = await this.closeFrame();
    this.close(said.code === 1005 ? undefined : said.code, said.reason);
    this.client.end();
    return said;
  }

  /** The next frame. */
  async frame(): Promise<PeerFrame> {
    this.client.resume();
    const frame = await this.client.frame();
    assert.is(frame.isMasked, true);
    return frame;
  }

  /** What the close frame of the WebSocketStream says; it is not answered. */
  async closeFrame(): Promise<Said> {
    let frame = await this.frame();
    while (frame.opcode !== 8) frame = await this.frame();
    return closeStatus(frame);
  }

  get queued(): number {
    return this.client.socket.writableLength;
  }
}

/** A TCP server: its connections are accepted, and nothing more. */
export class RawHost implements Host<RawPeer> {
  readonly #server: Server;
  readonly #isAccepting: boolean;
  readonly #peers: RawPeer[] = [];
  /** TCP connections so far. */
  connections = 0;

  constructor(server: Server, isAccepting: boolean) {
    this.#server = server;
    this.#isAccepting = isAccepting;
    server.on('connection', (socket) => {
      this.connections++;
      this.#peers.push(new RawPeer(new RawClient(socket)));
    });
  }

  /** @param isAccepting Whether opening handshakes are accepted at once, or left to the test. */
  static async start(isAccepting = true): Promise<RawHost> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new RawHost(server, isAccepting);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that nobody has asked for yet. */
  get waiting(): number {
    return this.#peers.length;
  }

  async next(): Promise<RawPeer> {
    await until(() => this.#peers.length > 0, 'a TCP connection');
    const peer = this.#peers.shift() as RawPeer;
    if (!this.#isAccepting) return peer;
    const offered = /^sec-websocket-protocol: ([^,\r]*)/im.exec(await peer.request())?.[1];
    await peer.accept(offered);
    peer.client.pause();
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    RawClient.destroyAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The servers that the battery of the WebSocketStream runs with. */
export const hostKinds: readonly HostKind[] = [
  { name: 'our server', start: startOurs },
  { name: 'the server of ws', start: startWs },
  { name: 'a server by hand', start: () => RawHost.start() },
];
