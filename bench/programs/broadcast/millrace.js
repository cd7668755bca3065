// A server of millrace that sends a message to all of its connections for each that comes. Argument: the size of what is sent.

import { payloadOf } from '../../support/echo-fixture.js';
import { own } from '../../support/own-entry.js';

const { serve } = own;
const payload = payloadOf(Number(process.argv[2] ?? 64));
const sessions = new Set();

const limits = { maxConnections: Number.POSITIVE_INFINITY, pingInterval: 900_000 };
const { port } = await serve({ limits, userContext: { onError: () => {} } }, async (session) => {
  sessions.add(session);
  try {
    for await (const _ of session) {
      for (const each of sessions) void each.send(payload);
    }
  } finally {
    sessions.delete(session);
  }
});
console.log(`ready ${port}`);
