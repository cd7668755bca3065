// A feed that can be resumed: events are numbered and kept for a while, a client says which it has seen last. What a client posts has an id of its own, so that posting it again
// is no harm. feed-client.ts is its client.

import process from 'node:process';
import { type Session, serve } from '../../lib/index.ts'; // from 'millrace'

const KEPT = 10_000;
const events: { readonly number: number; readonly id: string; readonly text: string }[] = [];
const ids = new Set<string>();
let count = 0;

const server = await serve(
  {
    port: Number(process.env['PORT'] ?? 8080),
    // Who does not keep up is closed: it comes again, and reads on from where it was.
    slowConsumer: { policy: 'close', maxQueued: 1_048_576 },
  },
  async (session) => {
    const first = await session.receive();
    const [, since = ''] = /^since (\d{1,15})$/.exec(String(first)) ?? [];
    if (since === '') return void session.close(1008, 'Say first: since NUMBER');
    await follow(session, Number(since));
    for await (const message of session) {
      const [, id = '', text = ''] = /^post ([\w-]{1,40}) (.*)$/s.exec(String(message)) ?? [];
      if (id === '') return void session.close(1008, 'Say: post ID TEXT');
      if (!ids.has(id)) publish(id, text);
    }
  },
);
console.log(`listening on ${server.url}`);

const followers = new Set<Session>();

/** First what it has missed, at its own pace; from then on what comes. */
async function follow(session: Session, since: number): Promise<void> {
  for (let seen = since; seen < count; ) {
    const event = events[Math.max(0, seen - (count - events.length))];
    if (event === undefined) break;
    await session.send(JSON.stringify(event), { slowConsumer: 'wait' });
    seen = event.number;
  }
  followers.add(session);
  session.signal.addEventListener('abort', () => followers.delete(session));
}

function publish(id: string, text: string): void {
  const event = { number: ++count, id, text };
  events.push(event);
  ids.add(id);
  if (events.length > KEPT) ids.delete(events.shift()?.id ?? '');
  for (const session of followers) void session.send(JSON.stringify(event));
}

process.once('SIGINT', () => server.stop()).once('SIGTERM', () => server.stop());
