// Three real clients, each of another make. They know nothing of the server but its URL.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket as UndiciWebSocket } from 'undici';
import { WebSocket } from 'ws';
import { acceptKey } from '../handshake/accept-key.ts';
import { type Job, toByteStreams, upgrade } from '../node.ts';
import { quote, toHex } from './preview.ts';

/** Tells what a client does and what comes back to it. */
export type Say = (text: string) => void;

export interface Client {
  /** How its lines are marked; it asks for the path of this name. */
  readonly name: string;
  readonly title: string;
  /** Talks to the server. Fulfils when the connection has closed; rejects when that was too early. */
  readonly talk: (url: string, say: Say) => Promise<void>;
}

export const clients: readonly Client[] = [
  { name: 'ws', title: 'ws: text, a ping, a message in three frames', talk: talkWithWs },
  { name: 'undici', title: 'undici: emoji, bytes, a close code of its own', talk: talkWithUndici },
  { name: 'millrace', title: 'millrace in the client role, over a socket of node:net', talk: talkWithMillrace },
];

async function talkWithWs(url: string, say: Say): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await event(socket, 'open');

  say('sends "good morning"');
  socket.send('good morning');
  say(`receives ${show(await message(socket))}`);

  say('sends a ping');
  socket.ping('anybody there?');
  await once(socket, 'pong');
  say('receives the pong');

  say('sends "one message, three frames" in three frames');
  socket.send('one message, ', { fin: false });
  socket.send('three ', { fin: false });
  socket.send('frames');
  say(`receives ${show(await message(socket))}`);

  say('closes with 1000 "bye"');
  socket.close(1000, 'bye');
  await event(socket, 'close');
}

async function talkWithUndici(url: string, say: Say): Promise<void> {
  const socket = new UndiciWebSocket(url);
  socket.binaryType = 'arraybuffer';
  await event(socket, 'open');

  say('sends "grüße 🚀 to all"');
  socket.send('grüße 🚀 to all');
  say(`receives ${show(await message(socket))}`);

  say('sends the bytes 00 01 fe ff');
  socket.send(Uint8Array.of(0x00, 0x01, 0xfe, 0xff));
  say(`receives ${show(await message(socket))}`);

  say('closes with 3001 "done"');
  socket.close(3001, 'done');
  await event(socket, 'close');
}

async function talkWithMillrace(url: string, say: Say): Promise<void> {
  const { session } = await dial(url);
  say('sends "streams all the way" and the bytes ca fe');
  await session.send('streams all the way');
  await session.send(Uint8Array.of(0xca, 0xfe));

  let left = 2;
  for await (const message of session) {
    say(`receives ${show(message)}`);
    if (--left === 0) break;
  }
  say(`pings: the round trip takes ${(await session.ping()).toFixed(1)} ms`);

  say('closes with 1000 "so long"');
  await session.close(1000, 'so long');
}

// An opening handshake by hand, RFC 6455 §4.1. What the engine needs of it are the two byte streams behind it.
async function dial(url: string): Promise<Job> {
  const { host, hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const key = randomBytes(16).toString('base64');
  const fields = [`Host: ${host}`, 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
  socket.write([`GET ${pathname} HTTP/1.1`, ...fields, `Sec-WebSocket-Key: ${key}`, '', ''].join('\r\n'));

  const { head, rest } = await readHead(socket);
  const isAccepted = head.startsWith('HTTP/1.1 101 ') && head.includes(`Sec-WebSocket-Accept: ${acceptKey(key)}\r\n`);
  if (!isAccepted) throw new Error(`The handshake was refused: ${head}`);
  const { readable, writable } = toByteStreams(socket, rest);
  return upgrade(readable, writable, undefined, undefined, { role: 'client' });
}

async function readHead(socket: Socket): Promise<{ head: string; rest: Uint8Array }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n') + 4;
    if (end >= 4) return { head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end) };
  }
}

// Both sockets have the events of a browser's.
type AnySocket = WebSocket | UndiciWebSocket;

function event(socket: AnySocket, type: 'open' | 'message' | 'close'): Promise<Event> {
  const target = socket as unknown as EventTarget;
  return new Promise((resolve, reject) => {
    target.addEventListener(type, resolve, { once: true });
    target.addEventListener('error', (event) => reject((event as ErrorEvent).error), { once: true });
    target.addEventListener('close', () => reject(new Error(`Closed before "${type}"`)), { once: true });
  });
}

async function message(socket: AnySocket): Promise<unknown> {
  return ((await event(socket, 'message')) as MessageEvent).data;
}

function show(data: unknown): string {
  return typeof data === 'string' ? quote(data, 60) : toHex(new Uint8Array(data as ArrayBuffer), 60);
}
