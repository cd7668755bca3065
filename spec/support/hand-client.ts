// The engine in the role of a client, behind an opening handshake that is made here by hand: a request over a socket, and a look at the response.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  confirmExtensions,
  type Extension,
  type Job,
  offerExtensions,
  toByteStreams,
  type UpgradeOptions,
  upgrade,
} from '../../lib/node.ts';
import { requestHead } from './raw-client.ts';
import { within } from './until.ts';

export interface HandOptions extends Omit<UpgradeOptions, 'role' | 'extensions'> {
  readonly port: number;
  readonly target?: string;
  /** What is installed in the client. */
  readonly extensions?: readonly Extension[];
  /** A connection that is open already, such as one of TLS, instead of a new one. */
  readonly socket?: Socket;
}

/** A client whose handshake has come through. */
export interface HandClient {
  readonly job: Job;
  /** The value of Sec-WebSocket-Extensions in the request; undefined without one. */
  readonly offered: string | undefined;
  /** The same of the response. */
  readonly answered: string | undefined;
}

/** Connects. Rejects when the server refuses, and when the client's extensions do not confirm what the server has accepted. */
export async function openByHand({ port, target = '/', extensions = [], ...rest }: HandOptions): Promise<HandClient> {
  const { socket = connect({ port, host: '127.0.0.1', noDelay: true }), ...options } = rest;
  if (socket.connecting) await within(once(socket, 'connect'), 'a connection');
  const offered = offerExtensions(extensions) || undefined;
  socket.write(requestHead(port, { target, headers: { 'Sec-WebSocket-Extensions': offered } }));
  try {
    const { head, behind } = await within(readHead(socket), 'the response');
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`Refused: ${head.slice(0, head.indexOf('\r\n'))}`);
    const [answered, ...others] = [...head.matchAll(/^sec-websocket-extensions:\s*(.*?)\s*$/gim)].map(
      ([, value]) => value,
    );
    if (others.length > 0) throw new Error('Sec-WebSocket-Extensions comes more than once');
    const agreed = confirmExtensions(extensions, answered === undefined ? [] : [answered]);
    if (agreed === undefined) throw new Error(`Not confirmed: ${answered}`);
    const { readable, writable } = toByteStreams(socket, behind);
    const job = upgrade(readable, writable, undefined, undefined, { ...options, role: 'client', extensions: agreed });
    return { job, offered, answered };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The head of the response, and the bytes that came behind it. */
async function readHead(socket: Socket): Promise<{ head: string; behind: Buffer }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n');
    if (end >= 0) return { head: bytes.toString('latin1', 0, end), behind: bytes.subarray(end + 4) };
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) bytes = Buffer.concat([bytes, chunk]);
    else if (socket.readableEnded || socket.destroyed)
      throw new Error(`The response ends after ${bytes.byteLength} bytes`);
    else await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
}
