// The battery on the shared adapter, over TLS: `serve` over node:https.

import { connect, serve } from '../../../lib/node.ts';
import { runBattery } from './battery.ts';
import { createTls } from './certificate.ts';
import { createSocketHost } from './socket-host.ts';

runBattery(createSocketHost('node:https', { serve, connect } as never, await createTls()));
