// Connections on which messages are compressed, each of ours with one of the `ws` package, in both roles. The test sends and receives at both ends, and knows what a message
// has cost on the wire.

import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { type ServerOptions, WebSocketServer } from 'ws';
import {
  type ConnectionLimits,
  type Extension,
  type Message,
  type PermessageDeflateOptions,
  permessageDeflate,
  type SendOptions,
  type Session,
  type UpgradeOptions,
} from '../../lib/node.ts';
import { digits, type Sample, smallSamples } from './deflate-samples.ts';
import { openByHand } from './hand-client.ts';
import { openWs, toWsPeer, type WsPeer } from './peers.ts';
import { endOf, startServer } from './server.ts';
import { until, within } from './until.ts';

/** `perMessageDeflate` of the `ws` package; its types do not know that the windows may be switches too. */
export type WsMode = boolean | Readonly<Record<string, boolean | number>>;

export interface LinkOptions extends Pick<UpgradeOptions, 'fragmentSize'> {
  readonly limits?: Partial<ConnectionLimits>;
}

/** One connection, both ends of it. */
export interface Link extends AsyncDisposable {
  readonly ours: Session;
  readonly theirs: WsPeer;
  /** Sec-WebSocket-Extensions of the request; undefined without one. */
  readonly offered: string | undefined;
  /** The same of the response. */
  readonly answered: string | undefined;
}

/** Connects our side, with permessage-deflate of these options or with that extension, to one of `ws` in that mode. */
export type OpenLink = (
  ours: PermessageDeflateOptions | Extension,
  theirs: WsMode,
  options?: LinkOptions,
) => Promise<Link>;

/** `ws` as `perMessageDeflate` wants it. */
export function toWsOptions(mode: WsMode): Pick<ServerOptions, 'perMessageDeflate'> {
  return { perMessageDeflate: mode as Exclude<ServerOptions['perMessageDeflate'], undefined> };
}

function toExtension(ours: PermessageDeflateOptions | Extension): Extension {
  return 'accept' in ours ? ours : permessageDeflate(ours);
}

