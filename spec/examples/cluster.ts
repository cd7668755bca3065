// One port, a process for each core (node:cluster). A session lives in one process: what is for those of others goes through the primary. Over several machines a message broker
// takes its place.

import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { serve } from '../../lib/index.ts'; // from 'millrace'

if (cluster.isPrimary) lead();
else await work();

function lead(): void {
  let isStopping = false;
  const fork = (): unknown => cluster.fork();
  for (let count = Number(process.env['WORKERS'] ?? availableParallelism()); count > 0; count--) fork();
  cluster.on('message', (_, message) => {
    // One that has fallen just now takes nothing more: without a callback that would end the primary.
    for (const worker of Object.values(cluster.workers ?? {})) worker?.send(message, () => {});
  });
  cluster.once('listening', (_, { address, port }) => console.log(`listening on ws://${address}:${port}`));
  // One that has fallen takes its sessions with it, and nobody else's; clients come again, to others.
  cluster.on('exit', (worker) => {
    if (isStopping) return;
    // From here on none is handed to it: those that have come between are lost with it.
    console.log(`process ${worker.process.pid} has fallen`);
    setTimeout(() => isStopping || fork(), 100);
  });
  const stop = (): void => {
    isStopping = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.kill('SIGTERM');
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
}

async function work(): Promise<void> {
  const options = { port: Number(process.env['PORT'] ?? 8080), slowConsumer: 'drop-oldest' } as const;
  const server = await serve(options, async (session) => {
    await session.send(`process ${process.pid}`);
    for await (const message of session) process.send?.(String(message));
  });
  process.on('message', (message) => {
    for (const session of server.sessions) void session.send(String(message));
  });
  // The terminal tells all processes; the primary tells once more.
  process.on('SIGINT', () => {});
  process.once('SIGTERM', async () => {
    await server.stop();
    process.disconnect();
  });
}
