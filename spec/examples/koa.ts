// Rooms on Koa 3: its context reads the signed cookie, for pages and for sockets.

import { randomUUID } from 'node:crypto';
import { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import Koa from 'koa';
import { type Attachment, attach, Refusal } from '../../lib/index.ts'; // from 'millrace'

/** What a handler knows of its session. */
interface Member {
  readonly name: string;
  readonly room: string;
}

const app = new Koa();
app.keys = [process.env['SECRET'] ?? randomUUID()];

/** Who is logged in: the cookie's signature says that it is ours. */
const findName = (context: Koa.Context): string | undefined => context.cookies.get('name', { signed: true });

app.use(async (context, next) => {
  context.set('X-Served-By', 'koa');
  await next();
});
app.use(async (context, next) => {
  const { path, method } = context;
  if (path === '/') context.body = 'hello';
  else if (path === '/login' && method === 'POST') await logIn(context);
  else if (path.startsWith('/rooms/')) enter(context, path.slice('/rooms/'.length));
  else await next(); // nobody: Koa says 404
});

async function logIn(context: Koa.Context): Promise<void> {
  if (!(context.request.length <= 1_000)) return context.throw(413);
  const [, name] = /^\{"name":"(\w{1,20})"\}$/.exec(await text(context.req)) ?? [];
  if (name === undefined) return context.throw(400, 'Who are you?');
  context.cookies.set('name', name, { signed: true, sameSite: 'lax' });
  context.status = 204;
}

function enter(context: Koa.Context, room: string): void {
  const name = findName(context);
  if (name !== undefined) context.body = `${name} may enter ${room}`;
  else Object.assign(context, { status: 401, body: { error: 'Log in first' } });
}

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
    admit: (request, { incoming }) => {
      const name = findName(app.createContext(incoming, new ServerResponse(incoming)));
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

async function stop(): Promise<void> {
  server.close(); //    no new connections; pages under way are answered
  await chat.stop(); // sessions are closed with 1001; then the process ends
}
process.once('SIGINT', stop).once('SIGTERM', stop);
