// Rooms on h3 (2): its sealed session is read for pages and for sockets. A socket is admitted where the page of its room would be.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { bodyLimit, H3, type H3Event, HTTPError, type HTTPEvent, readBody, useSession } from 'h3';
import { toNodeHandler } from 'h3/node';
import { type Attachment, attach, Refusal } from '../../lib/index.ts'; // from 'millrace'

/** What a handler knows of its session, and what the page of a room answers. */
interface Member {
  readonly name: string;
  readonly room: string;
}

const password = process.env['SECRET'] ?? randomBytes(32).toString('hex');
const sessionOf = (event: HTTPEvent) => useSession<{ name?: string }>(event, { password, cookie: { secure: false } });

const app = new H3();
app.use(({ res }) => {
  for (const headers of [res.headers, res.errHeaders]) headers.set('X-Served-By', 'h3');
});
app.get('/', () => 'hello');
app.post('/login', logIn, { middleware: [bodyLimit(1_000)] });
app.get('/rooms/:room', async (event): Promise<Member> => {
  const { name } = (await sessionOf(event)).data;
  if (name === undefined) throw new HTTPError({ status: 401, message: 'Log in first' });
  return { name, room: event.context.params?.['room'] ?? '' };
});

async function logIn(event: H3Event): Promise<{ name: string }> {
  const name = (await readBody<{ name?: unknown }>(event))?.name;
  if (typeof name !== 'string' || !/^\w{1,20}$/.test(name)) throw new HTTPError({ status: 400 });
  await (await sessionOf(event)).update({ name });
  return { name };
}

const server = createServer(toNodeHandler(app));
const chat: Attachment<Member> = attach(
  server,
  {
    path: '/rooms/:room',
    slowConsumer: 'drop-oldest', // who reads slowly misses messages, and holds nobody up
    admit: async (request, { signal }) => {
      // Through all middleware, as if the page had been asked for.
      const response = await app.request(request.url, { headers: Object.fromEntries(request.headers), signal });
      return response.ok ? ((await response.json()) as Member) : Refusal.from(response);
    },
  },
  async (session) => {
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
