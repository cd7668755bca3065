// How a connection ends, in every way, as CloseInfo tells it. RFC 6455 §5.5.1, §7; the rules beyond it are this library's own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { LocalProtocolError } from '../../lib/error.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { rejects } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, masked, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const CLOSE = 0x88;
const { closeTimeout, handlerTimeout } = defaultLimits;

function codeOf(info: CloseInfo): string | undefined {
  return (info.error as { code?: string } | undefined)?.code;
}

const remote = suite('closing · by the peer (RFC 6455 §5.5.1, §7.1.5)');

remote('server answers with the same code and ends its half; the close is clean once the peer ends too', async () => {
  const peer = new ByHand();
  await peer.send(masked(CLOSE, closePayload(3000, 'bye')));
  assert.equal(peer.wire, ['close 3000 ""']);
  assert.is(peer.output, 'closed');
  assert.is(peer.job.state, 'closing');
  await peer.end();
  assert.equal(await peer.job.closed, {
    closeCode: 3000,
    reason: 'bye',
    wasClean: true,
    initiator: 'remote',
    received: { closeCode: 3000, reason: 'bye' },
    sent: { closeCode: 3000, reason: '' },
    error: undefined,
    abandoned: { messages: 0, bytes: 0, handler: false },
  });
  assert.is(peer.job.state, 'completed');
});

remote('client answers, and waits for the server to end its half first (RFC 6455 §7.1.1)', async () => {
  const peer = new ByHand({ role: 'client' });
  await peer.send(unmasked(CLOSE, closePayload(1001)));
  assert.equal(peer.wire, ['close 1001 ""']);
  assert.is(peer.output, 'open');
  await peer.end();
  assert.is(peer.output, 'closed');
  assert.ok((await peer.job.closed).wasClean);
});

remote('an empty close frame is reported as 1005 and answered with an empty one', async () => {
  const peer = new ByHand();
  await peer.send(masked(CLOSE));
  assert.equal(peer.wire, ['close']);
  await peer.end();
  const info = await peer.job.closed;
  assert.equal([info.closeCode, info.reason, info.wasClean], [1005, '', true]);
  assert.equal(info.sent, { closeCode: 1005, reason: '' });
});

remote('while messages wait unread the answer waits, so that replies precede it', async () => {
  const peer = new ByHand({
    handler: async (session) => {
      for await (const message of session) await session.send(`re: ${message}`);
    },
  });
  await peer.send(join(masked(TEXT, 'a'), masked(TEXT, 'b'), masked(TEXT, 'c'), masked(CLOSE, closePayload(1000))));
  assert.equal(peer.wire, ['text "re: a"', 'text "re: b"', 'text "re: c"', 'close 1000 ""']);
});

remote('readable.pipeThrough(t).pipeTo(writable) fulfils with every reply sent before our close frame', async () => {
  let outcome = 'pending';
  const peer = new ByHand({
    handler: (session) => {
      const upperCase = new TransformStream({ transform: (text, out) => out.enqueue((text as string).toUpperCase()) });
      return session.readable
        .pipeThrough(upperCase)
        .pipeTo(session.writable)
        .then(
          () => {
            outcome = 'fulfilled';
          },
          (error) => {
            outcome = String(error);
          },
        );
    },
  });
  const texts = Array.from({ length: 300 }, (_, index) => `message ${index}`);
  await peer.send(join(...texts.map((text) => masked(TEXT, text)), masked(CLOSE, closePayload(1000))));
  await turns(200);
  assert.equal(peer.wire, [...texts.map((text) => `text "${text.toUpperCase()}"`), 'close 1000 ""']);
  await peer.end();
  assert.ok((await peer.job.closed).wasClean);
  assert.is(outcome, 'fulfilled');
  assert.is(peer.job.state, 'completed');
});

remote('the pipe fulfils too when nothing waits and the close comes alone', async () => {
  const peer = new ByHand({ handler: (session) => session.readable.pipeTo(session.writable as WritableStream) });
  await peer.send(masked(TEXT, 'a'));
  await peer.send(masked(CLOSE, closePayload(1000)));
  assert.equal(peer.wire, ['text "a"', 'close 1000 ""']);
  await peer.end();
  await peer.job.closed;
  assert.is(peer.job.state, 'completed');
});

