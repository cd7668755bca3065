import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Job } from '../../lib/job/job.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const CLOSE = 0x88;
const { closeTimeout, handlerTimeout } = defaultLimits;

async function answerAndEnd(peer: ByHand, code: number): Promise<void> {
  await peer.send(masked(CLOSE, closePayload(code)));
  await peer.end();
}

const states = suite('job · states');

states('runs, closes, and is completed after a clean close', async () => {
  const peer = new ByHand();
  assert.is(peer.job.state, 'running');
  void peer.job.session.close();
  assert.is(peer.job.state, 'closing');
  await answerAndEnd(peer, 1000);
  assert.is(peer.job.state, 'completed');
});

states('is failed after a fault of the peer, a lost connection, a failed handler', async () => {
  const fault = new ByHand();
  await fault.send('ff');
  await fault.end();
  const lost = new ByHand();
  await lost.end();
  const thrown = new ByHand({
    userContext: { onError: () => {} },
    handler: () => {
      throw new Error('no');
    },
  });
  await turns();
  await answerAndEnd(thrown, 1011);
  for (const { job } of [fault, lost, thrown]) {
    await job.closed;
    assert.is(job.state, 'failed');
  }
});

states(
  'is failed with the error of a handler that throws behind a close of its own, however well the connection ended',
  async () => {
    const failure = new Error('late');
    const peer = new ByHand({
      userContext: { onError: () => {} },
      handler: (session) => {
        void session.close(3000);
        throw failure;
      },
    });
    await turns();
    await answerAndEnd(peer, 3000);
    const { error, wasClean } = await peer.job.closed;
    assert.equal([peer.job.state, wasClean], ['failed', true]);
    assert.is(error, failure);
    assert.is((await peer.job.session.closed).error, undefined, 'the connection itself has ended well');
  },
);

states('is not thenable: await gives the job itself', async () => {
  const { job } = new ByHand();
  const awaited: Job = await Promise.resolve(job);
  assert.is(awaited, job);
  assert.not('then' in job);
});

states('closed fulfils once, with the same CloseInfo as the session’s', async () => {
  const peer = new ByHand();
  await answerAndEnd(peer, 1000);
  assert.is(await peer.job.closed, await peer.job.session.closed);
  assert.is(await peer.job.closed, await peer.job.closed);
});

states('the handler starts a microtask after the upgrade, when the caller holds the job', async () => {
  let started = false;
  const peer = new ByHand({
    handler: (session) => {
      started = true;
      assert.is(session.job, peer.job);
    },
  });
  assert.not(started);
  await Promise.resolve();
  assert.ok(started);
});
states.run();

const cancel = suite('job · cancellation at every moment');

cancel('before the first byte: 1001 goes out, the handler never starts', async () => {
  let started = false;
  const peer = new ByHand({
    handler: () => {
      started = true;
    },
  });
  peer.job.cancel();
  await turns();
  assert.equal(peer.wire, ['close 1001 ""']);
  await answerAndEnd(peer, 1001);
  const info = await peer.job.closed;
  assert.equal([started, peer.job.state, info.wasClean, info.initiator], [false, 'cancelled', true, 'local']);
  assert.is((info.error as Error & { code: string }).code, 'ERR_WS_CANCELLED');
});

cancel('in the middle of a message: what has come of it is dropped', async () => {
  const peer = new ByHand();
  const whole = masked(TEXT, 'x'.repeat(1000));
  await peer.send(whole.subarray(0, 500));
  peer.job.cancel();
  await turns();
  assert.equal(peer.wire, ['close 1001 ""']);
  await peer.send(join(whole.subarray(500), masked(CLOSE, closePayload(1001))));
  await peer.end();
  assert.ok((await peer.job.closed).wasClean);
});

cancel('in the middle of a fragmented message and of a header', async () => {
  const peer = new ByHand();
  await peer.send(join(masked(0x01, 'part'), masked(0x80, 'rest').subarray(0, 1)));
  peer.job.cancel();
  await peer.clock.turn(closeTimeout);
  assert.is((await peer.job.closed).wasClean, false);
  assert.is(peer.job.state, 'cancelled');
});

