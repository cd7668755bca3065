import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { createPair } from '../../lib/testing/pair.ts';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { turns } from '../../lib/testing/turns.ts';
import { rejects, throws } from '../support/check.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('testing · pair');

const echo = async (session: Session): Promise<void> => {
  for await (const message of session) await session.send(message);
};

for (const over of ['transport', 'streams'] as const) {
  test(`over ${over}: two jobs talk through the real codec, in both roles`, async () => {
    let bytes = '';
    const tap = (chunk: Uint8Array): void => {
      bytes += Buffer.from(chunk).toString('latin1');
    };
    const pair = createPair({ over, server: { handler: echo }, toServer: { tap } });
    await pair.client.session.send('hello');
    await pair.client.session.send(new Uint8Array([1, 2, 3]));
    assert.is(await pair.client.session.receive(), 'hello');
    assert.equal(await pair.client.session.receive(), new Uint8Array([1, 2, 3]));
    assert.equal([bytes.charCodeAt(0), bytes.charCodeAt(1)], [0x81, 0x85]);
    assert.is(bytes.includes('hello'), false, 'a client masks');
    void pair.client.session.close(4000, 'done');
    const { server, client } = await pair.ended();
    assert.equal([server.closeCode, server.reason, client.wasClean], [4000, 'done', true]);
    assert.equal([pair.clock.pending, pair.clock.now(), pair.line.isClosed], [0, 0, true]);
  });

  test(`over ${over}: a line that goes silent is found out when time passes`, async () => {
    const pair = createPair({ over, server: { limits: { closeTimeout: 3000 } } });
    pair.line.silence();
    void pair.server.session.close();
    await pair.clock.turn(2999);
    assert.is(pair.server.state, 'closing');
    await pair.clock.turn(1);
    const { closeCode, error } = await pair.server.closed;
    assert.equal([closeCode, (error as { code?: string }).code], [1006, 'ERR_WS_CLOSE_TIMEOUT']);
    await pair[Symbol.asyncDispose]();
    assert.is(pair.client.state, 'cancelled');
  });

  test(`over ${over}: a flipped bit fails the connection`, async () => {
    const pair = createPair({ over });
    pair.line.toServer.flip(0, 0x40);
    void pair.client.session.send('hello');
    const { server, client } = await pair.ended();
    assert.equal([server.error?.name, client.closeCode], ['RemoteProtocolError', 1002]);
  });

  test(`over ${over}: a slow reader holds the sender up`, async () => {
    const pair = createPair({ over, link: { bufferSize: 1000 } });
    let sent = 0;
    void (async () => {
      for (; sent < 1000; sent++) await pair.client.session.send(new Uint8Array(1000));
    })();
    await pair.settled();
    const held = sent;
    assert.ok(held < 300, `${held}`);
    for (let count = 0; count < 1000; count++) await pair.server.session.receive();
    await pair.settled();
    assert.is(sent, 1000);
    await pair[Symbol.asyncDispose]();
  });

  test(`over ${over}: disposal ends both jobs, whatever state the line is in, and leaves nothing on the clock`, async () => {
    const faults = ['restore', 'stall', 'silence', 'reset'] as const;
    for (const fault of faults) {
      const pair = createPair({ over, link: { latency: 100 }, server: { handler: () => new Promise(() => {}) } });
      void pair.client.session.send('hello');
      await pair.clock.turn(50);
      pair.line[fault]();
      await pair.settled();
      await pair[Symbol.asyncDispose]();
      const states = [pair.server.state, pair.client.state];
      const expected = fault === 'reset' ? 'failed' : 'cancelled';
      assert.equal(states, [expected, expected], fault);
      assert.equal([pair.clock.pending, pair.line.isClosed], [0, true], fault);
    }
  });

  test(`over ${over}: disposal closes both sides cleanly where the line allows it, and needs no time`, async () => {
    for (const [latency, isClean] of [
      [0, true],
      [1e9, false],
    ] as const) {
      const pair = createPair({ over, link: { latency } });
      pair.line.stall();
      await pair[Symbol.asyncDispose]();
      const { wasClean, sent } = await pair.server.closed;
      assert.equal([wasClean, sent?.closeCode, pair.clock.now()], [isClean, 1001, 0]);
    }
  });
}

class WatchedClock extends TestClock {
  watched = 0;

  override watch(progress: () => number): () => void {
    this.watched++;
    const unwatch = super.watch(progress);
    return () => {
      this.watched--;
      unwatch();
    };
  }
}

