// A session as a pair of streams over a real socket: `readable.pipeThrough(transform).pipeTo(writable)`, its good end and its bad ones.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import type { Message } from '../../lib/message/message.ts';
import { clients } from '../support/peers.ts';
import { startPipe } from '../support/pipe-server.ts';
import { binary, close, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, endOf } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { turn, turns, until } from '../support/until.ts';

const shout = (): TransformStream<Message, Message> =>
  new TransformStream({
    transform: (message, controller) =>
      controller.enqueue(typeof message === 'string' ? message.toUpperCase() : message),
  });

const slowly = (): TransformStream<Message, Message> =>
  new TransformStream({
    transform: async (message, controller) => {
      await turn();
      controller.enqueue(message);
    },
  });

const pipes: readonly (readonly [string, (session: Session) => Promise<void>])[] = [
  ['a pipe', ({ readable, writable }) => readable.pipeTo(writable)],
  ['a pipe through a transform', ({ readable, writable }) => readable.pipeThrough(shout()).pipeTo(writable)],
  [
    'a pipe through three transforms',
    ({ readable, writable }) =>
      readable.pipeThrough(shout()).pipeThrough(slowly()).pipeThrough(shout()).pipeTo(writable),
  ],
];

for (const [what, pipe] of pipes) {
  const pipeSuite = suite(`node-server · streams · ${what}`);

  pipeSuite('pipe fulfils on a clean close, and each reply precedes the close frame', async () => {
    const { host, outcomes } = await startPipe(pipe);
    await using _ = host;
    const messages = Array.from({ length: 100 }, (_, index) => `MESSAGE ${index}`);
    using client = await RawClient.open(host.port);
    client.send(...messages.map((message) => text(message)), close(4000, 'all said'));
    const { code, before } = await client.untilClose();
    assert.equal(
      before.map(({ payload }) => payload.toString()),
      messages,
    );
    assert.is(code, 4000);
    await client.finished();
    client.end();
    const session = await host.session();
    assertEnd(await endOf(session), { closeCode: 4000, wasClean: true, initiator: 'remote', error: undefined });
    assert.is(session.job.state, 'completed');
    assert.equal(outcomes, ['fulfilled']);
    assert.equal(host.reported, []);
  });

  pipeSuite('pipe fulfils with all that a client sent that is over the queues many times', async () => {
    const { host, outcomes } = await startPipe(pipe);
    await using _ = host;
    using client = await RawClient.open(host.port);
    client.send(
      ...Array.from({ length: sized(1000, 2000) }, (_, index) => text(`${index}`.padEnd(1000, '.'))),
      close(1000),
    );
    const { before } = await client.untilClose();
    assert.is(before.length, sized(1000, 2000));
    for (const [index, { payload }] of before.entries()) assert.is(Number.parseInt(payload.toString(), 10), index);
    client.end();
    await endOf(await host.session());
    assert.equal(outcomes, ['fulfilled']);
  });

  pipeSuite('pipe fulfils when the close frame comes long after the last message', async () => {
    const { host, outcomes } = await startPipe(pipe);
    await using _ = host;
    using client = await RawClient.open(host.port);
    client.send(text('A'));
    assert.is((await client.frame()).payload.toString(), 'A');
    await turns(10);
    client.send(close(1000));
    assert.is((await client.untilClose()).code, 1000);
    client.end();
    assertEnd(await endOf(await host.session()), { wasClean: true });
    assert.equal(outcomes, ['fulfilled']);
  });

  pipeSuite('pipe fulfils when the close frame is all that comes', async () => {
    const { host, outcomes } = await startPipe(pipe);
    await using _ = host;
    using client = await RawClient.open(host.port, {}, close());
    await client.untilClose();
    await client.finished();
    client.end();
    assertEnd(await endOf(await host.session()), { closeCode: 1005, wasClean: true });
    assert.equal(outcomes, ['fulfilled']);
  });

  pipeSuite('pipe fulfils when the client closes TCP behind its close frame', async () => {
    const { host, outcomes } = await startPipe(pipe);
    await using _ = host;
    using client = await RawClient.open(host.port);
    client.send(...Array.from({ length: 100 }, (_, index) => text(`N ${index}`)), close(1000));
    client.end();
    const { before } = await client.untilClose();
    assert.is(before.length, 100);
    assertEnd(await endOf(await host.session()), { wasClean: true });
    assert.equal(outcomes, ['fulfilled']);
  });

  for (const peer of clients) {
    pipeSuite(`pipe serves ${peer.name} to a clean end`, async () => {
      const { host, outcomes } = await startPipe(pipe);
      await using _ = host;
      const connection = await peer.open(host.url);
      for (let index = 0; index < 200; index++) connection.send(`MESSAGE ${index}`);
      for (let index = 0; index < 200; index++) assert.is(await connection.receive(), `MESSAGE ${index}`);
      const bytes = new Uint8Array(300_000).fill(7);
      connection.send(bytes);
      assert.is(Buffer.compare((await connection.receive()) as Uint8Array, bytes), 0);
      connection.close(1000);
      assert.is((await connection.ended()).code, 1000);
      await endOf(await host.session());
      assert.equal(outcomes, ['fulfilled']);
    });
  }

  for (const [way, leave] of [
    ['resets', (client: RawClient) => client.reset()],
    ['sends FIN', (client: RawClient) => client.end()],
  ] as const) {
    pipeSuite(`pipe rejects when the client ${way}, and that is no failure of the handler`, async () => {
      const { host, outcomes } = await startPipe(pipe);
      await using _ = host;
      using client = await RawClient.open(host.port);
      client.send(text('A'));
      await client.frame();
      leave(client);
      const session = await host.session();
      const { error } = await endOf(session);
      assertEnd(await session.closed, { closeCode: 1006, wasClean: false, error: 'ERR_WS_CONNECTION_LOST' });
      assert.equal(outcomes, [error]);
      assert.equal(host.reported, []);
      assert.is(session.job.state, 'failed');
      await host.quiet();
    });

    pipeSuite(`pipe rejects when the client ${way} while replies are on the way`, async () => {
      const { host, outcomes } = await startPipe(pipe);
      await using _ = host;
      using client = await RawClient.open(host.port);
      client.pause();
      const session = await host.session();
      client.send(...Array<Uint8Array>(300).fill(binary(new Uint8Array(50_000))));
      await until(() => session.counters.bytesReceived > 100_000, 'some of it has come');
      leave(client);
      client.resume();
      await endOf(session);
      assert.is(outcomes.length, 1);
      assert.is.not(outcomes[0], 'fulfilled');
      assert.equal(host.reported, []);
      await host.quiet();
    });
  }

  pipeSuite('pipe rejects when the client breaks the protocol, and that is no failure of the handler', async () => {
    const { host, outcomes } = await startPipe(pipe);
    await using _ = host;
    using client = await RawClient.open(host.port);
    client.send(text('A'));
    await client.frame();
    client.send(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
    assert.is((await client.untilClose()).code, 1002);
    client.end();
    const session = await host.session();
    const { error } = await endOf(session);
    assert.equal(outcomes, [error]);
    assert.equal(host.reported, []);
  });

  pipeSuite('pipe settles when the job is cancelled, and that is no failure of the handler', async () => {
    const { host, outcomes } = await startPipe(pipe);
    await using _ = host;
    using client = await RawClient.open(host.port);
    client.send(text('A'));
    await client.frame();
    const session = await host.session();
    session.job.cancel();
    assert.is((await client.untilClose()).code, 1001);
    client.send(close(1001));
    client.end();
    await endOf(session);
    assert.is(session.job.state, 'cancelled');
    assert.is(outcomes.length, 1);
    assert.equal(host.reported, []);
  });

  pipeSuite('pipe to a client that reads no replies ends when the job is cancelled, within closeTimeout', async () => {
    const { host, outcomes } = await startPipe(pipe, 100);
    await using _ = host;
    using client = await RawClient.open(host.port);
    client.pause();
    const chunk = binary(new Uint8Array(60_000));
    const sendOn = (): void => {
      while (!client.socket.destroyed && client.socket.write(chunk));
    };
    client.socket.on('drain', sendOn);
    sendOn();
    const session = await host.session();
    await until(() => session.counters.queued > 60_000 && session.counters.unread > 60_000, 'both queues are full');
    session.job.cancel();
    await endOf(session);
    assert.is(session.job.state, 'cancelled');
    assert.is(outcomes.length, 1);
    assert.equal(host.reported, []);
    await host.quiet();
  });

  pipeSuite.run();
}

const escapeSuite = suite('node-server · streams · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
