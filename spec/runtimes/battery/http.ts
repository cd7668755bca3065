// The battery on the shared adapter: `serve` over node:http.

import { connect, serve } from '../../../lib/node.ts';
import { runBattery } from './battery.ts';
import { createSocketHost } from './socket-host.ts';

runBattery(createSocketHost('node:http', { serve, connect } as never));