remote('the pipe rejects when the connection is lost, and that is no failure of the handler', async () => {
  const errors: unknown[] = [];
  const peer = new ByHand({
    userContext: { onError: (error) => errors.push(error) },
    handler: (session) => session.readable.pipeTo(session.writable as WritableStream),
  });
  await peer.send(masked(TEXT, 'a'));
  await peer.end();
  const info = await peer.job.closed;
  assert.is(codeOf(info), 'ERR_WS_CONNECTION_LOST');
  assert.equal(errors, []);
  assert.is(peer.job.state, 'failed');
});

remote('a handler that does not read is answered for after the close time-out', async () => {
  const peer = new ByHand({ handler: (session) => session.closed });
  await peer.send(join(masked(TEXT, 'unread'), masked(CLOSE, closePayload(1000))));
  await peer.clock.turn(closeTimeout - 1);
  assert.equal(peer.wire, []);
  await peer.clock.turn(1);
  assert.equal(peer.wire, ['close 1000 ""']);
  await peer.end();
  const info = await peer.job.closed;
  assert.ok(info.wasClean);
  assert.is(info.abandoned.messages, 1);
});

remote('without a handler the close is answered when the reader has seen the end', async () => {
  const peer = new ByHand();
  await peer.send(join(masked(TEXT, 'a'), masked(CLOSE, closePayload(1000))));
  assert.equal(peer.wire, []);
  for await (const message of peer.job.session) await peer.job.session.send(message);
  await turns();
  assert.equal(peer.wire, ['text "a"', 'close 1000 ""']);
});

remote('what comes after the peer’s close frame is ignored: data, pings, a second close, and nonsense', async () => {
  const peer = new ByHand();
  await peer.send(
    join(masked(CLOSE, closePayload(1000)), masked(TEXT, 'late'), masked(0x89), Uint8Array.of(0xff, 0xff)),
  );
  await peer.send(masked(CLOSE, closePayload(1001)));
  assert.equal(peer.wire, ['close 1000 ""']);
  assert.is(await peer.job.session.receive(), undefined);
  await peer.end();
  assert.is((await peer.job.closed).closeCode, 1000);
});

remote('a peer that ends its half right behind its close frame is answered all the same', async () => {
  const peer = new ByHand({
    handler: async (session) => {
      for await (const message of session) await session.send(message);
    },
  });
  void peer.send(join(masked(TEXT, 'a'), masked(CLOSE, closePayload(1000))));
  await peer.end();
  assert.equal(peer.wire, ['text "a"', 'close 1000 ""']);
  assert.ok((await peer.job.closed).wasClean);
});
remote.run();

const local = suite('closing · by this side (RFC 6455 §7.1.2)');

local('close() sends what was sent before, then the close frame, and fulfils with how it ended', async () => {
  const peer = new ByHand();
  void peer.job.session.send('last words');
  const closed = peer.job.session.close(3001, 'why');
  await turns();
  assert.equal(peer.wire, ['text "last words"', 'close 3001 "why"']);
  assert.is(peer.job.state, 'closing');
  await peer.send(masked(CLOSE, closePayload(3001, 'ok')));
  await peer.end();
  const info = await closed;
  assert.equal(info.sent, { closeCode: 3001, reason: 'why' });
  assert.equal(info.received, { closeCode: 3001, reason: 'ok' });
  assert.equal([info.initiator, info.wasClean, info.closeCode, info.reason], ['local', true, 3001, 'ok']);
});

local('close() again, and on an ended session, fulfils with the same and sends nothing', async () => {
  const peer = new ByHand();
  const first = peer.job.session.close();
  const second = peer.job.session.close(3000);
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.end();
  assert.is(await first, await second);
  assert.is(await peer.job.session.close(4000, 'late'), await first);
  assert.equal(peer.wire, ['close 1000 ""']);
});

