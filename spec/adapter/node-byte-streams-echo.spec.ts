// One battery, two ways: byte streams of a socket that `upgrade` uses directly, and streams that it has to read and write because somebody has
// wrapped them. Nobody at the other end can tell which it was.

import { createServer } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Handler, Job } from '../../lib/job/job.ts';
import { type ByteStreams, toByteStreams, toRequestHead, upgrade, WebSocketUpgrade } from '../../lib/node.ts';
import { clients } from '../support/peers.ts';
import { binary, close, continuation, ping, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, echo, idle } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { standstill, turns, until, within } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

type Wrap = (streams: ByteStreams) => ByteStreams;

/** New streams over the old ones: the engine knows nothing of the socket any more. */
function rewrap({ readable, writable }: ByteStreams): ByteStreams {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  return {
    readable: new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    ),
    writable: new WritableStream<Uint8Array>({
      // `abort` alone would wait for a write that a peer holds up.
      start: ({ signal }) => signal.addEventListener('abort', () => void writer.abort(signal.reason).catch(() => {})),
      write: (chunk) => writer.write(chunk),
      close: () => writer.close(),
      abort: (reason) => writer.abort(reason),
    }),
  };
}

/** Byte streams that go through transforms of the platform. */
function throughTransforms({ readable, writable }: ByteStreams): ByteStreams {
  const output = new TransformStream<Uint8Array, Uint8Array>();
  output.readable.pipeTo(writable).catch(() => {});
  return { readable: readable.pipeThrough(new TransformStream()), writable: output.writable };
}

/** The last tells whether a connection is cut in spite of a write that a peer holds up: a transform of the platform passes no abort on meanwhile. */
const ways: readonly (readonly [string, Wrap, boolean])[] = [
  ['directly', (streams) => streams, true],
  ['through wrapped streams', rewrap, true],
  ['through transforms', throughTransforms, false],
];

/** A server by hand, as README shows it. */
class Host implements AsyncDisposable {
  readonly jobs: Job[] = [];
  readonly reported: unknown[] = [];
  /** Connections that are open. */
  connections = 0;
  readonly #server = createServer();

  constructor(wrap: Wrap, handler: Handler, closeTimeout: number) {
    this.#server.on('connection', (socket) => {
      this.connections++;
      socket.on('close', () => {
        this.connections--;
      });
    });
    this.#server.on('upgrade', (request, socket, head) => {
      const limits = { closeTimeout, handlerTimeout: 50, maxMessageSize: 16 * MiB };
      const accepted = new WebSocketUpgrade(toRequestHead(request), { limits }, handler);
      socket.write(accepted.response());
      const { readable, writable } = wrap(toByteStreams(socket, head));
      const onError = (error: unknown): void => void this.reported.push(error);
      this.jobs.push(accepted.upgrade(readable, writable, undefined, { onError }));
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  async job(): Promise<Job> {
    await until(() => this.jobs.length > 0, 'a job has begun');
    return this.jobs.at(-1) as Job;
  }

  async end(): Promise<CloseInfo> {
    return within((await this.job()).closed, 'the job ends');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const job of this.jobs) job.cancel();
    RawClient.destroyAll();
    await within(Promise.all(this.jobs.map(({ closed }) => closed)), 'all jobs end');
    await within(new Promise((resolve) => this.#server.close(resolve)), 'the server closes');
  }
}

