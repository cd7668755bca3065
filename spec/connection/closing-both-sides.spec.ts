// How a connection ends, as both of its sides tell it: the two CloseInfos fit together.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Session } from '../../lib/job/session.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, masked, watchEscapes } from '../support/pair.ts';
import { HandSource } from '../support/sources.ts';

const { seen } = watchEscapes();
const { closeTimeout } = defaultLimits;
const TEXT = 0x81;
const PING = 0x89;
const CLOSE = 0x88;
const nothing = { messages: 0, bytes: 0, handler: false };
const echo = async (session: Session): Promise<void> => {
  for await (const message of session) await session.send(message);
};

type Pair = ReturnType<typeof createPair>;

function codeOf(info: CloseInfo): string | undefined {
  return (info.error as { code?: string } | undefined)?.code;
}

interface Expected {
  readonly from: [number, string];
  readonly to: [number, string];
  readonly initiator: 'local' | 'remote';
  readonly error?: string;
  readonly messages?: number;
  readonly state?: string;
}

/** Asserts the whole CloseInfo of a close that is clean: `from` is the peer's close frame, `to` ours. */
function assertClean(info: CloseInfo, { from, to, initiator, error, messages = 0 }: Expected): void {
  const { error: actual, ...told } = info;
  assert.equal(told, {
    closeCode: from[0],
    reason: from[1],
    wasClean: true,
    initiator,
    received: { closeCode: from[0], reason: from[1] },
    sent: { closeCode: to[0], reason: to[1] },
    abandoned: { ...nothing, messages },
  });
  assert.is((actual as { code?: string } | undefined)?.code ?? actual?.message, error);
}

/** Ends a pair; what the server expects, then the client. */
async function ends(pair: Pair, server: Expected, client: Expected): Promise<void> {
  const infos = await pair.ended();
  assertClean(infos.server, server);
  assertClean(infos.client, client);
  assert.equal([pair.server.state, pair.client.state], [server.state ?? 'completed', client.state ?? 'completed']);
  await turns();
  assert.is(pair.clock.pending, 0, 'no timer is left');
}

const two = suite('closing · both sides');

two('the client closes: its code comes back', async () => {
  const pair = createPair({ handler: echo });
  void pair.client.session.close(3000, 'bye');
  await ends(
    pair,
    { from: [3000, 'bye'], to: [3000, ''], initiator: 'remote' },
    { from: [3000, ''], to: [3000, 'bye'], initiator: 'local' },
  );
});

two('the server closes: its code comes back', async () => {
  const pair = createPair();
  void pair.server.session.close(4999, 'restart');
  await ends(
    pair,
    { from: [4999, ''], to: [4999, 'restart'], initiator: 'local' },
    { from: [4999, 'restart'], to: [4999, ''], initiator: 'remote' },
  );
});

two('both close at once, and the frames cross: each tells the other’s code, and that it began itself', async () => {
  const pair = createPair();
  void pair.server.session.close(3001, 'server');
  void pair.client.session.close(3002, 'client');
  await ends(
    pair,
    { from: [3002, 'client'], to: [3001, 'server'], initiator: 'local' },
    { from: [3001, 'server'], to: [3002, 'client'], initiator: 'local' },
  );
});

two('frames that cross behind messages: what was sent on both sides is read on the other', async () => {
  const pair = createPair();
  const sides = [pair.server.session, pair.client.session];
  for (const session of sides) {
    for (let index = 0; index < 50; index++) void session.send(`${index}`);
    void session.close(1000);
  }
  for (const session of sides) {
    const messages: unknown[] = [];
    for await (const message of session) messages.push(message);
    assert.equal(
      messages,
      Array.from({ length: 50 }, (_, index) => `${index}`),
    );
  }
  const normal: Expected = { from: [1000, ''], to: [1000, ''], initiator: 'local' };
  await ends(pair, normal, normal);
});

two('the handler returns', async () => {
  const pair = createPair({ handler: (session) => session.send('done') });
  assert.is(await pair.client.session.receive(), 'done');
  await ends(
    pair,
    { from: [1000, ''], to: [1000, ''], initiator: 'local' },
    { from: [1000, ''], to: [1000, ''], initiator: 'remote' },
  );
});

