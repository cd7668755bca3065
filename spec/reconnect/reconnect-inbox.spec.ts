// The messages of one session after the other, for one reader: what the session's own spec does not show.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConnectionError } from '../../lib/error.ts';
import { type ReceivingSession, ReconnectInbox } from '../../lib/reconnect/reconnect-inbox.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('reconnect inbox');

/** A session that has some messages, and then ends, or fails, or gives more when it is told to. */
class Source implements ReceivingSession<string> {
  readonly messages: string[];
  receives = 0;
  #failure: Error | undefined;
  #waiting: ((message: string | undefined) => void) | undefined;
  #isOpen: boolean;

  constructor(messages: string[], end: 'open' | 'ended' | Error = 'ended') {
    this.messages = messages;
    this.#isOpen = end === 'open';
    this.#failure = end instanceof Error ? end : undefined;
  }

  get counters(): ReceivingSession<string>['counters'] {
    return { unread: this.messages.length * 65 } as ReceivingSession<string>['counters'];
  }

  async receive(): Promise<string | undefined> {
    this.receives++;
    const message = this.messages.shift();
    if (message !== undefined) return message;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#isOpen ? new Promise((resolve) => (this.#waiting = resolve)) : undefined;
  }

  give(message: string | undefined): void {
    this.#waiting?.(message);
  }
}

function create(): { readonly inbox: ReconnectInbox<string>; readonly failures: unknown[] } {
  const failures: unknown[] = [];
  return { inbox: new ReconnectInbox<string>((_, error) => failures.push(error)), failures };
}

test('nothing is taken from a session that nobody has asked for', async () => {
  const { inbox } = create();
  const source = new Source(['a', 'b']);
  inbox.opened(source);
  await turns(2);
  assert.is(source.receives, 0);
  assert.is(await inbox.receive(), 'a');
  await turns(2);
  assert.is(source.receives, 1);
});

test('an end and an error of a session are passed over: the reader waits for the next', async () => {
  const { inbox, failures } = create();
  const received = inbox.receive();
  inbox.opened(new Source([]));
  inbox.opened(new Source([], new ConnectionError('ERR_WS_CONNECTION_LOST', 'lost')));
  inbox.opened(new Source(['a']));
  assert.is(await received, 'a');
  assert.equal(failures, []);
});

test('a session that somebody else reads is given up, and told of', async () => {
  const { inbox, failures } = create();
  const error = new TypeError('in use');
  inbox.opened(new Source([], error));
  inbox.opened(new Source(['a']));
  assert.is(await inbox.receive(), 'a');
  assert.equal(failures, [error]);
});

test('what lost sessions have left is counted until it was read; one that has nothing left is let go of', async () => {
  const { inbox } = create();
  const [one, none, two] = [new Source(['a']), new Source([]), new Source(['b', 'c'])];
  for (const source of [one, none, two]) {
    inbox.opened(source);
    inbox.lost(source);
  }
  assert.is(inbox.left, 3 * 65);
  let isRoom = false;
  void inbox.roomMade().then(() => {
    isRoom = true;
  });
  assert.is(await inbox.receive(), 'a');
  await turns(1);
  assert.ok(isRoom);
  assert.is(inbox.left, 2 * 65);
  assert.equal([await inbox.receive(), await inbox.receive(), inbox.left], ['b', 'c', 0]);
  assert.is(none.receives, 0);
});

test('the end comes behind the last message, to all that wait and to all that ask later', async () => {
  const { inbox } = create();
  const source = new Source(['a'], 'open');
  inbox.opened(source);
  const received = [inbox.receive(), inbox.receive(), inbox.receive()];
  await turns(1);
  inbox.end(undefined);
  await turns(1);
  source.give('b');
  await turns(1);
  source.give(undefined);
  assert.equal(await Promise.all(received), ['a', 'b', undefined]);
  assert.is(await inbox.receive(), undefined);
});

test('an error at the end is told to all that ask', async () => {
  const { inbox } = create();
  const received = [inbox.receive(), inbox.receive()];
  inbox.end(new ConnectionError('ERR_WS_GAVE_UP', 'no more'));
  for (const each of [...received, inbox.receive()]) await rejects(each, ConnectionError, 'ERR_WS_GAVE_UP');
});

test('the iterator needs no stream; leaving its loop leaves the rest', async () => {
  const { inbox } = create();
  inbox.opened(new Source(['a', 'b']));
  for await (const message of inbox) {
    assert.is(message, 'a');
    break;
  }
  inbox.end(undefined);
  const rest: string[] = [];
  for await (const message of inbox) rest.push(message);
  assert.equal(rest, ['b']);
});

test('the readable holds nothing, and is shared with receive while it is not locked', async () => {
  const { inbox } = create();
  const source = new Source(['a', 'b', 'c']);
  inbox.opened(source);
  const { readable } = inbox;
  await turns(2);
  assert.is(source.receives, 0);
  assert.equal(await Promise.all([inbox.receive(), inbox.receive()]), ['a', 'b']);
  const reader = readable.getReader();
  await rejects(inbox.receive(), TypeError);
  assert.is((await reader.read()).value, 'c');
  inbox.end(undefined);
  assert.ok((await reader.read()).done);
});

test('it cannot be made while a receive is pending', () => {
  const { inbox } = create();
  void inbox.receive();
  throws(() => inbox.readable, TypeError);
});

test('cancelled, it throws away what has come and what comes', async () => {
  const { inbox } = create();
  const source = new Source(['a'], 'open');
  inbox.opened(source);
  const reader = inbox.readable.getReader();
  assert.is((await reader.read()).value, 'a');
  void reader.read();
  await turns(1);
  await reader.cancel();
  source.give('b');
  await turns(1);
  source.give(undefined);
  const next = new Source(['c', 'd']);
  inbox.opened(next);
  await turns(2);
  assert.equal([inbox.discarded, next.messages], [3, []]);
  inbox.end(undefined);
});

test('nothing has escaped', async () => {
  await turns(5);
  assert.equal(seen, []);
});

test.run();