local('a code that must not be sent, and a reason over 123 bytes, are refused and change nothing', async () => {
  const peer = new ByHand();
  const { session } = peer.job;
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536, -1, 1000.5, Number.NaN]) {
    await rejects(session.close(code), RangeError);
  }
  await rejects(session.close(1000, 'x'.repeat(124)), RangeError, /124 bytes/);
  await rejects(session.close(1000, 'я'.repeat(62)), RangeError);
  await rejects(session.close('1000' as never), TypeError);
  await rejects(session.close(1000, 5 as never), TypeError);
  assert.is(peer.job.state, 'running');
  void session.close(1000, 'я'.repeat(61));
  await turns();
  assert.is(peer.frames[0]?.payload.byteLength, 124);
});

local('messages that come before the peer’s answer are still given', async () => {
  const peer = new ByHand();
  void peer.job.session.close();
  const message = peer.job.session.receive();
  await peer.send(masked(TEXT, 'crossing'));
  assert.is(await message, 'crossing');
  await peer.send(masked(CLOSE, closePayload(1000)));
  assert.is(await peer.job.session.receive(), undefined);
});

local('both close at once: both frames cross, the close is clean on both sides', async () => {
  const { server, client } = createPair();
  const [atServer, atClient] = await Promise.all([server.session.close(3000), client.session.close(3001)]);
  assert.equal([atServer.wasClean, atServer.closeCode, atServer.initiator], [true, 3001, 'local']);
  assert.equal([atClient.wasClean, atClient.closeCode, atClient.initiator], [true, 3000, 'local']);
});

local('a peer that never answers is cut after the close time-out: unclean, 1006', async () => {
  const peer = new ByHand();
  void peer.job.session.close();
  await peer.clock.turn(closeTimeout - 1);
  assert.is(peer.output, 'open');
  await peer.clock.turn(1);
  const info = await peer.job.closed;
  assert.equal([info.closeCode, info.wasClean, codeOf(info)], [1006, false, 'ERR_WS_CLOSE_TIMEOUT']);
  assert.is(peer.output, 'aborted');
  assert.ok(peer.isInputCancelled);
  assert.is(peer.job.state, 'failed');
});

local('a peer that answers but never ends its half is cut after the close time-out: clean', async () => {
  const peer = new ByHand();
  void peer.job.session.close();
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.clock.turn(closeTimeout);
  assert.ok((await peer.job.closed).wasClean);
  assert.ok(peer.isInputCancelled);
});

local(
  'while nothing can be written, the close frame is not sent: cut after the time-out, with the bytes told',
  async () => {
    const peer = new ByHand();
    peer.block();
    void peer.job.session.send('stuck');
    await turns();
    void peer.job.session.send('behind it');
    void peer.job.session.close();
    await peer.clock.turn(closeTimeout);
    const info = await peer.job.closed;
    assert.equal([info.wasClean, codeOf(info)], [false, 'ERR_WS_CLOSE_TIMEOUT']);
    assert.ok(info.abandoned.bytes > 9);
  },
);

local('an answer that could not be written makes the close unclean', async () => {
  const peer = new ByHand();
  peer.block();
  void peer.job.session.send('stuck');
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.clock.turn(closeTimeout);
  const info = await peer.job.closed;
  assert.equal([info.closeCode, info.wasClean, codeOf(info)], [1000, false, 'ERR_WS_CONNECTION_LOST']);
});

local('a reset before the peer’s close could be answered is unclean, with the cause', async () => {
  const peer = new ByHand({ handler: (session) => session.closed });
  await peer.send(join(masked(TEXT, 'unread'), masked(CLOSE, closePayload(3000))));
  const cause = new Error('reset');
  await peer.fail(cause);
  const info = await peer.job.closed;
  assert.equal(
    [info.closeCode, info.wasClean, codeOf(info), info.error?.cause],
    [3000, false, 'ERR_WS_CONNECTION_LOST', cause],
  );
  assert.is(peer.job.state, 'failed');
});
local.run();

