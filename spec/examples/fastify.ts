// Rooms on Fastify 5, for whoever has a token: a socket is admitted where the page of its room would be.

import { randomUUID } from 'node:crypto';
import process from 'node:process';
import Fastify from 'fastify';
import { type Attachment, attach, Refusal } from '../../lib/index.ts'; // from 'millrace'

/** What a handler knows of its session, and what the page of a room answers. */
interface Member {
  readonly name: string;
  readonly room: string;
}

const names = new Map<string, string>(); // by token: your user store

const app = Fastify();
app.addHook('onRequest', async (_request, reply) => {
  reply.header('X-Served-By', 'fastify');
});
app.get('/', async () => 'hello');
app.post<{ Body: { name: string } }>(
  '/login',
  {
    schema: {
      body: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', pattern: '^\\w{1,20}$' } },
      },
    },
  },
  async ({ body }) => {
    const token = randomUUID();
    names.set(token, body.name);
    return { token };
  },
);
app.get<{ Params: { room: string } }>('/rooms/:room', async (request, reply): Promise<Member> => {
  const name = names.get(request.headers.authorization?.replace(/^Bearer /, '') ?? '');
  if (name === undefined) {
    reply.header('WWW-Authenticate', 'Bearer');
    throw Object.assign(new Error('A token is needed'), { statusCode: 401 });
  }
  return { name, room: request.params.room };
});

const chat: Attachment<Member> = attach(
  app.server,
  {
    path: '/rooms/:room',
    slowConsumer: 'drop-oldest', // who reads slowly misses messages, and holds nobody up
    admit: async (request) => {
      // Through all hooks, schemas and error handlers, as if the page had been asked for.
      const answer = await app.inject({ url: request.url, headers: Object.fromEntries(request.headers) });
      if (answer.statusCode === 200) return answer.json<Member>();
      const headers = new Headers();
      for (const [name, value] of Object.entries(answer.headers)) {
        for (const one of [value ?? []].flat()) headers.append(name, String(one));
      }
      return Refusal.from(new Response(answer.body, { status: answer.statusCode, headers }));
    },
  },
  async (session) => {
    const { name, room } = session.context;
    for await (const message of session) {
      for (const other of chat.sessions) if (other.context.room === room) void other.send(`${name}: ${message}`);
    }
  },
);

// Fastify's own moment for it: `app.close()` would wait for open sessions.
app.addHook('preClose', async () => {
  await chat.stop();
});

console.log(`listening on ${await app.listen({ port: Number(process.env['PORT'] ?? 8080), host: '127.0.0.1' })}`);
process.once('SIGINT', () => app.close()).once('SIGTERM', () => app.close());