/** Our server, the client of `ws`. */
export const openToWsClient: OpenLink = async (ours, mode, options = {}) => {
  const host = await startServer((session) => session.closed, { extensions: [toExtension(ours)], ...options });
  let offered: string | undefined;
  let answered: string | undefined;
  try {
    const theirs = await openWs(host.url, [], {
      ...toWsOptions(mode),
      finishRequest: (request, socket) => {
        offered = request.getHeader('sec-websocket-extensions') as string | undefined;
        socket.on('upgrade', ({ headers }) => {
          answered = headers['sec-websocket-extensions'];
        });
        request.end();
      },
    });
    const session = await host.session();
    return {
      ours: session,
      theirs,
      offered,
      answered,
      async [Symbol.asyncDispose]() {
        await closeLink(session, theirs, host.reported);
        await host[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
};

/** The server of `ws`, on a free port. */
export class WsServer implements AsyncDisposable {
  readonly server: WebSocketServer;
  readonly peers: WsPeer[] = [];

  constructor(server: WebSocketServer) {
    this.server = server;
    server.on('connection', (socket) => this.peers.push(toWsPeer(socket)));
  }

  static async start(mode: WsMode): Promise<WsServer> {
    const server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      maxPayload: 64 * 1024 * 1024,
      ...toWsOptions(mode),
    });
    await within(new Promise((resolve) => server.once('listening', resolve)), 'the server of ws listens');
    return new WsServer(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.peers) socket.terminate();
    await within(new Promise((resolve) => this.server.close(resolve)), 'the server of ws closes');
  }
}

/** Our client, the server of `ws`. */
export const openToWsServer: OpenLink = async (ours, mode, options = {}) => {
  const host = await WsServer.start(mode);
  try {
    const { job, offered, answered } = await openByHand({
      ...options,
      port: host.port,
      extensions: [toExtension(ours)],
    });
    await until(() => host.peers.length === 1, 'the server of ws has the connection');
    const theirs = host.peers[0] as WsPeer;
    return {
      ours: job.session,
      theirs,
      offered,
      answered,
      async [Symbol.asyncDispose]() {
        await closeLink(job.session, theirs);
        await host[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
};

/** Both roles of ours, for what holds in both. */
export const links: readonly (readonly [name: string, open: OpenLink])[] = [
  ['server, ws as client', openToWsClient],
  ['client, ws as server', openToWsServer],
];

// What did not close cleanly: a codec out of step fails the connection. Told at the end of a file, where it hides no failure of a test.
const unclean: string[] = [];

async function closeLink(ours: Session, theirs: WsPeer, reported: readonly unknown[] = []): Promise<void> {
  await closeOurs(ours, reported);
  const { code } = await theirs.ended();
  if (code !== 1000) unclean.push(`${ours.extensions}: ws has seen ${code}`);
}

/** Closes a session, and notes what was wrong with its end, or was reported. */
export async function closeOurs(session: Session, reported: readonly unknown[] = []): Promise<void> {
  void session.close(1000);
  const { wasClean, closeCode, error } = await endOf(session);
  const errors = [...(error === undefined ? [] : [error]), ...reported];
  if (!wasClean || errors.length > 0) unclean.push(`${session.extensions}: ${closeCode} ${errors.join(', ')}`);
}

/** Asserts that all connections have closed cleanly at both ends, and without an error. */
export function assertAllClean(): void {
  assert.equal(unclean, []);
}

/** Asserts that a message has come as it was sent. */
export function assertSame(received: Message | undefined, sent: Message, name = 'the message'): void {
  if (typeof sent === 'string') {
    assert.type(received, 'string', `${name} comes as text`);
    assert.ok(received === sent, `${name} of ${sent.length} characters comes as it was`);
  } else {
    assert.instance(received, Uint8Array, `${name} comes as bytes`);
    assert.is(Buffer.compare(received as Uint8Array, sent), 0, `${name} of ${sent.byteLength} bytes comes as it was`);
  }
}

/** Sends a message from our side, and gives what it has cost: the bytes of its frames. */
export async function sendOurs({ ours, theirs }: Link, message: Message, options?: SendOptions): Promise<number> {
  const before = ours.counters.bytesSent;
  await ours.send(message, options);
  assertSame(await theirs.receive(), message);
  return ours.counters.bytesSent - before;
}

/** Sends a message from the side of `ws`, and gives what it has cost. */
export async function sendTheirs(
  { ours, theirs }: Link,
  message: Message,
  options: { readonly compress?: boolean } = {},
): Promise<number> {
  const before = ours.counters.bytesReceived;
  theirs.socket.send(message, options);
  assertSame(await within(ours.receive(), 'a message of ws'), message);
  return ours.counters.bytesReceived - before;
}

export type SendOne = (message: Message) => Promise<number>;

/** What a direction does with messages, as the wire shows it. */
export interface Conduct {
  readonly compresses: boolean;
  /** Whether a message refers to those before. */
  readonly remembers: boolean;
}

/** Finds out by a text that only compresses by half, and by nearly all when it is there already. */
export async function conductOf(send: SendOne): Promise<Conduct> {
  const message = digits(200);
  const first = await send(message);
  const again = await send(message);
  assert.ok(first <= 200 + 8, `${first} bytes for 200`);
  const compresses = first < 180;
  const remembers = again < 60;
  if (!remembers) assert.ok(Math.abs(again - first) < 10, `${first} bytes, then ${again}`);
  return { compresses, remembers };
}

/** Whether a text is found again behind so many other bytes: that is how far the window reaches. */
export async function reaches(send: SendOne, distance: number): Promise<boolean> {
  const message = digits(200);
  await send(message);
  for (let left = distance; left > 0; left -= 1000) await send(digits(Math.min(1000, left)));
  return (await send(message)) < 60;
}

/** Sends each in both directions, and asserts that what can be compressed was, where it should be. */
export async function exchangeSamples(
  link: Link,
  compresses: { readonly ours: boolean; readonly theirs: boolean },
  samples: readonly Sample[] = smallSamples,
): Promise<void> {
  for (const { name, message, isCompressible } of samples) {
    const size = typeof message === 'string' ? Buffer.byteLength(message) : message.byteLength;
    const sent = await sendOurs(link, message);
    const received = await sendTheirs(link, message);
    if (!isCompressible) continue;
    for (const [who, cost, isSmall] of [
      ['ours', sent, compresses.ours],
      ['theirs', received, compresses.theirs],
    ] as const) {
      if (isSmall) assert.ok(cost < size / 2, `${name}, ${who}: ${cost} bytes for ${size}`);
      else assert.ok(cost > size, `${name}, ${who}: ${cost} bytes for ${size} are not compressed`);
    }
  }
}