for (const [what, wrap, isCut] of ways) {
  const start = (handler: Handler = echo, closeTimeout = 5000): Promise<Host> =>
    new Host(wrap, handler, closeTimeout).listen();

  const echoSuite = suite(`node-byte-streams · battery · ${what}`);

  for (const client of clients) {
    echoSuite(`${client.name} gets back what it sends, of every size`, async () => {
      await using host = await start();
      const peer = await client.open(host.url);
      for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, MiB, sized(3, 8) * MiB]) {
        const bytes = new Uint8Array(size).fill(size % 251);
        peer.send(bytes);
        assert.is(Buffer.compare((await peer.receive()) as Uint8Array, bytes), 0, `${size} bytes`);
        const words = 'aя日😀'.repeat(size / 10);
        peer.send(words);
        assert.ok((await peer.receive()) === words, `a text of ${size} bytes`);
      }
      peer.close(1000);
      assert.is((await peer.ended()).code, 1000);
      assertEnd(await host.end(), { wasClean: true, closeCode: 1000, initiator: 'remote', error: undefined });
    });

    echoSuite(`${client.name} gets back a thousand messages in order`, async () => {
      await using host = await start();
      const peer = await client.open(host.url);
      for (let index = 0; index < 1000; index++) peer.send(`message ${index}`);
      for (let index = 0; index < 1000; index++) assert.is(await peer.receive(), `message ${index}`);
      peer.close(1000);
      assert.is((await peer.ended()).code, 1000);
      await host.end();
    });

    echoSuite(`${client.name} sees the close code and the reason of the session`, async () => {
      await using host = await start((session) => session.close(4321, 'enough'));
      const peer = await client.open(host.url);
      assert.equal(await peer.ended(), { code: 4321, reason: 'enough' });
      assertEnd(await host.end(), { wasClean: true, initiator: 'local' });
    });
  }

  echoSuite('frames in the packet of the request come first, and a close frame behind them ends it', async () => {
    await using host = await start();
    const messages = Array.from({ length: 100 }, (_, index) => `message ${index}`);
    const first = Buffer.concat([...messages.map((message) => text(message)), close(4000, 'bye')]);
    using client = await RawClient.open(host.port, {}, first);
    const { code, before } = await client.untilClose();
    assert.is(code, 4000);
    assert.equal(
      before.map(({ payload }) => payload.toString()),
      messages,
    );
    await client.finished();
    client.end();
    assertEnd(await host.end(), { wasClean: true, closeCode: 4000, reason: 'bye', error: undefined });
    assert.is((await host.job()).state, 'completed');
  });

  echoSuite('bytes that come one by one mean the same', async () => {
    await using host = await start();
    using client = await RawClient.open(host.port);
    await client.drip(
      text('he', false),
      ping('p'),
      continuation('llo'),
      binary(new Uint8Array(200).fill(7)),
      close(1001),
    );
    const { code, before } = await client.untilClose();
    assert.is(code, 1001);
    assert.equal(
      before.map(({ opcode, payload }) => [opcode, payload.byteLength]),
      [
        [10, 1],
        [1, 5],
        [2, 200],
      ],
    );
  });

  echoSuite('pipe gets back what it sends, to a clean end', async () => {
    await using host = await start(({ readable, writable }) => readable.pipeTo(writable));
    using client = await RawClient.open(host.port);
    client.send(...Array.from({ length: 500 }, (_, index) => text(`${index}`.padEnd(1000))), close(1000));
    const { code, before } = await client.untilClose();
    assert.is(code, 1000);
    assert.is(before.length, 500);
    client.end();
    assertEnd(await host.end(), { wasClean: true });
    assert.equal(host.reported, []);
  });

  echoSuite('client that sends to a handler that never reads is held up', async () => {
    await using host = await start(idle, 100);
    using client = await RawClient.open(host.port);
    client.send(...Array<Uint8Array>(1024).fill(binary(new Uint8Array(64 * KiB))));
    const { session } = await host.job();
    await standstill(() => session.counters.bytesReceived, 'the server');
    assert.ok(session.counters.unread <= 256 * KiB, `${session.counters.unread} unread`);
    assert.ok(session.counters.bytesReceived <= MiB, `${session.counters.bytesReceived} received`);
    assert.ok(client.socket.writableLength > 16 * MiB);
  });

  echoSuite('handler that sends to a client that never reads is held up, and can be cancelled', async () => {
    await using host = await start(async (session) => {
      for (;;) await session.send(new Uint8Array(64 * KiB));
    }, 100);
    using client = await RawClient.open(host.port);
    client.pause();
    const job = await host.job();
    await standstill(() => job.session.counters.messagesSent, 'the handler');
    assert.ok(job.session.counters.queued <= 512 * KiB, `${job.session.counters.queued} queued`);
    job.cancel();
    assertEnd(await host.end(), { wasClean: false, closeCode: 1006, error: 'ERR_WS_CANCELLED' });
    assert.is(job.state, 'cancelled');
    assert.equal(host.reported, []);
    if (isCut) await until(() => host.connections === 0, 'the connection is cut', 2000);
  });

  for (const [way, leave] of [
    ['resets', (client: RawClient) => client.reset()],
    ['sends FIN', (client: RawClient) => client.end()],
  ] as const) {
    echoSuite(`client that ${way} is lost, and the handler sees it`, async () => {
      await using host = await start();
      using client = await RawClient.open(host.port);
      client.send(text('x'));
      await client.frame();
      leave(client);
      assertEnd(await host.end(), {
        wasClean: false,
        closeCode: 1006,
        initiator: 'remote',
        error: 'ERR_WS_CONNECTION_LOST',
      });
      assert.is((await host.job()).state, 'failed');
      assert.equal(host.reported, []);
    });

    echoSuite(`client that ${way} while the server sends is lost, and the handler sees it`, async () => {
      await using host = await start(async (session) => {
        for (;;) await session.send(new Uint8Array(MiB));
      }, 200);
      using client = await RawClient.open(host.port);
      client.pause();
      const { session } = await host.job();
      await standstill(() => session.counters.messagesSent, 'the handler');
      leave(client);
      assertEnd(await host.end(), { wasClean: false, closeCode: 1006 });
      assert.equal(host.reported, []);
    });
  }

  echoSuite('close frame of a failed connection arrives although the client goes on sending', async () => {
    await using host = await start();
    using client = await RawClient.open(host.port);
    client.send(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0), new Uint8Array(4 * MiB));
    assert.is((await client.untilClose()).code, 1002);
    await client.finished();
    await until(() => client.socket.writableLength === 0, 'the server has taken all bytes');
    client.end();
    const info = await host.end();
    assertEnd(info, { wasClean: false, error: 'ERR_WS_UNKNOWN_OPCODE' });
    assert.is(info.sent?.closeCode, 1002);
  });

  echoSuite('client that never answers the close frame is cut after closeTimeout', async () => {
    await using host = await start((session) => session.close(), 100);
    using client = await RawClient.open(host.port);
    assert.is((await client.untilClose()).code, 1000);
    await client.rest();
    assertEnd(await host.end(), { wasClean: false, error: 'ERR_WS_CLOSE_TIMEOUT' });
    await until(() => host.connections === 0, 'the connection is cut', 2000);
  });

  echoSuite('client that answers and never closes TCP is cut after closeTimeout, and the close was clean', async () => {
    await using host = await start((session) => session.close(), 100);
    using client = await RawClient.open(host.port);
    await client.untilClose();
    client.send(close(1000));
    await client.finished();
    assertEnd(await host.end(), { wasClean: true, closeCode: 1000, error: undefined });
    await until(() => host.connections === 0, 'the connection is cut', 2000);
  });

  echoSuite('server closes TCP first', async () => {
    await using host = await start();
    using client = await RawClient.open(host.port);
    client.send(close(1000));
    await client.untilClose();
    await client.finished();
    assert.not(client.socket.writableEnded);
    client.end();
    await host.end();
  });

  echoSuite('job is cancelled with 1001, at any time', async () => {
    await using host = await start();
    for (const wait of [0, 1, 3, 10]) {
      using client = await RawClient.open(host.port, {}, text('x'));
      await turns(wait);
      const job = await host.job();
      job.cancel();
      assert.is((await client.untilClose()).code, 1001);
      client.send(close(1001));
      await client.finished();
      client.end();
      assertEnd(await within(job.closed, 'the job ends'), { wasClean: true, closeCode: 1001 });
      assert.is(job.state, 'cancelled');
      host.jobs.length = 0;
    }
  });

  echoSuite('fifty connections at once are served', async () => {
    await using host = await start();
    await Promise.all(
      Array.from({ length: 50 }, async (_, number) => {
        using client = await RawClient.open(host.port);
        for (let index = 0; index < 20; index++) client.send(text(`client ${number} message ${index}`));
        const frames = await client.frames(20);
        assert.is(frames[19]?.payload.toString(), `client ${number} message 19`);
        client.send(close(1000));
        await client.untilClose();
        client.end();
      }),
    );
    for (const { closed } of host.jobs) assert.ok((await within(closed, 'a job')).wasClean);
  });

  echoSuite.run();
}

