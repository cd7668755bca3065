// What is sent over one session after the other: what the session's own spec does not show.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Sendable } from '../../lib/connection/sendable.ts';
import { resolveSlowConsumer, type SendOptions } from '../../lib/connection/slow-consumer.ts';
import { ExtensionError, LocalProtocolError } from '../../lib/error.ts';
import { ReconnectOutbox, type SendingSession } from '../../lib/reconnect/reconnect-outbox.ts';
import { rejects, throws } from '../support/check.ts';
import { TestClock, turns } from '../support/clock.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('reconnect outbox');

/** A session that takes what it is told to take. */
class Target {
  readonly sent: unknown[] = [];
  readonly options: (SendOptions | undefined)[] = [];
  readonly job: { state: 'running' | 'closing' } = { state: 'running' };
  /** What it does not take, with its error. */
  refusal: Error | undefined;
  room: Promise<void> = Promise.resolve();
  dropped = 0;

  get counters(): SendingSession['counters'] {
    const dropped = { messages: this.dropped, bytes: this.dropped };
    return { messagesSent: this.sent.length, dropped } as SendingSession['counters'];
  }

  send(message: Sendable, options?: SendOptions): Promise<void> {
    if (this.refusal !== undefined) {
      const refused = Promise.reject(this.refusal);
      refused.catch(() => {});
      return refused;
    }
    this.sent.push(message);
    this.options.push(options);
    return this.room;
  }

  flush(): Promise<void> {
    return new Promise(() => {});
  }

  ping(): Promise<number> {
    return new Promise(() => {});
  }
}

function create(): { readonly outbox: ReconnectOutbox; readonly failures: unknown[] } {
  const failures: unknown[] = [];
  const outbox = new ReconnectOutbox({
    clock: new TestClock(),
    policy: resolveSlowConsumer('wait', 300),
    maxUnsettled: 1_000,
    settleInterval: 1_000,
    failed: (error) => failures.push(error),
  });
  return { outbox, failures };
}

test('what waits is handed over as the session has room, and what is sent meanwhile comes behind it', async () => {
  const { outbox } = create();
  const target = new Target();
  let makeRoom = (): void => {};
  target.room = new Promise((resolve) => (makeRoom = resolve));
  void outbox.send('a');
  void outbox.send('b', { slowConsumer: 'wait', compress: false });
  outbox.opened(target);
  void outbox.send('c');
  await turns(1);
  assert.equal([target.sent, outbox.queued], [['a'], 2 * 65]);
  makeRoom();
  await turns(1);
  assert.equal([target.sent, outbox.queued, outbox.unsettled], [['a', 'b', 'c'], 0, 3]);
  assert.equal(target.options[1], { slowConsumer: 'wait', compress: false });
  void outbox.send('d');
  assert.equal(target.sent, ['a', 'b', 'c', 'd']);
});

test('what a session that is closing has not taken waits for the next', async () => {
  const { outbox } = create();
  const first = new Target();
  outbox.opened(first);
  first.job.state = 'closing';
  await outbox.send('a');
  assert.equal([first.sent, outbox.queued], [[], 65]);
  assert.equal(outbox.connectionLost(), { messages: [], count: 0, bytes: 0 });
  const second = new Target();
  outbox.opened(second);
  await turns(1);
  assert.equal(second.sent, ['a']);
});

test('what a session refuses by its policy is refused to the sender, and is not sent later', async () => {
  const { outbox } = create();
  const target = new Target();
  outbox.opened(target);
  target.refusal = new LocalProtocolError('ERR_WS_QUEUE_FULL', 'full');
  await rejects(outbox.send('a'), LocalProtocolError, 'ERR_WS_QUEUE_FULL');
  assert.equal([outbox.queued, outbox.unsettled], [0, 0]);
});

test('a message that has waited and that no session can take is told, and tried with no other', async () => {
  const { outbox, failures } = create();
  const target = new Target();
  const error = new ExtensionError('ERR_WS_EXTENSION_FAILED', 'failed');
  target.refusal = error;
  void outbox.send('poison');
  outbox.opened(target);
  await turns(1);
  assert.equal(failures, [error]);
  assert.equal(outbox.connectionLost(), { messages: ['poison'], count: 1, bytes: 6 });
  assert.is(outbox.queued, 0);
});

test('what is given back is sent before all else; what is no message among it sends nothing again', async () => {
  const { outbox } = create();
  outbox.opened(new Target());
  void outbox.send('lost');
  const { messages } = outbox.connectionLost();
  void outbox.send('later');
  throws(() => outbox.sendAgain({ error: undefined }, ['x', 3 as unknown as string]), TypeError);
  for (const wrong of ['text', Promise.resolve([]), 3]) {
    throws(() => outbox.sendAgain({ error: undefined }, wrong as unknown as string[]), TypeError, /iterable/);
  }
  assert.is(outbox.queued, 69);
  outbox.sendAgain({ error: undefined }, messages);
  const target = new Target();
  outbox.opened(target);
  await turns(1);
  assert.equal(target.sent, ['lost', 'later']);
  assert.equal(outbox.lost, { messages: 1, bytes: 4 });
});

test('what sessions have dropped is counted over all of them', () => {
  const { outbox } = create();
  for (const dropped of [2, 3]) {
    const target = new Target();
    outbox.opened(target);
    target.dropped = dropped;
    if (dropped === 2) outbox.connectionLost();
  }
  assert.equal(outbox.dropped, { messages: 5, bytes: 5 });
});

test('before a close all that waits is handed over, without waiting for room', () => {
  const { outbox } = create();
  const target = new Target();
  target.room = new Promise(() => {});
  for (const text of ['a', 'b', 'c']) void outbox.send(text);
  outbox.opened(target);
  outbox.closing();
  assert.equal(target.sent, ['a', 'b', 'c']);
});

test('refused and ended it takes nothing more, and tells what was never sent', async () => {
  const { outbox } = create();
  const error = new LocalProtocolError('ERR_WS_CLOSED', 'closed');
  void outbox.send('a');
  const settled = outbox.settled();
  outbox.refuse(error);
  throws(() => outbox.send('b'), LocalProtocolError, 'ERR_WS_CLOSED');
  assert.equal(outbox.end(error), { messages: ['a'], count: 1, bytes: 1 });
  await rejects(settled, LocalProtocolError, 'ERR_WS_CLOSED');
  await rejects(outbox.settled(), LocalProtocolError, 'ERR_WS_CLOSED');
});

test('nothing has escaped', async () => {
  await turns(5);
  assert.equal(seen, []);
});

test.run();
