// Run in a network namespace of its own: a server, a client-role session and a client by hand over its loopback, which then goes down. From then on every packet is
// lost, and neither TCP nor anybody else tells. Prints how the sessions of both engines have ended, as JSON.

import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import process from 'node:process';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { serve, toByteStreams, upgrade } from '../../lib/node.ts';
import { requestHead } from './raw-client.ts';

const limits = { pingInterval: 100, pingTimeout: 1000, closeTimeout: 100, handlerTimeout: 100 };
// Timers of the engine keep no process alive, and the packets that would are lost.
const alive = setInterval(() => {}, 1000);

const infos: Promise<CloseInfo>[] = [];
const server = await serve({ limits }, async (session) => {
  infos.push(session.closed);
  for await (const message of session) await session.send(message);
});

const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
socket.write(requestHead(server.port));
await new Promise<void>((resolve) => {
  const read = (): void => {
    // The head of the response comes in one packet, and nothing behind it.
    if (socket.read() === null) return;
    socket.off('readable', read);
    resolve();
  };
  socket.on('readable', read);
});
const { readable, writable } = toByteStreams(socket);
const job = upgrade(readable, writable, undefined, undefined, { role: 'client', limits });
infos.push(job.session.closed);
await job.session.send('echo');
const echoed = await job.session.receive();

const { status } = spawnSync('ip', ['link', 'set', 'lo', 'down']);
const ended = await Promise.all(infos);
clearInterval(alive);
const ends = ended.map(({ closeCode, wasClean, initiator, sent, error }) => {
  const { code } = (error ?? {}) as { code?: string };
  return { closeCode, wasClean, initiator, sent: sent?.closeCode, error: code };
});
process.stdout.write(`${JSON.stringify({ echoed, status, ends })}\n`, () => process.exit(0));
