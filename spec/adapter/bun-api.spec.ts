// The APIs of Bun, where there are none: everything of the entry for Bun that needs them says so. What they do: spec/runtimes/bun/.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { getBun, passOn, passOnTls } from '../../lib/adapter/bun-api.ts';
import { BunTransport } from '../../lib/adapter/bun-transport.ts';
import { connect, serve, WebSocketError, WebSocketStream } from '../../lib/bun.ts';
import { toByteStreams } from '../../lib/stream/byte-streams.ts';
import { BunSocketByHand } from '../support/bun-socket.ts';
import { rejects, throws } from '../support/check.ts';
import { TransportByHand } from '../support/transport-by-hand.ts';
import { until } from '../support/until.ts';

const test = suite('bun api');

const holder = globalThis as { Bun?: unknown };

test('in another runtime it is a TypeError that says what to import', () => {
  throws(() => getBun(), TypeError, /this runtime is not Bun.*"millrace"/);
  for (const incomplete of [{}, { listen: () => {} }, { connect: () => {} }, null]) {
    holder.Bun = incomplete;
    throws(() => getBun(), TypeError, /not Bun/);
  }
  delete holder.Bun;
});

test('serve, connect and WebSocketStream say so too, before anything is dialled', async () => {
  await rejects(
    serve({}, () => {}),
    TypeError,
    /not Bun/,
  );
  await rejects(connect('ws://127.0.0.1:1'), TypeError, /not Bun/);
  const stream = new WebSocketStream('ws://127.0.0.1:1');
  await rejects(stream.opened, WebSocketError);
  await rejects(stream.closed, WebSocketError);
});

test('connect over streams of one’s own needs no Bun', async () => {
  const transport = new TransportByHand();
  const attempt = new AbortController();
  const connecting = connect('ws://a.example/', { streams: toByteStreams(transport), signal: attempt.signal });
  const failure = connecting.catch((reason) => reason);
  // A timeout of a signal keeps no process alive: this wait does.
  await until(() => transport.asked.includes('start'), 'the transport is started');
  const reason = new Error('given up');
  attempt.abort(reason);
  assert.is(await failure, reason);
});

test('each callback of a socket is passed on to its owner', () => {
  const socket = new BunSocketByHand();
  const told: unknown[] = [];
  const note =
    (name: string) =>
    (...values: unknown[]): void =>
      void told.push([name, ...values]);
  socket.data = {
    handshook: note('handshook'),
    received: note('received'),
    drained: note('drained'),
    ended: note('ended'),
    closed: note('closed'),
    failed: note('failed'),
  };
  const handler = passOnTls((it) => told.push(['open', it === socket]));
  const [chunk, error] = [new Uint8Array(1), new Error('x')];
  handler.open(socket);
  handler.handshake?.(socket, true, null);
  handler.data(socket, chunk);
  handler.drain(socket);
  handler.end(socket);
  handler.error(socket, error);
  handler.close(socket, error);
  handler.connectError(socket, error);
  assert.equal(told, [
    ['open', true],
    ['handshook', true, null],
    ['received', chunk],
    ['drained'],
    ['ended'],
    ['failed', error],
    ['closed', error],
  ]);
});

test('without TLS there is no callback for its handshake: Bun would open at another time', () => {
  assert.is(passOn(() => {}).handshake, undefined);
  const socket = new BunSocketByHand();
  assert.is(socket.data, undefined);
  assert.is(new BunTransport(socket), socket.data);
});

test.run();
