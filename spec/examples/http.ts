// Rooms on plain node:http: pages and sockets on one port, for those who are logged in.
//
//   curl -i -d '{"name":"Ada"}' http://127.0.0.1:8080/login
//   npx millrace connect ws://127.0.0.1:8080/rooms/green --header 'Cookie: session=…'

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { type Attachment, attach, Refusal, type Session } from '../../lib/index.ts'; // from 'millrace'

/** What a handler knows of its session. */
interface Member {
  readonly name: string;
  readonly room: string;
}

const names = new Map<string, string>(); // by the session's cookie: your session store

function findName({ headers }: IncomingMessage): string | undefined {
  const [, id = ''] = /(?:^|;\s*)session=([^;]+)/.exec(headers.cookie ?? '') ?? [];
  return names.get(id);
}

async function logIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (Number(request.headers['content-length'] ?? Infinity) > 1_000) return void response.writeHead(413).end();
  const [, name] = /^\{"name":"(\w{1,20})"\}$/.exec(await text(request)) ?? [];
  if (name === undefined) return void response.writeHead(400).end();
  const id = randomUUID();
  names.set(id, name);
  response.writeHead(204, { 'Set-Cookie': `session=${id}; HttpOnly; SameSite=Lax` }).end();
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const name = findName(request);
  response.setHeader('X-Served-By', 'http');
  if (pathname === '/') response.end('hello');
  else if (pathname === '/login' && request.method === 'POST') logIn(request, response).catch(() => response.destroy());
  else if (!pathname.startsWith('/rooms/')) response.writeHead(404).end('Nothing here\n');
  else if (name === undefined) response.writeHead(401, { 'Content-Type': 'application/json' }).end(unknown);
  else response.end(`${name} may enter ${pathname.slice('/rooms/'.length)}`);
});
const unknown = '{"error":"Log in first"}';

const chat: Attachment<Member> = attach(
  server,
  {
    path: '/rooms/:room',
    slowConsumer: 'drop-oldest', // who reads slowly misses messages, and holds nobody up
    admit: (request, { incoming }) => {
      const name = findName(incoming);
      if (name === undefined)
        return new Refusal(401, { headers: [['Content-Type', 'application/json']], body: unknown });
      return { name, room: String(request.parameters['room']) };
    },
  },
  async (session: Session<Member>) => {
    const { name, room } = session.context;
    for await (const message of session) {
      for (const other of chat.sessions) if (other.context.room === room) void other.send(`${name}: ${message}`);
    }
  },
);

server.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function stop(): Promise<void> {
  server.close(); //    no new connections; pages under way are answered
  await chat.stop(); // sessions are closed with 1001; then the process ends
}
process.once('SIGINT', stop).once('SIGTERM', stop);