const failing = suite('closing · failing the connection (RFC 6455 §7.1.7)');

failing('a fault of the peer: the close frame, our half at once, and what still comes is thrown away', async () => {
  for (const [bytes, code, error] of [
    [Uint8Array.of(0x81, 0x00), 1002, 'ERR_WS_MISSING_MASK'],
    [masked(TEXT, Uint8Array.of(0xff)), 1007, 'ERR_WS_INVALID_UTF8'],
    [masked(0x82, new Uint8Array(2000)), 1009, 'ERR_WS_FRAME_TOO_LONG'],
  ] as const) {
    const peer = new ByHand({ limits: { maxMessageSize: 1000 } });
    await peer.send(join(masked(TEXT, 'before'), bytes));
    assert.ok(peer.wire[0]?.startsWith(`close ${code} `), peer.wire[0]);
    assert.is(peer.wire.length, 1);
    assert.is(peer.output, 'closed');
    for (let count = 0; count < 50; count++) await peer.send(masked(TEXT, 'x'.repeat(1000)));
    assert.is(await peer.job.session.receive(), 'before');
    await rejects(peer.job.session.receive(), Error, error);
    await peer.end();
    const info = await peer.job.closed;
    assert.equal([info.closeCode, info.wasClean, codeOf(info), info.sent?.closeCode], [1006, false, error, code]);
    assert.is(peer.job.state, 'failed');
  }
});

failing('a peer that goes on and never ends is cut after the close time-out', async () => {
  const peer = new ByHand();
  await peer.send(Uint8Array.of(0x83));
  await peer.clock.turn(closeTimeout);
  assert.is(codeOf(await peer.job.closed), 'ERR_WS_UNKNOWN_OPCODE');
  assert.ok(peer.isInputCancelled);
});

failing('the input ends without a close frame: 1006, and what was sent still goes out (Ktor fact 35)', async () => {
  const peer = new ByHand();
  void peer.job.session.send('reply');
  await peer.end();
  assert.equal(peer.wire, ['text "reply"']);
  assert.is(peer.output, 'closed');
  const info = await peer.job.closed;
  assert.equal(
    [info.closeCode, info.wasClean, info.initiator, codeOf(info)],
    [1006, false, 'remote', 'ERR_WS_CONNECTION_LOST'],
  );
  assert.equal([info.received, info.sent], [undefined, undefined]);
});

failing('the input breaks: 1006, with the cause (Ktor fact 36)', async () => {
  const peer = new ByHand();
  const cause = new Error('ECONNRESET');
  await peer.fail(cause);
  const info = await peer.job.closed;
  assert.equal([info.closeCode, codeOf(info), info.error?.cause], [1006, 'ERR_WS_CONNECTION_LOST', cause]);
  assert.is(peer.output, 'aborted');
});

failing('the input is no byte stream: the connection is lost, with a TypeError as the cause', async () => {
  const peer = new ByHand();
  await peer.send('text' as never).catch(() => {});
  await peer.send({} as never);
  const info = await peer.job.closed;
  assert.instance(info.error?.cause, TypeError);
});

failing('everything that waits is rejected when the connection ends', async () => {
  const peer = new ByHand({ limits: { queueSize: 10 } });
  peer.block();
  void peer.job.session.send('first');
  await turns();
  const pending = [peer.job.session.send('second'), peer.job.session.flush(), peer.job.session.ping()];
  await peer.fail(new Error('broken'));
  for (const promise of pending) await rejects(promise, LocalProtocolError, 'ERR_WS_CLOSED');
});
failing.run();

const handlers = suite('closing · by the handler');

handlers('returns: what it has sent goes out, then 1000', async () => {
  const peer = new ByHand({ handler: (session) => void session.send('done') });
  await turns();
  assert.equal(peer.wire, ['text "done"', 'close 1000 ""']);
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.end();
  assert.equal([(await peer.job.closed).initiator, peer.job.state], ['local', 'completed']);
});

