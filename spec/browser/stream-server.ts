// A server by hand for what no good server does: each path is a way to treat a client. What the server has seen of a connection is asked for by another one.

import { setTimeout as delay } from 'node:timers/promises';
import { wire } from '../support/frames.ts';
import { RawHost, type RawPeer } from '../support/stream-hosts.ts';

/** What is told of a connection, by the `id` of its query. */
interface Seen {
  /** Bytes that the socket has taken. */
  sent: number;
  /** Bytes of messages that have come. */
  received: number;
  messages: number;
  /** What the client's close frame said. */
  close: string;
  go: () => void;
  readonly gone: Promise<void>;
}

const KIB = 1024;
const MIB = 1024 * KIB;

type Treat = (peer: RawPeer, seen: Seen, argument: string) => Promise<unknown> | unknown;

const ways: Readonly<Record<string, Treat>> = {
  /** Sends 1, 2, 3, and closes with 3001. */
  async three(peer, seen) {
    for (const text of ['1', '2', '3']) peer.send(text);
    peer.close(3001, 'done');
    await readToClose(peer, seen);
    peer.client.end();
  },
  /** Closes with a code, or with an empty close frame. */
  async close(peer, seen, code) {
    peer.close(code === '' ? undefined : Number(code), code === '' ? '' : 'said');
    await readToClose(peer, seen);
    peer.client.end();
  },
  /** Sends a message and ends TCP without a close frame. */
  drop(peer) {
    peer.send('last words');
    peer.client.end();
  },
  /** Resets TCP as soon as it is told to. */
  async reset(peer, seen) {
    peer.send('last words');
    await seen.gone;
    peer.client.reset();
  },
  /** Sends what breaks the protocol behind a message. */
  async wrong(peer, _, kind) {
    peer.send('before');
    if (kind === 'opcode') peer.client.send(wire({ opcode: 3, payload: 'x' }));
    else if (kind === 'utf8') peer.client.send(wire({ opcode: 1, payload: Uint8Array.of(0xff) }));
    else if (kind === 'mask')
      peer.client.send(wire({ opcode: 1, payload: 'x', maskingKey: Uint8Array.of(1, 2, 3, 4) }));
    else peer.client.send(wire({ opcode: 8, payload: Uint8Array.of(3, 237) }));
    await peer.client.ending;
    peer.client.end();
  },
  /** Takes what comes, and answers the client's close frame with the end of TCP alone. */
  async unanswered(peer, seen) {
    await readToClose(peer, seen);
    peer.client.end();
  },
  /** Answers the client's close frame with a code of its own. */
  async other(peer, seen) {
    await readToClose(peer, seen);
    peer.close(4321, 'mine');
    peer.client.end();
  },
  /** Sends this and that in answer to the client's close frame, before its own. */
  async late(peer, seen) {
    await readToClose(peer, seen);
    peer.send('late');
    peer.close(1000);
    peer.client.end();
  },
  /** Reads nothing until it is told to; then everything. */
  async gate(peer, seen) {
    peer.client.pause();
    await seen.gone;
    peer.client.resume();
    await readToClose(peer, seen);
    peer.close(1000);
    peer.client.end();
  },
  /** Reads nothing; closes when it is told to, and reads then. */
  async shut(peer, seen) {
    peer.client.pause();
    await seen.gone;
    peer.close(4001, 'enough');
    // It is a while until the client has sent its rest.
    await delay(300);
    peer.client.resume();
    await peer.client.ending;
    peer.client.end();
  },
  /** Sends messages of 1 MiB, each when the socket has taken the one before it. */
  async flood(peer, seen, count) {
    const message = new Uint8Array(MIB);
    for (let index = 0; index < Number(count); index++) {
      message.fill(index);
      if (!(await sendSlowly(peer, seen, message))) return;
    }
    peer.close(1000);
    await readToClose(peer, seen);
    peer.client.end();
  },
  /** Sends back what comes. */
  async echo(peer, seen) {
    for (;;) {
      const frame = await peer.frame();
      if (frame.opcode === 8) {
        peer.client.send(wire({ opcode: 8, payload: frame.payload }));
        return peer.client.end();
      }
      seen.messages++;
      peer.client.send(wire({ opcode: frame.opcode, payload: frame.payload, fin: frame.fin }));
    }
  },
};

async function sendSlowly(peer: RawPeer, seen: Seen, message: Uint8Array): Promise<boolean> {
  const { socket } = peer.client;
  peer.send(message);
  while (socket.writableNeedDrain && !socket.destroyed) await delay(2);
  if (!socket.destroyed) seen.sent += message.byteLength;
  return !socket.destroyed;
}

async function readToClose(peer: RawPeer, seen: Seen): Promise<void> {
  for (;;) {
    const { opcode, payload } = await peer.frame();
    if (opcode === 8) {
      seen.close = payload.byteLength === 0 ? '1005' : `${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`;
      return;
    }
    seen.messages++;
    seen.received += payload.byteLength;
  }
}

/** Paths: `/way/argument?id=…`; `/go?id=…` lets a connection go on that waits, `/seen?id=…` sends what was seen of it. */
export class StreamServer implements AsyncDisposable {
  readonly #host: RawHost;
  readonly #seen = new Map<string, Seen>();
  #isClosed = false;

  constructor(host: RawHost) {
    this.#host = host;
  }

  static async start(): Promise<StreamServer> {
    const server = new StreamServer(await RawHost.start(false));
    void server.#serve();
    return server;
  }

  get url(): string {
    return this.#host.url;
  }

  /** TCP connections so far. */
  get connections(): number {
    return this.#host.connections;
  }

  async #serve(): Promise<void> {
    while (!this.#isClosed) {
      if (this.#host.waiting === 0) await delay(2);
      else void this.#treat(await this.#host.next()).catch(() => {});
    }
  }

  async #treat(peer: RawPeer): Promise<void> {
    const target = /^GET (\S+)/.exec(await peer.request())?.[1] ?? '/';
    const { pathname, searchParams } = new URL(target, 'http://localhost');
    const [, name = '', argument = ''] = pathname.split('/');
    const seen = this.#of(searchParams.get('id') ?? target);
    if (name === 'hang') return void (await peer.client.ending);
    const way = ways[name];
    if (way === undefined && name !== 'go' && name !== 'seen') {
      peer.respond('404 Not Found', 'Content-Length: 0', 'Connection: close');
      return peer.client.end();
    }
    const offered = /^sec-websocket-protocol: ([^,\r]*)/im.exec(await peer.request())?.[1];
    await peer.accept(argument === 'none' ? undefined : offered);
    if (way !== undefined) return void (await way(peer, seen, argument));
    if (name === 'go') seen.go();
    const { sent, received, messages, close } = seen;
    peer.send(JSON.stringify({ sent, received, messages, close }));
    await peer.closed();
  }

  #of(id: string): Seen {
    let seen = this.#seen.get(id);
    if (seen === undefined) {
      let go = (): void => {};
      const gone = new Promise<void>((resolve) => {
        go = resolve;
      });
      seen = { sent: 0, received: 0, messages: 0, close: '', go, gone };
      this.#seen.set(id, seen);
    }
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#host[Symbol.asyncDispose]();
  }
}