two('the handler throws: the other side learns the code and nothing else', async () => {
  const userContext = { onError: () => {} };
  const fail = async (): Promise<never> => {
    throw new Error('secret');
  };
  const pair = createPair({ handler: fail, userContext });
  await ends(
    pair,
    { from: [1011, ''], to: [1011, ''], initiator: 'local', error: 'secret', state: 'failed' },
    { from: [1011, ''], to: [1011, ''], initiator: 'remote' },
  );
});

two('both handlers return at once', async () => {
  const done = { handler: (): void => {} };
  const normal: Expected = { from: [1000, ''], to: [1000, ''], initiator: 'local' };
  await ends(createPair(done, done), normal, normal);
});

two('cancelled: 1001; the other side has closed well', async () => {
  const pair = createPair();
  pair.server.cancel('why');
  await ends(
    pair,
    { from: [1001, ''], to: [1001, ''], initiator: 'local', error: 'ERR_WS_CANCELLED', state: 'cancelled' },
    { from: [1001, ''], to: [1001, ''], initiator: 'remote' },
  );
});

two('close, then cancel: the close goes on as it was begun, and the job is cancelled', async () => {
  const pair = createPair();
  void pair.client.session.close(3000, 'bye');
  pair.client.cancel();
  await ends(
    pair,
    { from: [3000, 'bye'], to: [3000, ''], initiator: 'remote' },
    { from: [3000, ''], to: [3000, 'bye'], initiator: 'local', error: 'ERR_WS_CANCELLED', state: 'cancelled' },
  );
});

two('cancel, then close: 1001, and close() tells how it ended', async () => {
  const pair = createPair();
  pair.client.cancel();
  const closed = pair.client.session.close(3000);
  const cancelled = { error: 'ERR_WS_CANCELLED', state: 'cancelled' };
  await ends(
    pair,
    { from: [1001, ''], to: [1001, ''], initiator: 'remote' },
    { from: [1001, ''], to: [1001, ''], initiator: 'local', ...cancelled },
  );
  assert.is(await closed, await pair.client.closed);
});

two('close twice: the first holds, both tell the same', async () => {
  const pair = createPair();
  const closes = [pair.client.session.close(3000, 'first'), pair.client.session.close(4000, 'second')];
  await ends(
    pair,
    { from: [3000, 'first'], to: [3000, ''], initiator: 'remote' },
    { from: [3000, ''], to: [3000, 'first'], initiator: 'local' },
  );
  const [first, second] = await Promise.all(closes);
  assert.is(first, second);
});

two('the server’s messages that nobody reads are let go when the client’s handler has returned', async () => {
  const pair = createPair({ handler: echo }, { handler: (session) => session.send('a').then(() => {}) });
  await ends(
    pair,
    { from: [1000, ''], to: [1000, ''], initiator: 'remote' },
    { from: [1000, ''], to: [1000, ''], initiator: 'local', messages: 1 },
  );
});

two('streams: closing one side’s writable ends the other’s readable, and both fulfil', async () => {
  const pair = createPair({ handler: (session) => session.readable.pipeTo(session.writable as WritableStream) });
  const writer = pair.client.session.writable.getWriter();
  void writer.write('a');
  const closed = writer.close();
  const texts: unknown[] = [];
  for await (const message of pair.client.session) texts.push(message);
  assert.equal(texts, ['a']);
  await ends(
    pair,
    { from: [1000, ''], to: [1000, ''], initiator: 'remote' },
    { from: [1000, ''], to: [1000, ''], initiator: 'local' },
  );
  await closed;
});

two('the line is cut: each tells that it was lost, and that the other was gone first', async () => {
  const pair = createPair({ handler: echo });
  pair.line.reset();
  const { server, client } = await pair.ended();
  for (const info of [server, client]) {
    const { error, ...told } = info;
    assert.equal(told, {
      closeCode: 1006,
      reason: '',
      wasClean: false,
      initiator: 'remote',
      received: undefined,
      sent: undefined,
      abandoned: nothing,
    });
    assert.is(codeOf(info), 'ERR_WS_CONNECTION_LOST');
  }
  assert.equal([pair.server.state, pair.client.state], ['failed', 'failed']);
});
two.run();

const faults = suite('closing · limits and faults meanwhile');

/** A job whose close frame has been sent, and whose peer has not answered it. */
async function closing(settings: ConstructorParameters<typeof ByHand>[0] = {}): Promise<ByHand> {
  const peer = new ByHand(settings);
  void peer.job.session.close(3000);
  await turns();
  return peer;
}

