// Stopping under load: thousands of connections, in every state that one can be in.

import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../lib/node.ts';
import { close, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { serve } from '../support/serving.ts';
import { sized } from '../support/sized.ts';
import { until, within } from '../support/until.ts';

// 2,400 in the whole battery.
const SHARE = sized(100, 300);
const WELL = 5 * SHARE;
const STUCK = SHARE;
const IN_HANDSHAKE = SHARE;
const IN_HOOK = SHARE;

interface Client {
  readonly socket: Socket;
  bytes: Buffer;
}

async function open(port: number, head: Uint8Array | string): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  const client: Client = { socket, bytes: Buffer.alloc(0) };
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    client.bytes = Buffer.concat([client.bytes, chunk]);
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(head);
  return client;
}

async function openMany(count: number, make: () => Promise<Client>): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) {
    clients.push(...(await Promise.all(Array.from({ length: Math.min(100, count - clients.length) }, make))));
  }
  return clients;
}

/** The time of a stop: it is over when the test says so, however slow the machine is. */
const STOP = 2_001;

/** The platform's clock, but for the timer of the stop. */
class StopClock implements Clock {
  #end: () => void = () => {};

  now(): number {
    return performance.now();
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    if (milliseconds !== STOP) return setTimeout(callback, milliseconds).unref();
    this.#end = callback;
    return undefined;
  }

  clearTimeout(timer: unknown): void {
    clearTimeout(timer as NodeJS.Timeout | undefined);
  }

  endStop(): void {
    this.#end();
  }
}

const test = suite('serve · stop under load');

test(`${8 * SHARE} connections, some stuck, some in the handshake, some in the hook: counts are right, it ends in time, nothing is left`, async () => {
  let asked = 0;
  let aborted = 0;
  const clock = new StopClock();
  const server = await serve<undefined>(
    {
      engineContext: { clock },
      limits: { closeTimeout: 30_000 },
      admit: (request, { signal }) => {
        if (request.url !== '/hook') return undefined;
        asked++;
        signal.addEventListener('abort', () => aborted++);
        return new Promise<undefined>(() => {});
      },
    },
    async (session) => {
      for await (const message of session) await session.send(message);
    },
  );
  const head = (target: string): Buffer => requestHead(server.port, { target });
  const well = await openMany(WELL, () => open(server.port, head('/')));
  const stuck = await openMany(STUCK, () => open(server.port, head('/')));
  const inHandshake = await openMany(IN_HANDSHAKE, () => open(server.port, 'GET / HTTP/1.1\r\nHost: 127'));
  const inHook = await openMany(IN_HOOK, () => open(server.port, head('/hook')));
  await until(() => server.counters.open === WELL + STUCK && asked === IN_HOOK, 'all are where they are to be');
  assert.is(server.counters.connections, WELL + STUCK + IN_HANDSHAKE + IN_HOOK);
  for (const { socket } of well) socket.write(text('busy'));

  // Those who keep the protocol answer the close frame; the stuck ones never say anything again.
  for (const client of well) {
    client.socket.on('data', () => {
      if (client.bytes.includes(Buffer.from([0x88, 0x02, 0x03, 0xe9]))) client.socket.end(close(1001));
    });
  }
  const stopping = server.stop({ timeout: STOP });
  await until(() => server.counters.open === STUCK, 'all who keep the protocol have closed');
  clock.endStop();
  const report = await within(stopping, 'the stop');
  assert.is(report.closed, WELL);
  // Refused ones may have gone by themselves: they were told 503.
  assert.ok(report.cut >= STUCK + IN_HANDSHAKE, `${report.cut} were cut`);
  assert.ok(report.cut <= STUCK + IN_HANDSHAKE + IN_HOOK);
  assert.is(aborted, IN_HOOK);
  for (const { bytes } of inHook) assert.ok(bytes.toString('latin1').startsWith('HTTP/1.1 503'));
  for (const { bytes } of stuck) assert.ok(bytes.includes(Buffer.from([0x88, 0x02, 0x03, 0xe9])));
  await until(() => server.counters.open === 0 && server.counters.connections === 0, 'nothing is left');
  for (const { socket } of [...well, ...stuck, ...inHandshake, ...inHook]) socket.destroy();
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
