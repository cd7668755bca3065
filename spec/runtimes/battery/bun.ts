// The battery on the sockets of Bun: `millrace/bun`, plain and over TLS.

import { connect, serve } from '../../../lib/bun.ts';
import { runBattery } from './battery.ts';
import { createTls } from './certificate.ts';
import { createSocketHost } from './socket-host.ts';

const tls = await createTls();

runBattery(createSocketHost('Bun.listen', { serve, connect } as never));
runBattery(createSocketHost('Bun.listen with TLS', { serve, connect } as never, { tls }));
