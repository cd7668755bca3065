// WebSocketStream against our own server, that of ws and one by hand: what the web platform tests of the draft (websockets/stream/tentative) assert, and what they leave out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketError, WebSocketStream, type WebSocketStreamOptions } from '../../lib/node.ts';
import { domRejects, rejects } from '../support/check.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { type Host, type HostPeer, hostKinds } from '../support/stream-hosts.ts';
import { standstill, until, within } from '../support/until.ts';

const MiB = 1024 * 1024;
/** More than the buffers of the system hold on the way. */
const BIG = new Uint8Array(12 * MiB);

interface Opened {
  readonly stream: WebSocketStream;
  readonly peer: HostPeer;
  readonly readable: ReadableStream<string | Uint8Array>;
  readonly writable: WritableStream<unknown>;
  readonly protocol: string;
}

async function open(host: Host, options?: WebSocketStreamOptions): Promise<Opened> {
  const stream = new WebSocketStream(host.url, options);
  const peer = await host.next();
  return { stream, peer, ...(await within(stream.opened, 'opened')) };
}

function ended<T>(promise: Promise<T>): Promise<T> {
  return within(promise, 'closed');
}

async function assertFails(promise: Promise<unknown>, closeCode: number, reason: string): Promise<WebSocketError> {
  const error = (await rejects(ended(promise), WebSocketError)) as WebSocketError;
  assert.equal([error.closeCode, error.reason], [closeCode, reason]);
  return error;
}

for (const { name, start } of hostKinds) {
  const test = suite(`WebSocketStream · ${name}`);
  let host: Host;

  test.before(async () => {
    host = await start();
  });

  test.after(async () => {
    await host[Symbol.asyncDispose]();
  });

  test('messages of both types and of every size go there and come back', async () => {
    const { stream, peer, readable, writable } = await open(host);
    assert.is(stream.url, `${new URL(host.url).href}`);
    const writer = writable.getWriter();
    const reader = readable.getReader();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index);
    for (const message of ['', 'hé🚀', 'x'.repeat(70_000), new Uint8Array(0), bytes, bytes.subarray(0, 126)]) {
      const written = writer.write(message);
      const received = await peer.receive();
      await written;
      peer.send(received);
      assert.equal((await within(reader.read(), 'the echo')).value, message);
    }
    stream.close();
    await peer.closed();
    assert.is((await ended(stream.closed)).closeCode, 1005);
  });

  test('the protocol that the server chooses is told', async () => {
    const { stream, peer, protocol } = await open(host, { protocols: ['alpha', 'beta'] });
    assert.is(protocol, 'alpha');
    stream.close();
    await peer.closed();
    await ended(stream.closed);
  });

  const closings: readonly [string, (opened: Opened) => unknown, number, string][] = [
    ['close() with code and reason', ({ stream }) => stream.close({ closeCode: 3456, reason: 'pizza' }), 3456, 'pizza'],
    ['close() with a reason alone', ({ stream }) => stream.close({ reason: 'ロボット' }), 1000, 'ロボット'],
    ['close()', ({ stream }) => stream.close(), 1005, ''],
    ['closing the writable', ({ writable }) => writable.close(), 1005, ''],
    ['aborting the writable', ({ writable }) => writable.abort(), 1005, ''],
    ['cancelling the readable', ({ readable }) => readable.cancel(), 1005, ''],
    [
      'aborting the writable with a WebSocketError',
      ({ writable }) => writable.abort(new WebSocketError('', { closeCode: 3333, reason: 'set' })),
      3333,
      'set',
    ],
    [
      'cancelling the readable with a WebSocketError',
      ({ readable }) => readable.cancel(new WebSocketError('', { reason: 'specified' })),
      1000,
      'specified',
    ],
  ];

  for (const [way, close, code, reason] of closings) {
    test(`${way} tells the server ${code} ${JSON.stringify(reason)}, and is clean`, async () => {
      const opened = await open(host);
      const closing = close(opened);
      assert.equal(await opened.peer.closed(), { code, reason });
      assert.is((await ended(opened.stream.closed)).closeCode, code);
      await closing;
    });
  }

  for (const [code, reason] of [
    [1000, ''],
    [undefined, ''],
    [4000, 'ロボット'],
    [1001, 'going away'],
  ] as const) {
    test(`the server closes with ${code ?? 'no code'}: clean, and it is told what it has said`, async () => {
      const { stream, peer, readable, writable } = await open(host);
      peer.close(code, reason);
      assert.is((await peer.closed()).code, code ?? 1005);
      assert.equal(await ended(stream.closed), { closeCode: code ?? 1005, reason });
      assert.is((await readable.getReader().read()).done, true);
      await domRejects(writable.getWriter().ready, 'InvalidStateError');
    });
  }

  test('a write fulfils only when the server reads', async () => {
    const { stream, peer, writable } = await open(host);
    const writer = writable.getWriter();
    await writer.write('unread');
    let isWritten = false;
    const written = writer.write(BIG).then(() => {
      isWritten = true;
    });
    await standstill(() => writer.desiredSize ?? 0, 'the desired size', 15);
    assert.not(isWritten);
    assert.is(await peer.receive(), 'unread');
    assert.is((await peer.receive()).length, BIG.length);
    await within(written, 'the write');
    stream.close();
    await peer.closed();
    await ended(stream.closed);
  });

  test('while nobody reads the server cannot send: what it sends waits there', async () => {
    const { stream, peer, readable } = await open(host);
    for (let count = 0; count < 16; count++) peer.send(new Uint8Array(MiB));
    const queued = await standstill(() => peer.queued, 'what waits at the server', 20);
    assert.ok(queued > 4 * MiB, `${queued} bytes wait`);
    const reader = readable.getReader();
    for (let count = 0; count < 16; count++)
      assert.is((await within(reader.read(), 'a message')).value?.length, MiB, `message ${count}`);
    await until(() => peer.queued === 0, 'nothing waits');
    stream.close();
    await peer.closed();
    await ended(stream.closed);
  });

  test('the server closes while a write waits: unclean, with its code; the write is an InvalidStateError', async () => {
    const { stream, peer, writable, readable } = await open(host);
    const writer = writable.getWriter();
    await writer.write('unread');
    const big = writer.write(BIG);
    const next = writer.write('next');
    for (const promise of [big, next]) promise.catch(() => {});
    await standstill(() => writer.desiredSize ?? 0, 'the desired size', 15);
    peer.close(4567, 'enough');
    const invalid = await domRejects(within(big, 'the write'), 'InvalidStateError');
    assert.is(await domRejects(next, 'InvalidStateError'), invalid);
    assert.is(await domRejects(writer.write('word'), 'InvalidStateError'), invalid);
    void peer.closed().catch(() => {});
    const error = await assertFails(stream.closed, 4567, 'enough');
    assert.is(await rejects(readable.getReader().read(), WebSocketError), error);
  });

  test.run();
}

const last = suite('WebSocketStream · servers · behind all');

last('nothing has escaped', async () => {
  await assertNothingEscaped();
});

last.run();
