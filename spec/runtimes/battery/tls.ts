// The battery on the shared adapter, over TLS: `serve` over node:https.

import { connect, serve } from '../../../lib/node.ts';
import { runBattery } from './battery.ts';
import { createTls } from './certificate.ts';
import { createSocketHost } from './socket-host.ts';

// Deno 2.9.6: a TLSSocket of its node:tls reads on when it is paused, all that the peer sends.
const readsOn = 'Deno' in globalThis ? 'both' : undefined;
runBattery(createSocketHost('node:https', { serve, connect } as never, { tls: await createTls(), readsOn }));
