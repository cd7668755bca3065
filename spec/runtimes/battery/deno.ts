// The battery on the sockets of Deno: `millrace/deno`, plain and over TLS.

import { connect, serve } from '../../../lib/deno.ts';
import { runBattery } from './battery.ts';
import { createTls } from './certificate.ts';
import { createSocketHost } from './socket-host.ts';

const tls = await createTls();

runBattery(createSocketHost('Deno.listen', { serve, connect } as never));
// Over TLS its server is one of node:tls, whose sockets read on: see tls.ts.
const trust = (ca: string): object => ({ caCerts: [ca] });
runBattery(createSocketHost('Deno, TLS', { serve, connect } as never, { tls, trust, readsOn: 'server' }));
