// Rooms on Express 5: its middleware finds the user for pages and for sockets, and the old sockets of `ws` stay where they were.

import { randomUUID } from 'node:crypto';
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import express from 'express';
import { WebSocketServer } from 'ws';
import { type Attachment, attach, Refusal } from '../../lib/index.ts'; // from 'millrace'

/** What a handler knows of its session. */
interface Member {
  readonly name: string;
  readonly room: string;
}

type WithName = IncomingMessage & { userName?: string | undefined };
const names = new Map<string, string>(); // by the session's cookie: your session store

/** Middleware such as express-session: it takes the plain request, so that it serves pages and sockets. */
function findSession(request: WithName, _response: ServerResponse, next: (error?: unknown) => void): void {
  const [, id = ''] = /(?:^|;\s*)session=([^;]+)/.exec(request.headers.cookie ?? '') ?? [];
  request.userName = names.get(id);
  next();
}

const app = express();
app.use((_, response, next) => {
  response.set('X-Served-By', 'express');
  next();
});
app.use(findSession, express.json({ limit: '1kb' }));
app.get('/', (_, response) => void response.send('hello'));
app.post('/login', (request, response) => {
  const name: unknown = request.body?.name;
  if (typeof name !== 'string' || !/^\w{1,20}$/.test(name)) return void response.sendStatus(400);
  const id = randomUUID();
  names.set(id, name);
  response.cookie('session', id, { httpOnly: true, sameSite: 'lax' }).status(204).end();
});
app.get('/rooms/:room', (request, response) => {
  const { userName } = request as WithName;
  if (userName === undefined) return void response.status(401).json({ error: 'Log in first' });
  response.send(`${userName} may enter ${request.params.room}`);
});

const server = app.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

const headers = [['Content-Type', 'application/json; charset=utf-8']] as const;
const unknown = new Refusal(401, { headers, body: '{"error":"Log in first"}' }); // as the page says it

const chat: Attachment<Member> = attach(
  server,
  {
    path: '/rooms/:room',
    slowConsumer: 'drop-oldest', // who reads slowly misses messages, and holds nobody up
    admit: async (request, { incoming }) => {
      await new Promise<void>((resolve, reject) => {
        findSession(incoming, new ServerResponse(incoming), (error) => (error ? reject(error) : resolve()));
      });
      const { userName: name } = incoming as WithName;
      if (name === undefined) return unknown;
      return { name, room: String(request.parameters['room']) };
    },
  },
  async (session) => {
    const { name, room } = session.context;
    for await (const message of session) {
      for (const other of chat.sessions) if (other.context.room === room) void other.send(`${name}: ${message}`);
    }
  },
);

// Moving from ws, path by path: what is not ours is still its own.
const old = new WebSocketServer({ server, path: '/old' });
old.on('connection', (socket) => socket.on('message', (data) => socket.send(`old: ${data}`)));

async function stop(): Promise<void> {
  server.close(); //    no new connections; pages under way are answered
  await chat.stop(); // sessions are closed with 1001; then the process ends
  for (const socket of old.clients) socket.close(1001);
}
process.once('SIGINT', stop).once('SIGTERM', stop);
