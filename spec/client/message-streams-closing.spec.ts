// The two streams of an open WebSocketStream when this side closes: by close(), by the writable, by abort and by cancel.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketError } from '../../lib/client/web-socket-error.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { domRejects, rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import {
  BIG,
  BINARY,
  CLOSE,
  closeAsServer,
  type Opened,
  openStreams,
  TEXT,
  watch,
} from '../support/message-streams.ts';
import { closePayload, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const { closeTimeout } = defaultLimits;

const local = suite('message streams · this side closes');

local('with a code and a reason, behind what was written; what the server answers is told', async () => {
  const { peer, streams, writer, reader } = openStreams();
  await writer.write('last words');
  streams.close({ closeCode: 3456, reason: 'pizza' });
  streams.close({ closeCode: 3457, reason: 'again' });
  await turns();
  assert.equal(peer.wire, ['text "last words"', 'close 3456 "pizza"']);
  await closeAsServer(peer, 4222, 'remote');
  assert.equal(await streams.closed, { closeCode: 4222, reason: 'remote' });
  assert.is((await reader.read()).done, true);
  await domRejects(writer.closed, 'InvalidStateError');
});

local('with neither the close frame is empty; with a code alone it has no reason', async () => {
  for (const [closeCode, expected] of [
    [undefined, 'close'],
    [1000, 'close 1000 ""'],
  ] as const) {
    const { peer, streams } = openStreams();
    streams.close({ closeCode, reason: '' });
    await turns();
    assert.equal(peer.wire, [expected]);
    await closeAsServer(peer);
    assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
  }
});

local('the server ends without answering: unclean, 1006', async () => {
  const { peer, streams } = openStreams();
  streams.close({ closeCode: 4000, reason: 'because' });
  await peer.end();
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.is(error.closeCode, 1006);
});

local('the server never answers: after the close time-out unclean, 1006', async () => {
  const { peer, streams } = openStreams();
  streams.close({ closeCode: 4000, reason: 'because' });
  await turns();
  await peer.clock.turn(closeTimeout);
  const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
  assert.is(error.closeCode, 1006);
  assert.is((error.cause as { code?: string }).code, 'ERR_WS_CLOSE_TIMEOUT');
});

local('closing the writable sends an empty close frame, and fulfils only when the handshake has ended', async () => {
  const { peer, streams, writer } = openStreams();
  void writer.write('last words');
  const closing = watch(writer.close());
  await turns();
  assert.equal(peer.wire, ['text "last words"', 'close']);
  assert.is(closing.is, 'pending');
  await peer.send(unmasked(CLOSE));
  assert.is(closing.is, 'pending', 'the transport is still there');
  await peer.end();
  assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
  await writer.closed;
  assert.is(closing.is, 'fulfilled');
});

local('closing the writable rejects with the WebSocketError when the handshake does not end well', async () => {
  const { peer, streams, writer } = openStreams();
  const closing = watch(writer.close());
  await turns();
  await peer.end();
  const error = await rejects(streams.closed, WebSocketError);
  await turns();
  assert.is(closing.error, error);
  assert.is(await rejects(writer.closed, WebSocketError), error);
});

local('aborting the writable and cancelling the readable close with what a WebSocketError says', async () => {
  const exception = Object.assign(new DOMException('yes', 'DataCloneError'), { closeCode: 1000, reason: 'ignored' });
  const reasons: readonly [unknown, string][] = [
    [undefined, 'close'],
    [{ closeCode: 3333, reason: 'obsolete' }, 'close'],
    [exception, 'close'],
    [new WebSocketError('only a message'), 'close'],
    [new WebSocketError('', { closeCode: 3333 }), 'close 3333 ""'],
    [new WebSocketError('', { closeCode: 3456, reason: 'set' }), 'close 3456 "set"'],
    [new WebSocketError('', { reason: 'specified' }), 'close 1000 "specified"'],
  ];
  for (const way of ['abort', 'cancel'] as const) {
    for (const [reason, expected] of reasons) {
      const { peer, streams, writer, reader } = openStreams();
      await (way === 'abort' ? writer.abort(reason) : reader.cancel(reason));
      await turns();
      assert.equal(peer.wire, [expected], `${way} ${String(reason)}`);
      await closeAsServer(peer, 3000, 'bye');
      assert.equal(await streams.closed, { closeCode: 3000, reason: 'bye' });
    }
  }
});

local('aborting with the error of another connection, whose code may not be sent, closes with none', async () => {
  const other = openStreams();
  await other.peer.end();
  const error = await rejects(other.streams.closed, WebSocketError);
  const { peer, writer } = openStreams();
  void writer.abort(error);
  await turns();
  assert.equal(peer.wire, ['close']);
});

local('aborting while a write waits for room refuses the writes at once with the reason', async () => {
  const { peer, streams, writer } = openStreams();
  peer.block();
  const big = watch(writer.write(BIG));
  const next = watch(writer.write('next'));
  await turns();
  const aborted = watch(writer.abort('enough'));
  await turns();
  assert.equal([big.is, next.is, aborted.is], ['rejected', 'rejected', 'fulfilled']);
  assert.equal([big.error, next.error], ['enough', 'enough']);
  await peer.unblock();
  await turns(50);
  assert.is(peer.wire.at(-1), 'close', 'behind the message that had begun');
  await closeAsServer(peer);
  assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
});

local(
  'what was being written when it was aborted counts as unsent when the peer’s close frame comes before it is out',
  async () => {
    const { peer, streams, writer } = openStreams();
    peer.block();
    const big = watch(writer.write(BIG));
    await turns();
    await writer.abort('enough');
    assert.is(big.error, 'enough');
    await peer.send(unmasked(CLOSE, closePayload(4567)));
    await peer.unblock();
    await peer.end();
    const error = (await rejects(streams.closed, WebSocketError)) as WebSocketError;
    assert.is(error.closeCode, 4567);
  },
);

const ways: readonly [string, (opened: Opened) => unknown][] = [
  ['close()', ({ streams }) => streams.close({ closeCode: undefined, reason: '' })],
  ['closing the writable', ({ writer }) => writer.close()],
  ['aborting the writable', ({ writer }) => writer.abort()],
  ['cancelling the readable', ({ reader }) => reader.cancel()],
];

for (const [name, close] of ways) {
  local(`behind ${name} no message is given, and however much still comes, the close frame is found`, async () => {
    const opened = openStreams();
    const { peer, streams, reader } = opened;
    for (const text of ['fetched', 'waiting']) await peer.send(unmasked(TEXT, text));
    void close(opened);
    for (let count = 0; count < 20; count++) await peer.send(unmasked(BINARY, new Uint8Array(64 * 1024 - 100)));
    await closeAsServer(peer);
    assert.equal(await streams.closed, { closeCode: 1005, reason: '' });
    if (close !== ways.at(-1)?.[1]) assert.is((await reader.read()).value, 'fetched');
    assert.is((await reader.read()).done, true);
  });
}

local('a message that is asked for when it closes is not given either: the read ends with the connection', async () => {
  const { peer, streams, reader } = openStreams();
  const read = watch(reader.read());
  streams.close({ closeCode: undefined, reason: '' });
  await peer.send(unmasked(TEXT, 'too late'));
  assert.is(read.is, 'pending');
  await closeAsServer(peer);
  await streams.closed;
  await turns();
  assert.equal(read.value, { done: true, value: undefined });
});

local('cancelling what is left of a connection that is lost changes nothing', async () => {
  const { peer, streams, reader } = openStreams();
  for (const text of ['a', 'b', 'c']) await peer.send(unmasked(TEXT, text));
  await peer.end();
  await rejects(streams.closed, WebSocketError);
  await reader.cancel();
  assert.is((await reader.read()).done, true);
});

local('what is written behind a close is dropped', async () => {
  const { peer, streams, writer } = openStreams();
  streams.close({ closeCode: undefined, reason: '' });
  await writer.write('too late');
  await closeAsServer(peer);
  await streams.closed;
  assert.equal(peer.wire, ['close']);
});

local('a close when the peer has closed does nothing: its close frame was answered', async () => {
  const { peer, streams } = openStreams();
  await peer.send(unmasked(CLOSE, closePayload(4222, 'remote')));
  streams.close({ closeCode: 4111, reason: 'local' });
  await turns();
  assert.equal(peer.wire, ['close 4222 ""']);
  await peer.end();
  assert.equal(await streams.closed, { closeCode: 4222, reason: 'remote' });
});

local('both close at once: what the server says is told', async () => {
  const { peer, streams } = openStreams();
  streams.close({ closeCode: 4111, reason: 'local' });
  await closeAsServer(peer, 4222, 'remote');
  assert.equal(await streams.closed, { closeCode: 4222, reason: 'remote' });
  assert.equal(peer.wire, ['close 4111 "local"']);
});

local('nobody looks at anything: nothing escapes', async () => {
  await turns(5);
  assert.equal(seen, []);
});

local.run();