// --- Not a socket of the platform's http ------------------------------------------------------------------------------

const http2Suite = suite('node-byte-streams · RFC 8441 · a stream of HTTP/2');

http2Suite('connection runs over the byte streams of an extended CONNECT', async () => {
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } });
  const jobs: Job[] = [];
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    const { readable, writable } = toByteStreams(stream);
    jobs.push(upgrade(readable, writable, undefined, undefined, { handler: echo }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connection = connectHttp2(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  await within(new Promise((resolve) => connection.once('remoteSettings', resolve)), 'the settings');
  const open = (): ReturnType<typeof connection.request> =>
    connection.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/' }, { endStream: false });

  const stream = open();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise((resolve) => stream.once('end', resolve));
  const big = new Uint8Array(300_000).fill(3);
  stream.write(text('hello'));
  stream.write(binary(big));
  stream.write(close(4000));
  await within(ended, 'the end of the stream');
  stream.end();
  const all = Buffer.concat(chunks);
  assert.is(all.subarray(0, 7).toString('latin1'), '\x81\x05hello');
  assert.is(all.byteLength, 7 + 10 + big.byteLength + 4);
  assertEnd(await within(jobs[0]?.closed as Promise<CloseInfo>, 'the job'), { wasClean: true, closeCode: 4000 });

  const lost = open();
  lost.write(text('hello'));
  await within(new Promise((resolve) => lost.once('data', resolve)), 'the echo');
  lost.on('error', () => {});
  lost.close(8);
  assertEnd(await within(jobs[1]?.closed as Promise<CloseInfo>, 'the job'), { wasClean: false, closeCode: 1006 });

  connection.close();
  await within(new Promise((resolve) => server.close(resolve)), 'the server closes');
});

http2Suite.run();

const escapeSuite = suite('node-byte-streams · battery · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
