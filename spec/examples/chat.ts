// A chat: who is quick sees everything, who is slow misses the oldest, who sends too much is slowed down, and nobody holds up anybody else.

import process from 'node:process';
import { type Session, serve } from '../../lib/index.ts'; // from 'millrace'

const HISTORY = 20;
const history: string[] = [];

const server = await serve(
  {
    port: Number(process.env['PORT'] ?? 8080),
    path: '/chat/:name',
    limits: { maxMessageSize: 16_384, maxMessageRate: 1_000, idleTimeout: 3_600_000 },
    slowConsumer: { policy: 'drop-oldest', maxQueued: 262_144, maxAge: 30_000 },
  },
  async (session) => {
    const name = String(session.request?.parameters['name']).slice(0, 20);
    for (const line of history) await session.send(line, { slowConsumer: 'wait' });
    tellAll(`* ${name} has come`);
    for await (const message of session) {
      if (typeof message !== 'string') return void session.close(1003, 'Text only');
      tellMissed(session);
      tellAll(`${name}: ${message}`);
    }
    tellAll(`* ${name} has left`);
  },
);
console.log(`listening on ${server.url}`);

/** `send` is not waited for: the policy says what becomes of those who do not keep up. */
function tellAll(line: string): void {
  history.push(line);
  if (history.length > HISTORY) history.shift();
  for (const session of server.sessions) void session.send(line);
}

const told = new WeakMap<object, number>();

function tellMissed(session: Session): void {
  const { messages } = session.counters.dropped;
  const before = told.get(session) ?? 0;
  told.set(session, messages);
  if (messages > before) void session.send(`* you have missed ${messages - before} messages`);
}

process.once('SIGINT', () => server.stop()).once('SIGTERM', () => server.stop());
