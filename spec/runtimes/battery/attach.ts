// The battery on `attach`: a server of the application's own, which keeps its plain requests.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attach, connect } from '../../../lib/node.ts';
import { runBattery } from './battery.ts';
import type { HostServer, ServerOptions } from './host.ts';
import { createSocketHost } from './socket-host.ts';

async function serve(options: ServerOptions, handler: never): Promise<HostServer> {
  const http = createServer((_, response) => response.writeHead(426).end('a page'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const attachment = attach(http, options, handler);
  const { port } = http.address() as AddressInfo;
  const server: HostServer = {
    url: `ws://127.0.0.1:${port}`,
    get counters() {
      return attachment.counters;
    },
    get sessions() {
      return attachment.sessions as never;
    },
    stop: async (stopOptions) => {
      const report = await attachment.stop(stopOptions);
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      return report;
    },
    async [Symbol.asyncDispose]() {
      await server.stop({ timeout: 0 });
    },
  };
  return server;
}

runBattery(createSocketHost('attach', { serve, connect } as never));