faults('a message over the limit: no second close frame, our half ends at once', async () => {
  const peer = await closing({ limits: { maxMessageSize: 10 } });
  await peer.send(masked(TEXT, 'x'.repeat(11)));
  assert.equal([peer.wire, peer.output], [['close 3000 ""'], 'closed']);
  await peer.end();
  const info = await peer.job.closed;
  assert.equal([codeOf(info), info.wasClean, info.sent?.closeCode], ['ERR_WS_FRAME_TOO_LONG', false, 3000]);
});

faults('pings are not answered behind our close frame, and too many of them cut the connection', async () => {
  const peer = await closing({ limits: { maxControlFrameRate: 5 } });
  await peer.send(join(...Array.from({ length: 20 }, () => masked(PING, 'x'))));
  const info = await peer.job.closed;
  assert.equal([peer.wire, codeOf(info)], [['close 3000 ""'], 'ERR_WS_CONTROL_FRAME_RATE']);
  assert.equal([info.wasClean, info.closeCode, peer.clock.pending], [false, 1006, 0]);
});

faults('the queue is full of what came before the close: unread messages do not hide the answer', async () => {
  const peer = await closing({ handler: (session) => session.closed, limits: { queueSize: 100, lookAhead: 1000 } });
  for (let count = 0; count < 8; count++) await peer.send(masked(TEXT, 'x'.repeat(60)));
  await peer.send(masked(CLOSE, closePayload(3000)));
  await peer.end();
  const info = await peer.job.closed;
  assert.equal([info.wasClean, info.abandoned.messages], [true, 8]);
});

faults('a peer that never stops sending instead of answering is cut after the close time-out', async () => {
  const peer = await closing({ handler: async (session) => void (await session.closed) });
  for (let count = 0; count < 10; count++) {
    await peer.clock.turn(closeTimeout / 10 - 1);
    await peer.send(masked(TEXT, 'x'));
  }
  await peer.clock.turn(10);
  const info = await peer.job.closed;
  assert.equal([codeOf(info), info.wasClean], ['ERR_WS_CLOSE_TIMEOUT', false]);
});

faults('a slow consumer that is found while the answer waits is closed by the policy', async () => {
  const peer = new ByHand({ slowConsumer: { policy: 'close', maxQueued: 100, closeCode: 1008 } });
  const { session } = peer.job;
  await peer.send(join(masked(TEXT, 'unread'), masked(CLOSE, closePayload(1000))));
  void session.send('x'.repeat(100));
  await rejects(session.send('too much'), Error, 'ERR_WS_CLOSED');
  await turns();
  assert.equal(peer.wire, ['close 1008 "The peer reads too slowly"']);
  await peer.end();
  const { received, sent, wasClean } = await peer.job.closed;
  assert.equal([received?.closeCode, sent?.closeCode, wasClean], [1000, 1008, false]);
});

faults('what fails while a close waits behind a streamed message closes by its own code', async () => {
  for (const [bytes, code, error] of [
    [Uint8Array.of(0x83), 1002, 'ERR_WS_UNKNOWN_OPCODE'],
    [join(...Array.from({ length: 20 }, () => masked(PING))), 1008, 'ERR_WS_CONTROL_FRAME_RATE'],
  ] as const) {
    const peer = new ByHand({ limits: { maxControlFrameRate: 5 } });
    const source = new HandSource();
    void peer.job.session.send(source);
    void peer.job.session.close(3000);
    await source.give('a');
    await peer.send(bytes);
    assert.equal([peer.wire[0], peer.frames.at(-1)?.opcode], ['text… "a"', 8]);
    assert.ok(peer.wire.at(-1)?.startsWith(`close ${code} `), peer.wire.at(-1));
    await peer.end();
    const info = await peer.job.closed;
    assert.equal([codeOf(info), info.sent?.closeCode, source.returns], [error, code, 1]);
  }
});

faults('no ping is sent and no time-out but that of the closing holds', async () => {
  const peer = await closing({
    limits: { pingInterval: 100, pingTimeout: 100, idleTimeout: 100, stallTimeout: 100, closeTimeout: 1000 },
  });
  await peer.clock.turn(999);
  assert.equal([peer.wire, peer.job.state], [['close 3000 ""'], 'closing']);
  await peer.clock.turn(1);
  assert.is(codeOf(await peer.job.closed), 'ERR_WS_CLOSE_TIMEOUT');
});

faults('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});
faults.run();
