// The client of feed.ts: posts each line of its input, prints each event once, in order, over as many connections as it takes.

import { randomUUID } from 'node:crypto';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { reconnect } from '../../lib/index.ts'; // from 'millrace'

let last = 0;
const feed = reconnect(process.env['FEED'] ?? 'ws://127.0.0.1:8080', {
  firstDelay: Number(process.env['DELAY'] ?? 1_000),
  onOpen: (session) => session.send(`since ${last}`), // before all that waits
  onLost: ({ unsettled }) => unsettled.messages.filter((message) => String(message).startsWith('post ')),
  onState: ({ name }) => console.error(name),
});

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void feed.send(`post ${randomUUID()} ${line}`));
lines.once('close', () => feed.settled().then(() => feed.close())); // closed when all is known to have arrived

for await (const message of feed) {
  const { number, text } = JSON.parse(String(message)) as { number: number; text: string };
  if (number <= last) continue;
  last = number;
  console.log(`${number} ${text}`);
}
