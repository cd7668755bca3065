// An echo server of millrace, on any runtime. Arguments: how the handler is written, and which adapter serves.

import { handlers } from '../../support/echo-handlers.js';
import { own } from '../../support/own-entry.js';

const [how = 'loop', adapter = 'own', ...rest] = process.argv.slice(2);

const { serve, permessageDeflate } = adapter === 'own' ? own : await import(`millrace/${adapter}`);

const options = {
  raw: how === 'raw',
  // Its keepalive is at work, as in all of these servers that have one, but pings nobody while others have their rounds: the load knows of no pings.
  limits: { maxMessageSize: 16 * 1024 * 1024, maxConnections: Number.POSITIVE_INFINITY, pingInterval: 900_000 },
  ...(rest.includes('deflate') ? { extensions: [permessageDeflate({ threshold: 0 })] } : undefined),
  userContext: { onError: () => {} },
};
const { port } = await serve(options, handlers[how]);
console.log(`ready ${port}`);
