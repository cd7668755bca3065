// One connection in memory: the input, the output and the peer are the test's.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Conversation, type ConversationParts } from '../../lib/cli/conversation.ts';
import { InputError } from '../../lib/cli/line-splitter.ts';
import { Notices } from '../../lib/cli/notices.ts';
import type { Session } from '../../lib/job/session.ts';
import type { Message } from '../../lib/message/message.ts';
import type { PairSide } from '../../lib/testing/pair.ts';
import type { TestClock } from '../support/clock.ts';
import { createPair, watchEscapes } from '../support/pair.ts';
import { echo } from '../support/server.ts';
import { until } from '../support/until.ts';

const test = suite('conversation');

const { seen } = watchEscapes();

test.after(() => assert.equal(seen, []));

interface Given extends Partial<ConversationParts['options']> {
  /** What is sent; a function is waited for before what follows it. */
  readonly input?: readonly (string | Uint8Array | (() => Promise<unknown>))[];
  readonly server?: PairSide['handler'];
  readonly client?: PairSide;
}

interface Talk extends AsyncDisposable {
  readonly pair: ReturnType<typeof createPair>;
  readonly conversation: Conversation;
  readonly printed: Message[];
  readonly told: string[];
  readonly stops: number[];
  readonly code: Promise<number>;
}

/** Begins a conversation of the client with that server. */
function talk({ input = [], server = echo, client = {}, ...more }: Given): Talk {
  const pair = createPair({ handler: server }, client);
  const [printed, told, stops]: [Message[], string[], number[]] = [[], [], []];
  async function* read(): AsyncGenerator<string | Uint8Array, void> {
    for (const one of input) {
      if (typeof one === 'function') await one();
      else yield one;
    }
  }
  const conversation = new Conversation({
    session: pair.client.session,
    input: { [Symbol.asyncIterator]: read, stop: () => stops.push(1) },
    print: async (message) => {
      printed.push(message);
    },
    notices: new Notices({ write: (line) => told.push(line), paint: (text) => text, isQuiet: false }),
    delay: (milliseconds, signal) => delay(pair.clock, milliseconds, signal),
    options: { wait: 0, pingInterval: undefined, closeCode: 1000, closeReason: '', ...more },
  });
  const code = conversation.run();
  return {
    pair,
    conversation,
    printed,
    told,
    stops,
    code: pair.ended().then(() => code),
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

function delay(clock: TestClock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    clock.setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

const never = (): Promise<never> => new Promise(() => {});

test('what comes in is sent, what comes back is printed, and the end of the input closes with 1000', async () => {
  const bytes = Uint8Array.of(0, 255);
  await using it = talk({ input: ['a', '', bytes] });
  assert.is(await it.code, 0);
  assert.equal(it.printed, ['a', '', bytes]);
  assert.equal(it.told, ['millrace: closed with 1000']);
  assert.is(it.stops.length, 1);
  assert.is((await it.pair.server.closed).closeCode, 1000);
});

test('the end of the input closes with what is asked for, and that is 0', async () => {
  await using it = talk({ input: ['a'], closeCode: 4001, closeReason: 'done' });
  assert.is(await it.code, 0);
  const { closeCode, reason } = await it.pair.server.closed;
  assert.equal([closeCode, reason], [4001, 'done']);
});

for (const [closeCode, code, told] of [
  [1000, 0, 'closed by the peer with 1000: bye'],
  [1001, 3, 'closed by the peer with 1001: bye'],
  [4000, 3, 'closed by the peer with 4000: bye'],
] as const) {
  test(`a peer that closes with ${closeCode} ends it with ${code}, though the input goes on`, async () => {
    const server = (session: Session): unknown => session.close(closeCode, 'bye');
    await using it = talk({ input: [never], server });
    assert.is(await it.code, code);
    assert.equal(it.told, [`millrace: ${told}`]);
    assert.is(it.stops.length, 1);
  });
}

test('a peer that is lost is 1, and an error', async () => {
  const server = (): unknown => {
    it.pair.line.reset();
    return never();
  };
  await using it = talk({ input: [never], server });
  assert.is(await it.code, 1);
  assert.match(it.told.join(), /^millrace: The connection was lost before the closing handshake/);
});

test('a message over the limit is 1, and the flag that allows it is told', async () => {
  const server = (session: Session): unknown => session.send('12345');
  await using it = talk({ input: [never], server, client: { limits: { maxMessageSize: 4 } } });
  assert.is(await it.code, 1);
  assert.match(it.told.join(), /--max-message-size allows more/);
  assert.is((await it.pair.server.closed).closeCode, 1009);
});

test('an input that fails is 1, behind what could be sent', async () => {
  const fail = (): Promise<never> => Promise.reject(new InputError('line 2 is too long'));
  await using it = talk({ input: ['a', fail] });
  assert.is(await it.code, 1);
  assert.equal(it.printed, ['a']);
  assert.equal(it.told, ['millrace: line 2 is too long']);
  assert.is((await it.pair.server.closed).closeCode, 1011);
});

test('with a wait the connection stays open for so long behind the end of the input', async () => {
  const server = async (session: Session): Promise<void> => {
    await delay(it.pair.clock, 2000, session.signal).catch(() => {});
    await session.send('late').catch(() => {});
    await never();
  };
  await using it = talk({ wait: 3000, server });
  assert.is(await it.code, 0);
  assert.equal(it.printed, ['late']);
  assert.is((await it.pair.server.closed).closeCode, 1000);
});

test('kept open, it ends when the peer closes', async () => {
  const server = async (session: Session): Promise<void> => {
    await delay(it.pair.clock, 3_600_000, session.signal);
    await session.close(1000);
  };
  await using it = talk({ wait: Number.POSITIVE_INFINITY, server, client: { limits: { pingInterval: 1e9 } } });
  assert.is(await it.code, 0);
  assert.is((await it.pair.server.closed).initiator, 'local');
});

test('pings are sent as often as is asked for, and their round trips are told one by one and together', async () => {
  await using it = talk({ wait: 2500, pingInterval: 1000 });
  assert.is(await it.code, 0);
  assert.is(it.told.length, 5);
  for (const [index, line] of it.told.slice(0, 3).entries()) assert.match(line, `millrace: ping ${index + 1}: `);
  assert.match(it.told[3] as string, /^millrace: pings: 3, least .* ms, mean .* ms, most .* ms$/);
});

test('an output that nobody reads any more is no failure, and nothing is told', async () => {
  await using it = talk({ input: ['a', never] });
  await until(() => it.printed.length > 0, 'a message is printed');
  it.conversation.outputEnded(undefined);
  assert.is(await it.code, 0);
  assert.equal(it.told, []);
  assert.is((await it.pair.server.closed).closeCode, 1001);
});

test('stopped, a peer that does not answer is 1', async () => {
  await using it = talk({ input: [never] });
  await it.pair.settled();
  it.pair.line.silence();
  it.pair.client.cancel();
  assert.is(await it.code, 1);
  assert.equal(it.told, ['millrace: stopped, and the peer has not answered the close frame']);
});

test('an output that fails is 1', async () => {
  await using it = talk({ input: ['a', never] });
  await until(() => it.printed.length > 0, 'a message is printed');
  it.conversation.outputEnded(new Error('ENOSPC: no space left'));
  assert.is(await it.code, 1);
  assert.equal(it.told, ['millrace: cannot write to standard output: ENOSPC: no space left']);
});

test.run();
