// The streams of a session by hand, over a real socket: readers, writers, transforms that fail, streams from elsewhere.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import type { Message } from '../../lib/message/message.ts';
import { startPipe } from '../support/pipe-server.ts';
import { binary, close, RawClient, text } from '../support/raw-client.ts';
import { assertEnd, assertNothingEscaped, endOf, startServer } from '../support/server.ts';
import { standstill, turns, within } from '../support/until.ts';

const handSuite = suite('node-server · streams · readers, writers and transforms that fail');

handSuite('transform that throws closes the session with 1011, and its error is reported', async () => {
  const failure = new Error('the transform failed');
  const { host, outcomes } = await startPipe(({ readable, writable }) =>
    readable
      .pipeThrough(
        new TransformStream<Message, Message>({
          transform: (message, controller) => {
            if (message === 'bad') throw failure;
            controller.enqueue(message);
          },
        }),
      )
      .pipeTo(writable),
  );
  await using _ = host;
  using client = await RawClient.open(host.port);
  client.send(text('good'));
  assert.is((await client.frame()).payload.toString(), 'good');
  client.send(text('bad'));
  assert.equal(await client.untilClose(), { code: 1011, reason: '', before: [] });
  client.send(close(1011));
  client.end();
  const session = await host.session();
  await endOf(session);
  assert.equal(outcomes, [failure]);
  assert.equal(host.reported, [failure]);
  assert.is(session.job.state, 'failed');
});

handSuite('transform that ends closes the session with 1000', async () => {
  const { host, outcomes } = await startPipe(({ readable, writable }) =>
    readable
      .pipeThrough(
        new TransformStream<Message, Message>({
          transform: (message, controller) => {
            controller.enqueue(message);
            if (message === 'last') controller.terminate();
          },
        }),
      )
      .pipeTo(writable),
  );
  await using _ = host;
  using client = await RawClient.open(host.port);
  client.send(text('first'), text('last'), text('one too many'));
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.equal(
    before.map(({ payload }) => payload.toString()),
    ['first', 'last'],
  );
  client.send(close(1000));
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true, initiator: 'local' });
  assert.equal(outcomes, ['fulfilled']);
});

handSuite('reader reads to the end and writer closes the session', async () => {
  const received: unknown[] = [];
  await using host = await startServer(async (session) => {
    const reader = session.readable.getReader();
    const writer = session.writable.getWriter();
    for (let result = await reader.read(); !result.done; result = await reader.read()) {
      received.push(result.value);
      await writer.write(result.value);
      if (result.value === 'last') break;
    }
    await writer.close();
    await writer.closed;
  });
  using client = await RawClient.open(host.port);
  client.send(text('first'), text('last'));
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.is(before.length, 2);
  client.send(close(1000));
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true, initiator: 'local' });
  assert.equal(received, ['first', 'last']);
  assert.equal(host.reported, []);
});

handSuite('writer that is aborted closes the session with 1011', async () => {
  await using host = await startServer(async (session) => {
    await session.writable.abort(new Error('enough')).catch(() => {});
    await session.closed;
  });
  using client = await RawClient.open(host.port);
  assert.is((await client.untilClose()).code, 1011);
  client.send(close(1011));
  client.end();
  await endOf(await host.session());
});

// WHATWG Streams, ReadableStreamPipeTo: before it aborts the destination, "wait until every chunk that has been read has been written".
handSuite(
  'pipe whose source fails while the client reads nothing waits for its write, and can be cancelled',
  async () => {
    const failure = new Error('the source failed');
    let source: ReadableStreamDefaultController<Uint8Array> | undefined;
    const { host, outcomes } = await startPipe(
      ({ writable }) =>
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            source = controller;
          },
          pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)),
        }).pipeTo(writable),
      100,
    );
    await using _ = host;
    using client = await RawClient.open(host.port);
    client.pause();
    const session = await host.session();
    await standstill(() => session.counters.messagesSent, 'the pipe');
    source?.error(failure);
    await turns(8);
    assert.is(session.job.state, 'running');
    session.job.cancel();
    const info = await within(session.job.closed, 'the end of the job', 3000);
    assert.equal([info.wasClean, info.initiator, info.sent], [false, 'local', undefined]);
    assert.is(session.job.state, 'cancelled');
    assert.equal(outcomes.length, 1);
  },
);