handlers(
  'throws: what it has sent goes out, then 1011 with no internals; the error goes to the user context',
  async () => {
    for (const fail of [
      () => {
        throw new Error('secret');
      },
      () => Promise.reject(new Error('secret')),
    ]) {
      const errors: unknown[] = [];
      const peer = new ByHand({
        userContext: { onError: (error) => errors.push(error) },
        handler: (session) => {
          void session.send('before');
          return fail();
        },
      });
      await turns();
      assert.equal(peer.wire, ['text "before"', 'close 1011 ""']);
      await peer.send(masked(CLOSE, closePayload(1011)));
      await peer.end();
      const info = await peer.job.closed;
      assert.is((errors[0] as Error).message, 'secret');
      assert.is(info.error, errors[0]);
      assert.is(peer.job.state, 'failed');
    }
  },
);

handlers(
  'after it has returned, what still comes is thrown away, so that the peer’s close frame is found',
  async () => {
    const peer = new ByHand({ handler: () => {} });
    await turns();
    for (let count = 0; count < 10; count++) await peer.send(masked(TEXT, 'x'.repeat(60_000)));
    await peer.send(masked(CLOSE, closePayload(1000)));
    await peer.end();
    const info = await peer.job.closed;
    assert.ok(info.wasClean);
    assert.is(info.abandoned.messages, 10);
  },
);

handlers('may await session.closed, and job.closed settles after it has ended', async () => {
  const order: string[] = [];
  const peer = new ByHand({
    handler: async (session) => {
      await session.closed;
      order.push('session closed');
      await turns(3);
      order.push('handler ended');
    },
  });
  void peer.job.closed.then(() => order.push('job closed'));
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.end();
  await peer.job.closed;
  assert.equal(order, ['session closed', 'handler ended', 'job closed']);
  assert.is(await peer.job.closed, await peer.job.session.closed);
});

handlers('one that ignores the end is let go after the handler time-out', async () => {
  const peer = new ByHand({ handler: () => new Promise(() => {}) });
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.end();
  assert.is(peer.job.state, 'closing');
  await peer.clock.turn(handlerTimeout);
  const info = await peer.job.closed;
  assert.ok(info.abandoned.handler);
  assert.ok(info.wasClean);
  assert.is(codeOf(info), 'ERR_WS_HANDLER_TIMEOUT');
  assert.is((await peer.job.session.closed).error, undefined);
  assert.is(peer.job.state, 'failed');
});

handlers('an error after the end is reported, and changes nothing of how the connection ended', async () => {
  const errors: unknown[] = [];
  const late = new Error('late');
  const peer = new ByHand({
    userContext: { onError: (error) => errors.push(error) },
    handler: async (session) => {
      await session.closed;
      throw late;
    },
  });
  await peer.send(masked(CLOSE, closePayload(1000)));
  await peer.end();
  const info = await peer.job.closed;
  assert.equal(errors, [late]);
  assert.ok(info.wasClean);
  assert.is(peer.job.state, 'failed');
});

handlers('one that rejects with its session’s own end has not failed', async () => {
  for (const handler of [
    (session: ByHand['job']['session']) => session.receive().then(() => session.send('x')),
    async (session: ByHand['job']['session']) => {
      for await (const message of session) await session.send(message);
      await session.send('too late');
    },
    async (session: ByHand['job']['session']) => {
      await session.closed;
      session.signal.throwIfAborted();
    },
  ]) {
    const errors: unknown[] = [];
    const peer = new ByHand({ userContext: { onError: (error) => errors.push(error) }, handler });
    await peer.send(masked(CLOSE, closePayload(1000)));
    await peer.end();
    await peer.job.closed;
    assert.equal(errors, []);
    assert.is(peer.job.state, 'completed');
  }
});
handlers.run();

const rest = suite('closing · nothing left');
rest('no timer of a job is left once it has closed, and nothing has escaped', async () => {
  const { server, client, clock } = createPair({ handler: (session) => session.receive() });
  await client.session.send('x');
  await Promise.all([server.closed, client.closed]);
  assert.is(clock.pending, 0);
  await turns();
  assert.equal(seen, []);
});
rest.run();