cancel('while a write is blocked: the transport is cut after the close time-out', async () => {
  const peer = new ByHand({ limits: { queueSize: 10 } });
  peer.block();
  void peer.job.session.send('stuck');
  await turns();
  const waiting = peer.job.session.send('waits').then(
    () => 'sent',
    (error) => error.code,
  );
  peer.job.cancel();
  await peer.clock.turn(closeTimeout);
  await peer.job.closed;
  assert.equal([await waiting, peer.job.state], ['ERR_WS_CLOSED', 'cancelled']);
});

cancel('while the session is closing: the signal is aborted at once, nothing more is sent', async () => {
  const peer = new ByHand();
  void peer.job.session.close(3000);
  peer.job.cancel('enough');
  assert.is(peer.job.signal.reason, 'enough');
  await answerAndEnd(peer, 3000);
  assert.equal(peer.wire, ['close 3000 ""']);
  await peer.job.closed;
  assert.is(peer.job.state, 'cancelled');
});

cancel('while the peer’s close waits for replies: it is answered with 1001 at once', async () => {
  const peer = new ByHand({ handler: (session) => session.closed });
  await peer.send(join(masked(TEXT, 'unread'), masked(CLOSE, closePayload(1000))));
  assert.equal(peer.wire, []);
  peer.job.cancel();
  await peer.end();
  assert.equal(peer.wire, ['close 1001 ""']);
  const info = await peer.job.closed;
  assert.equal([info.wasClean, info.initiator, info.abandoned.messages], [true, 'remote', 1]);
});

cancel('while a slow handler holds up the peer: the peer’s answer is found behind its unread messages', async () => {
  const peer = new ByHand({ handler: (session) => session.closed });
  for (let count = 0; count < 4; count++) void peer.send(masked(TEXT, 'x'.repeat(60_000)));
  await turns();
  peer.job.cancel();
  await turns();
  await peer.send(masked(CLOSE, closePayload(1001)));
  await peer.end();
  const info = await peer.job.closed;
  assert.ok(info.wasClean);
  assert.ok(info.abandoned.messages >= 3);
});

cancel('after the end: nothing changes', async () => {
  const peer = new ByHand();
  await answerAndEnd(peer, 1000);
  await peer.job.closed;
  peer.job.cancel();
  await turns();
  assert.is(peer.job.state, 'completed');
});

cancel('twice: the first reason holds', async () => {
  const peer = new ByHand();
  peer.job.cancel('first');
  peer.job.cancel('second');
  assert.is(peer.job.signal.reason, 'first');
});

cancel('a handler that ends with the signal’s reason has not failed', async () => {
  const errors: unknown[] = [];
  const peer = new ByHand({
    userContext: { onError: (error) => errors.push(error) },
    handler: (session) =>
      new Promise((_, reject) => session.signal.addEventListener('abort', () => reject(session.signal.reason))),
  });
  await turns();
  peer.job.cancel(new Error('stop'));
  await turns();
  await answerAndEnd(peer, 1001);
  await peer.job.closed;
  assert.equal([errors, peer.job.state], [[], 'cancelled']);
});

cancel('a handler that ignores it is let go after the handler time-out', async () => {
  const peer = new ByHand({ handler: () => new Promise(() => {}) });
  await turns();
  peer.job.cancel();
  await peer.clock.turn(closeTimeout + handlerTimeout);
  assert.ok((await peer.job.closed).abandoned.handler);
  assert.is(peer.job.state, 'cancelled');
});
cancel.run();

const signal = suite('job · signal');

signal('is aborted when the connection has ended, also when it is first asked for afterwards', async () => {
  for (const askFirst of [true, false]) {
    const peer = new ByHand();
    const before = askFirst ? peer.job.signal : undefined;
    if (before !== undefined) assert.not(before.aborted);
    await answerAndEnd(peer, 1000);
    await peer.job.closed;
    assert.ok(peer.job.signal.aborted);
    assert.is(peer.job.signal.reason.code, 'ERR_WS_CLOSED');
    if (before !== undefined) assert.is(before, peer.job.signal);
  }
});
signal.run();

const disposal = suite('job · disposal');

disposal('await using cancels, and waits for the end', async () => {
  const { server, client } = createPair();
  {
    await using job = client;
    void job.session.ping();
  }
  assert.is(client.state, 'cancelled');
  assert.is((await server.closed).closeCode, 1001);
});

disposal('of a job that has ended does nothing', async () => {
  const peer = new ByHand();
  await answerAndEnd(peer, 1000);
  await peer.job[Symbol.asyncDispose]();
  assert.is(peer.job.state, 'completed');
});

disposal('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
disposal.run();
