// The battery on the sockets of Deno: `millrace/deno`, plain and over TLS.

import { connect, serve } from '../../../lib/deno.ts';
import { runBattery } from './battery.ts';
import { createTls } from './certificate.ts';
import { createSocketHost } from './socket-host.ts';

const tls = await createTls();

runBattery(createSocketHost('Deno.listen', { serve, connect } as never));
runBattery(
  createSocketHost('Deno.listenTls', { serve, connect } as never, { tls, trust: (ca) => ({ caCerts: [ca] }) }),
);
