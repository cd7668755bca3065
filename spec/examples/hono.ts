// Rooms on Hono, for whoever has a token, over node:http: on Node, Deno and Bun. A socket is admitted where the page of its room would be.

import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type Attachment, attach, Refusal, type Session, type UpgradeRequest } from '../../lib/index.ts'; // from 'millrace'

/** What a handler knows of its session, and what the page of a room answers. */
interface Member {
  readonly name: string;
  readonly room: string;
}

const names = new Map<string, string>(); // by token: your user store

const app = new Hono<{ Variables: { name: string } }>();
app.use(async (context, next) => {
  context.header('X-Served-By', 'hono');
  await next();
});
app.get('/', (context) => context.text('hello'));
app.post('/login', bodyLimit({ maxSize: 1_000 }), async (context) => {
  const body: unknown = await context.req.json().catch(() => undefined);
  const [, name] = /^\{"name":"(\w{1,20})"\}$/.exec(JSON.stringify(body) ?? '') ?? [];
  if (name === undefined) return context.json({ error: 'Who are you?' }, 400);
  const token = randomUUID();
  names.set(token, name);
  return context.json({ token });
});
app.use('/rooms/*', async (context, next) => {
  const name = names.get(context.req.header('Authorization')?.replace(/^Bearer /, '') ?? '');
  if (name === undefined) return context.json({ error: 'A token is needed' }, 401, { 'WWW-Authenticate': 'Bearer' });
  context.set('name', name);
  return next();
});
app.get('/rooms/:room', (context) => {
  const member: Member = { name: context.get('name'), room: context.req.param('room') };
  return context.json(member);
});

const options = {
  path: '/rooms/:room',
  slowConsumer: 'drop-oldest', // who reads slowly misses messages, and holds nobody up
  admit: async (request: UpgradeRequest, { signal }: { readonly signal: AbortSignal }): Promise<Member | Refusal> => {
    // Through all middleware, as if the page had been asked for.
    const response = await app.request(request.url, { headers: Object.fromEntries(request.headers), signal });
    return response.ok ? ((await response.json()) as Member) : Refusal.from(response);
  },
} as const;

async function talk(session: Session<Member>): Promise<void> {
  const { name, room } = session.context;
  for await (const message of session) {
    for (const other of chat.sessions) if (other.context.room === room) void other.send(`${name}: ${message}`);
  }
}

const server = serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 8080), hostname: '127.0.0.1' });
const chat: Attachment<Member> = attach(server, options, talk);

server.once('listening', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function stop(): Promise<void> {
  server.close(); //    no new connections; pages under way are answered
  await chat.stop(); // sessions are closed with 1001; then the process ends
}
process.once('SIGINT', stop).once('SIGTERM', stop);