handSuite('writer that is aborted while the client reads nothing ends the session within closeTimeout', async () => {
  const failure = new Error('enough');
  await using host = await startServer(
    async (session) => {
      const writer = session.writable.getWriter();
      writer.closed.catch(() => {});
      const writing = writer.write(new Uint8Array(32 * 1024 * 1024));
      writing.catch(() => {});
      await standstill(() => session.counters.queued, 'the write');
      writer.abort(failure).catch(() => {});
      await session.closed;
    },
    { limits: { closeTimeout: 100 } },
  );
  using client = await RawClient.open(host.port);
  client.pause();
  const session = await host.session();
  const info = await within(session.job.closed, 'the end of the job', 3000);
  assertEnd(info, { wasClean: false, initiator: 'local', sent: undefined });
});

handSuite('readable that is cancelled throws away what comes, and the session stays open', async () => {
  await using host = await startServer(async (session) => {
    await session.readable.cancel();
    await session.send('go on');
    await session.closed;
  });
  using client = await RawClient.open(host.port);
  assert.is((await client.frame()).payload.toString(), 'go on');
  client.send(...Array<Uint8Array>(100).fill(binary(new Uint8Array(60_000))), close(4000));
  assert.is((await client.untilClose()).code, 4000);
  client.end();
  const info = await endOf(await host.session());
  assertEnd(info, { wasClean: true, closeCode: 4000 });
  assert.is(info.abandoned.messages, 100);
});

handSuite('stream from elsewhere can be piped to a session', async () => {
  await using host = await startServer((session) => {
    let count = 0;
    const source = new ReadableStream<string>({
      pull: (controller) => {
        if (count === 1000) controller.close();
        else controller.enqueue(`item ${count++}`);
      },
    });
    return source.pipeTo(session.writable);
  });
  using client = await RawClient.open(host.port);
  const frames = await client.frames(1000);
  assert.is(frames.at(-1)?.payload.toString(), 'item 999');
  assert.is((await client.untilClose()).code, 1000);
  client.send(close(1000));
  client.end();
  assertEnd(await endOf(await host.session()), { wasClean: true });
});

handSuite('session of one connection can be piped into that of another, both ways', async () => {
  let first: Session | undefined;
  await using host = await startServer(async (session) => {
    if (first === undefined) {
      first = session;
      await session.closed;
      return;
    }
    await Promise.all([first.readable.pipeTo(session.writable), session.readable.pipeTo(first.writable)]);
  });
  using one = await RawClient.open(host.port);
  await host.session();
  using other = await RawClient.open(host.port);
  await host.session();
  one.send(text('hello'));
  assert.is((await other.frame()).payload.toString(), 'hello');
  other.send(text('hello yourself'));
  assert.is((await one.frame()).payload.toString(), 'hello yourself');
  one.send(text('bye'), close(1000));
  const { code, before } = await other.untilClose();
  assert.is(code, 1000);
  assert.is(before[0]?.payload.toString(), 'bye');
  other.send(close(1000));
  assert.is((await one.untilClose()).code, 1000);
  one.end();
  other.end();
  await within(Promise.all(host.sessions.map(({ job }) => job.closed)), 'both jobs end');
  assert.equal(host.reported, []);
});

handSuite('tee of the readable gives both branches all messages', async () => {
  const seen: string[][] = [[], []];
  await using host = await startServer(async (session) => {
    const branches = session.readable.tee();
    await Promise.all(
      branches.map(async (branch, index) => {
        for await (const message of branch) seen[index]?.push(String(message));
      }),
    );
  });
  using client = await RawClient.open(host.port);
  client.send(text('a'), text('b'), close(1000));
  assert.is((await client.untilClose()).code, 1000);
  client.end();
  await endOf(await host.session());
  assert.equal(seen, [
    ['a', 'b'],
    ['a', 'b'],
  ]);
});

handSuite.run();

const escapeSuite = suite('node-server · streams by hand · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
