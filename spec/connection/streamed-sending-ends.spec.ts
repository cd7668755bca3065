// What becomes of a message that is sent as its source gives it when the source fails, or the connection ends first.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Role } from '../../lib/frame/frame.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { ByHand, masked, unmasked, watchEscapes } from '../support/pair.ts';
import { chunksOf, HandSource, HandStream } from '../support/sources.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const roles: readonly Role[] = ['server', 'client'];
const never = (): Promise<never> => new Promise(() => {});

const failing = suite('streamed sending · a source that fails');

failing('before the first fragment only the send rejects; the connection goes on', async () => {
  const wrong = new HandSource<unknown>();
  const cause = new Error('mine');
  const mine = new HandSource();
  const peer = new ByHand();
  const { session } = peer.job;
  const first = session.send(mine);
  const second = session.send(wrong as AsyncIterable<string>);
  void session.send('goes on');
  await mine.fail(cause);
  assert.is(await rejects(first, Error), cause);
  await wrong.give(5);
  await rejects(second, TypeError, /a number/);
  await turns();
  assert.equal([peer.wire, peer.job.state, wrong.returns], [['text "goes on"'], 'running', 1]);
});

failing('a chunk of the first turn is no fragment yet: nothing was sent', async () => {
  const peer = new ByHand();
  const cause = new Error('mine');
  async function* failsAtOnce(): AsyncGenerator<string> {
    yield 'a';
    throw cause;
  }
  assert.is(await rejects(peer.job.session.send(failsAtOnce()), Error), cause);
  await turns();
  assert.equal([peer.wire, peer.job.state], [[], 'running']);
});

for (const role of roles) {
  failing(`${role}: after the first fragment the connection is failed with 1011, and the cause is told`, async () => {
    const peer = new ByHand({ role });
    const { session } = peer.job;
    const source = new HandSource();
    const cause = new RangeError('mine');
    const first = session.send(source);
    const behind = session.send(new HandSource());
    void session.send('never');
    await source.give('a');
    await source.fail(cause);
    assert.is(await rejects(first, RangeError), cause);
    await rejects(behind, Error, 'ERR_WS_MESSAGE_ABORTED');
    await rejects(session.send('late'), Error, 'ERR_WS_CLOSED');
    await turns();
    assert.equal(peer.wire, ['text… "a"', 'close 1011 ""']);
    assert.is(peer.output, 'closed');
    await peer.send((role === 'server' ? masked : unmasked)(TEXT, 'thrown away'));
    await peer.end();
    const { error, abandoned, ...info } = await peer.job.closed;
    assert.equal(info, {
      closeCode: 1006,
      reason: '',
      wasClean: false,
      initiator: 'local',
      received: undefined,
      sent: { closeCode: 1011, reason: '' },
    });
    assert.equal([(error as { code?: string }).code, error?.cause], ['ERR_WS_MESSAGE_ABORTED', cause]);
    assert.equal(abandoned, { messages: 0, bytes: 64 + 64 + 5, handler: false });
    assert.is(peer.job.state, 'failed');
  });
}

failing('bytes of a text that are not UTF-8 fail the connection, and never reach the peer', async () => {
  const peer = new ByHand();
  const source = new HandSource();
  const sending = peer.job.session.send({ type: 'text', body: source });
  await source.give(Uint8Array.of(0x61, 0xc3));
  await source.give(Uint8Array.of(0x28));
  await rejects(sending, TypeError, /UTF-8/);
  await turns();
  assert.equal([peer.frames[0]?.payload, peer.wire.at(-1)], [Uint8Array.of(0x61, 0xc3), 'close 1011 ""']);
});

failing('a writable: the write rejects with the cause', async () => {
  const peer = new ByHand();
  const writer = peer.job.session.writable.getWriter();
  writer.closed.catch(() => {});
  const source = new HandSource();
  const cause = new Error('mine');
  const written = writer.write(source);
  written.catch(() => {});
  await turns();
  await source.fail(cause);
  assert.is(await rejects(written, Error), cause);
});

failing('the session’s own end is no failure of a handler that was sending', async () => {
  const errors: unknown[] = [];
  const peer = new ByHand({
    userContext: { onError: (error) => errors.push(error) },
    handler: (session) => session.send(new HandSource()),
  });
  await turns();
  await peer.fail(new Error('gone'));
  await peer.job.closed;
  assert.equal(errors, []);
});
failing.run();

const ending = suite('streamed sending · the end');