test('a pair that has ended leaves nothing behind on a clock that others use too', async () => {
  const clock = new WatchedClock();
  const pair = createPair({ clock });
  assert.is(clock.watched, 2);
  void pair.server.session.close();
  await pair.ended();
  assert.equal([clock.watched, clock.pending], [0, 0]);
});

test('each side has its own options, contexts and context', async () => {
  const errors: unknown[] = [];
  const failure = new Error('of the handler');
  const pair = createPair({
    server: {
      context: { user: 'Ada' },
      subprotocol: 'chat',
      handler: async (session) => {
        await session.send(`${session.context.user} ${session.subprotocol}`);
        throw failure;
      },
      userContext: { onError: (error) => errors.push(error) },
    },
    client: { context: 7, limits: { maxMessageSize: 8 } },
  });
  assert.is(pair.client.session.context + 1, 8);
  assert.is(await pair.client.session.receive(), 'Ada chat');
  const { server, client } = await pair.ended();
  assert.equal([errors, server.error, client.closeCode], [[failure], failure, 1011]);
});

test('a side may be raw: then the other is tried frame by frame', async () => {
  const pair = createPair({ server: { handler: echo }, client: { raw: true } });
  const { session } = pair.client;
  const payload = new TextEncoder().encode('Hi');
  await session.send({ opcode: 1, fin: false, rsv1: false, rsv2: false, rsv3: false, payload });
  await session.send({ opcode: 0, fin: true, rsv1: false, rsv2: false, rsv3: false, payload });
  const frame = await session.receive();
  assert.equal([frame?.opcode, frame?.fin, frame?.payload.byteLength], [1, true, 4]);
  await pair[Symbol.asyncDispose]();
});

test('a side may take its messages as they come', async () => {
  const pair = createPair({ server: { messages: 'streamed' }, client: { messages: 'whole' } });
  void pair.client.session.send('hello');
  const message = await pair.server.session.receive();
  assert.is(await message?.text(), 'hello');
  await pair[Symbol.asyncDispose]();
});

test('an engine context of a side’s own is used, with the clock of the pair', async () => {
  const aborter = new AbortController();
  const pair = createPair({ server: { engineContext: { signal: aborter.signal } } });
  aborter.abort();
  const { server, client } = await pair.ended();
  assert.equal([server.sent?.closeCode, client.closeCode, pair.server.state], [1001, 1001, 'cancelled']);
});

test('pairs may share a clock', async () => {
  const clock = new TestClock();
  const pairs = [createPair({ clock, link: { latency: 5 } }), createPair({ clock, link: { latency: 7 } })];
  for (const { client } of pairs) void client.session.send('hello');
  await clock.turn(6);
  assert.equal(
    pairs.map(({ server }) => server.session.counters.messagesReceived),
    [1, 0],
  );
  for (const pair of pairs) await pair[Symbol.asyncDispose]();
  assert.is(clock.pending, 0);
});

test('it settles when all that was sent has been read, with a handler that takes some turns', async () => {
  let read = 0;
  const handler = async (session: Session): Promise<void> => {
    for await (const _ of session) {
      await turns(4);
      read++;
    }
  };
  const pair = createPair({ server: { handler } });
  for (let index = 0; index < 50; index++) void pair.client.session.send('x');
  await pair.settled();
  assert.is(read, 50);
  await pair[Symbol.asyncDispose]();
});

test('a line that goes silent is found out by keepalive, on the clock', async () => {
  const pair = createPair({ link: { latency: 10 } });
  await pair.clock.turn(100_000);
  assert.equal([pair.server.state, pair.client.state], ['running', 'running']);
  pair.line.silence();
  const { server, client } = await pair.ended();
  const codes = [server, client].map(({ error }) => (error as { code?: string }).code);
  assert.equal(codes, ['ERR_WS_PING_TIMEOUT', 'ERR_WS_PING_TIMEOUT']);
  assert.is(pair.clock.pending, 0);
});

test('the end is waited for in vain when nobody closes', async () => {
  const pair = createPair();
  await rejects(pair.ended(), Error, /turned in vain/);
  await pair[Symbol.asyncDispose]();
});

test('a wrong option is refused', () => {
  throws(() => createPair({ link: { latency: -1 } }), RangeError, /latency/);
  throws(() => createPair({ server: { fragmentSize: 0 } }), RangeError, /fragment size/);
});

test('nothing has escaped in all of this', () => {
  assert.equal(seen, []);
});

test.run();
