// Real clients, each as the same small peer: the `ws` package and undici's WebSocket.

import { WebSocket as UndiciWebSocket } from 'undici';
import { type ClientOptions, WebSocket as WsWebSocket } from 'ws';
import { within } from './until.ts';

/** How a client saw the end. */
export interface PeerEnd {
  readonly code: number;
  readonly reason: string;
}

/** A client that is connected. */
export interface Peer {
  send(message: string | Uint8Array): void;
  /** The next message; rejects when the connection ends before. */
  receive(): Promise<string | Uint8Array>;
  close(code?: number, reason?: string): void;
  /** How the connection ended, once it has. */
  ended(): Promise<PeerEnd>;
  /** Bytes that wait to be sent. */
  readonly buffered: number;
  /** The extensions that were agreed on, as the library tells them. */
  readonly extensions: string;
}

/** A peer of the `ws` package, with its socket, for what only it can do. */
export interface WsPeer extends Peer {
  readonly socket: WsWebSocket;
}

/** A client library. */
export interface Client {
  readonly name: string;
  /** Whether it may close with a code that the WebSocket API reserves for the browser. */
  readonly sendsAllCodes: boolean;
  open(url: string, protocols?: string[]): Promise<Peer>;
}

/** Messages that have come, and those who wait for one. */
class Mailbox {
  #messages: (string | Uint8Array)[] = [];
  #head = 0;
  #isOver = false;
  #wake: () => void = () => {};

  push(message: string | Uint8Array): void {
    this.#messages.push(message);
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async take(): Promise<string | Uint8Array> {
    while (this.#head === this.#messages.length) {
      if (this.#isOver) throw new Error('The connection has ended before a message came');
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(woken, 'a message from the server');
    }
    return this.#messages[this.#head++] as string | Uint8Array;
  }
}

/** Connects with the `ws` package. */
export async function openWs(url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<WsPeer> {
  const socket = new WsWebSocket(url, protocols, { maxPayload: 64 * 1024 * 1024, ...options });
  const opened = new Promise<void>((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  const peer = toWsPeer(socket);
  await within(opened, 'a connection of ws');
  return peer;
}

/** Makes a peer of a socket of the `ws` package, of its client or of its server, before its first message has come. */
export function toWsPeer(socket: WsWebSocket): WsPeer {
  const mailbox = new Mailbox();
  socket.on('message', (data, isBinary) => mailbox.push(isBinary ? (data as Buffer) : data.toString()));
  const closed = new Promise<PeerEnd>((resolve) => {
    socket.on('close', (code, reason) => {
      mailbox.end();
      resolve({ code, reason: reason.toString() });
    });
  });
  return {
    socket,
    send: (message) => socket.send(message),
    receive: () => mailbox.take(),
    close: (code, reason) => socket.close(code, reason),
    ended: () => within(closed, 'the end of a connection of ws'),
    get buffered() {
      return socket.bufferedAmount;
    },
    get extensions() {
      return socket.extensions;
    },
  };
}

/** Connects with undici's WebSocket, which is that of Node and behaves as a browser's. */
export async function openUndici(url: string, protocols: string[] = []): Promise<Peer> {
  const socket = new UndiciWebSocket(url, protocols);
  socket.binaryType = 'arraybuffer';
  const mailbox = new Mailbox();
  socket.addEventListener('message', ({ data }) =>
    mailbox.push(typeof data === 'string' ? data : new Uint8Array(data)),
  );
  const closed = new Promise<PeerEnd>((resolve) => {
    socket.addEventListener('close', ({ code, reason }) => {
      mailbox.end();
      resolve({ code, reason });
    });
  });
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', ({ error }) => reject(error));
  });
  await within(opened, 'a connection of undici');
  return {
    send: (message) => socket.send(message),
    receive: () => mailbox.take(),
    close: (code, reason) => socket.close(code, reason),
    ended: () => within(closed, 'the end of a connection of undici'),
    get buffered() {
      return socket.bufferedAmount;
    },
    get extensions() {
      return socket.extensions;
    },
  };
}

/** The clients that every server battery runs with. */
export const clients: readonly Client[] = [
  { name: 'ws', sendsAllCodes: true, open: openWs },
  { name: 'undici', sendsAllCodes: false, open: openUndici },
];