const ends: readonly (readonly [string, (peer: ByHand) => unknown])[] = [
  ['the connection is lost', (peer) => peer.fail(new Error('reset'))],
  ['the peer ends its half', (peer) => peer.end()],
  ['the peer breaks the protocol', (peer) => peer.send(Uint8Array.of(0x83))],
  ['the job is cancelled', (peer) => peer.job.cancel()],
  ['the handler’s signal is aborted', (peer) => peer.job.cancel(new Error('stop'))],
  ['nothing is taken for the stall time-out', (peer) => peer.clock.turn(60_000)],
];

for (const [what, end] of ends) {
  for (const begun of [true, false]) {
    ending(`${what}, the message ${begun ? 'begun' : 'not begun'}`, async () => {
      const peer = new ByHand({ limits: { pingInterval: Number.POSITIVE_INFINITY } });
      const { session } = peer.job;
      const [source, stream] = [new HandSource(), new HandStream()];
      const sending = [session.send(source), session.send(stream.stream), session.flush()];
      if (begun) await source.give('a');
      if (what.includes('stall')) {
        peer.block();
        await source.give('b');
      }
      await end(peer);
      for (const promise of sending) await rejects(promise, Error, /./);
      await turns();
      assert.equal([source.returns, stream.cancelled.length, stream.stream.locked], [1, 1, false]);
      await peer.clock.turn(20_000);
      assert.not((await peer.job.closed).wasClean);
      await rejects(session.flush(), Error, /./);
      assert.is(peer.clock.pending, 0);
    });
  }
}

ending('cancelled, the connection closes with 1001 at once: the message is not finished', async () => {
  const peer = new ByHand();
  const source = new HandSource();
  void peer.job.session.send('before', { slowConsumer: 'drop-oldest' });
  void peer.job.session.send(source);
  await turns();
  await source.give('a');
  peer.job.cancel('why');
  await turns();
  assert.equal(peer.wire, ['text "before"', 'text… "a"', 'close 1001 ""']);
  await peer.send(masked(0x88, Uint8Array.of(3, 0xe9)));
  await peer.end();
  const info = await peer.job.closed;
  assert.equal(
    [info.wasClean, info.closeCode, (info.error as { code?: string }).code],
    [true, 1001, 'ERR_WS_CANCELLED'],
  );
});

ending('cancelled after a close behind it, it closes with 1001', async () => {
  const peer = new ByHand();
  const source = new HandSource();
  void peer.job.session.send(source);
  void peer.job.session.close(3000);
  await source.give('a');
  peer.job.cancel();
  await turns();
  assert.equal(peer.wire, ['text… "a"', 'close 1001 ""']);
});

ending('a source whose return and cancel never settle, or throw, holds nobody up', async () => {
  const fail = (): never => {
    throw new Error('mine');
  };
  for (const end of [never, fail, () => Promise.reject(new Error('mine'))]) {
    const peer = new ByHand();
    const iterable = { [Symbol.asyncIterator]: () => ({ next: never, return: end }) };
    void peer.job.session.send(iterable);
    void peer.job.session.send(new globalThis.ReadableStream({ pull: never, cancel: end }));
    await turns();
    peer.job.cancel();
    await peer.clock.turn(5_000);
    assert.is(peer.job.state, 'cancelled');
  }
});

ending('a source that calls the session back while it is asked, or let go, does no harm', async () => {
  for (const act of [
    (peer: ByHand) => peer.job.cancel(),
    (peer: ByHand) => void peer.job.session.close(),
    (peer: ByHand) => void peer.job.session.send('inside'),
    (peer: ByHand) => void peer.job.session.send(chunksOf(['inside'])),
    (peer: ByHand) => void peer.job.session.flush(),
  ]) {
    const peer = new ByHand();
    let count = 0;
    const next = async (): Promise<IteratorResult<string, undefined>> => {
      act(peer);
      return ++count < 3 ? { value: `${count}`, done: false } : { value: undefined, done: true };
    };
    const iterable = {
      [Symbol.asyncIterator]: () => ({
        next,
        return: async () => {
          act(peer);
          return { value: undefined, done: true as const };
        },
      }),
    };
    void peer.job.session.send(iterable);
    await turns(20);
    await peer.send(masked(0x88));
    await peer.end();
    await peer.clock.turn(10_000);
    assert.is(peer.clock.pending, 0);
    assert.ok(['completed', 'cancelled'].includes(peer.job.state), peer.job.state);
  }
});

ending('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});
ending.run();
