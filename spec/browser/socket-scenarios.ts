// What a page does with a WebSocketStream beyond spec/support/stream-scenarios.ts: servers that close, vanish, break the protocol, or read slowly. One function without a word from outside.

import type { StreamClasses } from '../support/stream-scenarios.ts';

/**
 * Goes through all of them, and tells each in one line.
 *
 * @param url A StreamServer (./stream-server.ts).
 * @param name Told to the server, so that it keeps the runs apart.
 */
export async function runSocketScenarios(
  { WebSocketStream, WebSocketError }: StreamClasses,
  url: string,
  name: string,
): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  const chunk = new Uint8Array(1024 * 1024);
  // So many of them do not go out while nobody reads: a system may give 32 MiB to one end and 4 to the other.
  const BEYOND_SOCKETS = 64;

  const describe = (value: unknown): string => {
    if (value instanceof WebSocketError) {
      const { closeCode, reason } = value as { closeCode: number | null; reason: string };
      return `WebSocketError ${closeCode} "${reason}"`;
    }
    if (value instanceof Error || value instanceof DOMException) return value.name;
    if (value instanceof ArrayBuffer) return `[${new Uint8Array(value).slice(0, 8)}]`;
    if (value instanceof Uint8Array) return `[${value.slice(0, 8)}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
    const members = Object.entries(value).map(([key, member]) => `${key}: ${describe(member)}`);
    return members.sort().join(', ');
  };
  const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const outcome = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      (value) => `fulfils ${describe(value)}`,
      (error) => `rejects ${describe(error)}`,
    );
  const soon = (promise: Promise<unknown>): Promise<string> =>
    Promise.race([outcome(promise), wait(400).then(() => 'is pending')]);
  /** Asks the server over a WebSocket of its own. */
  const ask = (what: string, id: string): Promise<Record<string, unknown>> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${url}/${what}?id=${name}-${id}`);
      socket.onmessage = ({ data }) => {
        socket.close();
        resolve(JSON.parse(data));
      };
    });
  const target = (path: string, id: string): string => `${url}/${path}?id=${name}-${id}`;
  const tell = async (title: string, scenario: () => Promise<readonly unknown[]>): Promise<void> => {
    const late = wait(20_000).then(() => Promise.reject(new Error('too late')));
    told[title] = await Promise.race([scenario(), late]).then(
      (lines) => lines.join(' | '),
      (error) => `failed: ${error}`,
    );
  };
  /** Everything that tells how a stream ended. */
  const endOf = async (
    stream: { closed: Promise<unknown> },
    readable: ReadableStream<unknown>,
    writable: WritableStream<unknown>,
  ): Promise<string[]> => {
    const lines = [await outcome(stream.closed)];
    const reader = readable.locked ? undefined : readable.getReader();
    if (reader !== undefined) lines.push(await outcome(reader.read()), await outcome(reader.closed));
    if (!writable.locked) {
      const writer = writable.getWriter();
      lines.push(await outcome(writer.closed), await outcome(writer.ready), await outcome(writer.write('x')));
    }
    return lines;
  };

  // --- The server ends it --------------------------------------------------------------------------------------------

  for (const code of ['', '1000', '1001', '1011', '1012', '2999', '3000', '4999']) {
    await tell(`the server closes with ${code || 'nothing'}`, async () => {
      const stream = new WebSocketStream(target(`close/${code}`, `close${code}`));
      const { readable, writable } = await stream.opened;
      return endOf(stream, readable, writable);
    });
  }

  for (const [path, id] of [
    ['drop', 'drop'],
    ['reset', 'reset'],
    ['wrong/opcode', 'opcode'],
    ['wrong/utf8', 'utf8'],
    ['wrong/mask', 'mask'],
    ['wrong/close', 'code'],
  ] as const) {
    await tell(`${path}, all being read`, async () => {
      const stream = new WebSocketStream(target(path, id));
      const { readable, writable } = await stream.opened;
      const reader = readable.getReader();
      const lines = [await outcome(reader.read())];
      const next = reader.read();
      const errors = [stream.closed, next, reader.closed, writable.getWriter().closed].map((promise) =>
        promise.then(
          () => undefined,
          (error: unknown) => error,
        ),
      );
      if (path === 'reset') await ask('go', id);
      const [first, ...others] = await Promise.all(errors);
      lines.push(describe(first), String(others.every((error) => error === first)));
      return lines;
    });
  }

  await tell('a server that closes behind messages, all being read', async () => {
    const stream = new WebSocketStream(target('three', 'three'));
    const { readable, writable } = await stream.opened;
    const messages: unknown[] = [];
    for await (const message of readable) messages.push(message);
    return [describe(messages), ...(await endOf(stream, readable, writable)), describe(await ask('seen', 'three'))];
  });

  await tell('operations behind the end', async () => {
    const stream = new WebSocketStream(target('close/1000', 'behind'));
    const { readable, writable } = await stream.opened;
    await stream.closed;
    stream.close({ closeCode: 3000 });
    const operations = [readable.cancel('x'), writable.abort('y'), writable.close()];
    return [...(await Promise.all(operations.map(outcome))), await outcome(stream.closed)];
  });

  // --- The page ends it ----------------------------------------------------------------------------------------------

  for (const path of ['unanswered', 'other', 'late']) {
    for (const way of ['close', 'cancel', 'abort', 'writer']) {
      const differs = way === 'writer' && path === 'unanswered' ? 'differs: ' : '';
      await tell(`${differs}${way}, and the server is ${path}`, async () => {
        const id = `${path}-${way}`;
        const stream = new WebSocketStream(target(path, id));
        const { readable, writable } = await stream.opened;
        const reason = new WebSocketError('', { closeCode: 3210, reason: 'grüße' });
        let done: Promise<unknown> = Promise.resolve();
        if (way === 'close') stream.close(reason);
        else if (way === 'cancel') done = readable.cancel(reason);
        else if (way === 'abort') done = writable.abort(reason);
        else done = writable.close();
        const lines = await Promise.all([outcome(stream.closed), outcome(done)]);
        return [...lines, ...(await endOf(stream, readable, writable)), describe(await ask('seen', id))];
      });
    }
  }

  for (const [title, reason] of Object.entries({
    'a plain object': { closeCode: 3000, reason: 'r' },
    'an error of no code': new WebSocketError('', {}),
    'an error of a reason alone': new WebSocketError('', { reason: 'r' }),
    nothing: undefined,
  })) {
    await tell(`what the server is told when the readable is cancelled with ${title}`, async () => {
      const id = `cancel ${title}`;
      const stream = new WebSocketStream(target('late', encodeURIComponent(id)));
      await (await stream.opened).readable.cancel(reason);
      return [await outcome(stream.closed), describe(await ask('seen', encodeURIComponent(id)))];
    });
  }

  await tell('a chunk that waits in the readable is read behind close', async () => {
    const stream = new WebSocketStream(target('late', 'waits'));
    const { readable } = await stream.opened;
    stream.close();
    const reader = readable.getReader();
    return [await outcome(stream.closed), await outcome(reader.read()), await outcome(reader.read())];
  });

  // --- Opening -------------------------------------------------------------------------------------------------------

  await tell('relative URLs', async () =>
    ['c?d', '/x', '//127.0.0.1:9/y', '../up', '?q', ''].map((it) => {
      const stream = new WebSocketStream(it);
      stream.close();
      return String(stream.url).replace(/:\d+/, '');
    }),
  );

  for (const [title, path, init] of [
    ['a port that is blocked', 'ws://127.0.0.1:22/', {}],
    ['a response that is no 101', `${url}/404`, {}],
    ['a protocol that the server does not choose', `${url}/echo/none`, { protocols: ['a'] }],
  ] as const) {
    await tell(title, async () => {
      const stream = new WebSocketStream(path, init);
      return [await outcome(stream.opened), await outcome(stream.closed)];
    });
  }

  await tell('what is closed or aborted while the server says nothing', async () => {
    const closed = new WebSocketStream(target('hang', 'h1'));
    const controller = new AbortController();
    const aborted = new WebSocketStream(target('hang', 'h2'), { signal: controller.signal });
    await wait(50);
    const lines = [await soon(closed.opened), await soon(aborted.opened)];
    closed.close({ closeCode: 3000, reason: 'x' });
    controller.abort();
    for (const stream of [closed, aborted]) lines.push(await outcome(stream.opened), await outcome(stream.closed));
    return lines;
  });

  await tell('a signal that is aborted when it is open does nothing', async () => {
    const controller = new AbortController();
    const stream = new WebSocketStream(target('echo', 'open'), { signal: controller.signal });
    const { readable, writable } = await stream.opened;
    controller.abort();
    await writable.getWriter().write('on');
    const line = await outcome(readable.getReader().read());
    stream.close();
    return [line, await outcome(stream.closed)];
  });

  await tell('a signal that was aborted', async () => {
    const stream = new WebSocketStream(target('echo', 'never'), { signal: AbortSignal.abort() });
    const lines = [await outcome(stream.opened), await outcome(stream.closed)];
    stream.close();
    return [...lines, describe(await ask('seen', 'never'))];
  });

  // --- Flow ----------------------------------------------------------------------------------------------------------

  await tell('many messages keep their order, and what they are', async () => {
    const stream = new WebSocketStream(target('echo', 'many'));
    const { readable, writable } = await stream.opened;
    const writer = writable.getWriter();
    const reader = readable.getReader();
    for (let index = 0; index < 500; index++) {
      void writer.write(index % 3 === 0 ? `text ${index}` : new Uint8Array(index % 700).fill(index));
    }
    let good = 0;
    for (let index = 0; index < 500; index++) {
      const { value } = await reader.read();
      const bytes = typeof value === 'string' ? undefined : new Uint8Array(value as ArrayBuffer);
      if (index % 3 === 0 ? value === `text ${index}` : bytes?.length === index % 700) good++;
      if (bytes?.some((byte) => byte !== (index & 255))) good--;
    }
    stream.close();
    return [good, await outcome(stream.closed)];
  });

  await tell('writes wait while the server reads nothing, and closing the writer comes behind them', async () => {
    const stream = new WebSocketStream(target('gate', 'gate'));
    const { writable } = await stream.opened;
    const writer = writable.getWriter();
    let taken = 0;
    while (taken < BEYOND_SOCKETS && !(await soon(writer.write(chunk))).includes('pending')) taken++;
    const lines = [taken > 0 && taken < BEYOND_SOCKETS, writer.desiredSize];
    await ask('go', 'gate');
    lines.push((await outcome(writer.close())) as never);
    const { received } = await ask('seen', 'gate');
    return [...lines, await outcome(stream.closed), received === (taken + 1) * chunk.byteLength];
  });

  // --- Where they differ ---------------------------------------------------------------------------------------------

  await tell('differs: what binary chunks are', async () => {
    const stream = new WebSocketStream(target('echo', 'kind'));
    const { readable, writable } = await stream.opened;
    await writable.getWriter().write(Uint8Array.of(1));
    const { value } = await readable.getReader().read();
    stream.close();
    return [(value as object).constructor.name];
  });

  await tell('differs: messages that nobody has read when the server closes', async () => {
    const stream = new WebSocketStream(target('three', 'unread'));
    const { readable } = await stream.opened;
    await stream.closed;
    const messages: unknown[] = [];
    for await (const message of readable) messages.push(message);
    return [describe(messages)];
  });

  await tell('differs: messages that nobody has read when the server vanishes', async () => {
    const stream = new WebSocketStream(target('drop', 'unread-drop'));
    const { readable } = await stream.opened;
    await stream.closed.catch(() => {});
    const reader = readable.getReader();
    return [await outcome(reader.read()), await outcome(reader.read())];
  });

  await tell('differs: a server that closes while writes wait', async () => {
    const stream = new WebSocketStream(target('shut', 'shut'));
    const { readable, writable } = await stream.opened;
    const writer = writable.getWriter();
    const writes: Promise<string>[] = [];
    for (let index = 0; index < BEYOND_SOCKETS; index++) writes.push(outcome(writer.write(chunk)));
    await wait(200);
    await ask('go', 'shut');
    const lines = [await outcome(stream.closed), await outcome(readable.getReader().read())];
    return [...lines, await outcome(writer.closed), ...new Set(await Promise.all(writes))];
  });

  await tell('differs: a reason of one’s own to abort for', async () => {
    const stream = new WebSocketStream(target('hang', 'h3'), { signal: AbortSignal.abort('mine') });
    return [await outcome(stream.opened), await outcome(stream.closed)];
  });

  await tell('differs: the arguments beside a signal that was aborted', async () => {
    const attempt = (it: string): string => {
      try {
        return new WebSocketStream(it, { signal: AbortSignal.abort() }).url;
      } catch (error) {
        return describe(error);
      }
    };
    return [attempt('ws://127.0.0.1:9/x'), attempt('foo:')];
  });

  await tell('differs: a server that sends 40 MiB to a page that does not read', async () => {
    const stream = new WebSocketStream(target('flood/40', 'flood'));
    const { readable } = await stream.opened;
    let sent = -1;
    // Until it stands still.
    for (let now = 0; now !== sent; now = (await ask('seen', 'flood'))['sent'] as number) {
      sent = now;
      await wait(500);
    }
    void readable.cancel();
    return [sent < 40 * 1024 * 1024 ? 'is held up' : 'is not held up'];
  });

  return told;
}
