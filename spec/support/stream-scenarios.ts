// What a page does with a WebSocketStream, and what it sees. One function without a word from outside: it runs here and in a browser.

/** The two classes under test: ours, or the browser's. */
export interface StreamClasses {
  // biome-ignore lint/suspicious/noExplicitAny: wrong arguments are a part of it.
  readonly WebSocketStream: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly WebSocketError: any;
}

/**
 * Goes through all of them, and tells each in one line.
 *
 * @param url A server with the paths /echo, /late (says something when it is closed), /three (says 1, 2, 3 and closes), and of no other; it speaks the protocol `beta`.
 */
export async function runScenarios(
  { WebSocketStream, WebSocketError }: StreamClasses,
  url: string,
): Promise<Record<string, string>> {
  const told: Record<string, string> = {};

  const describe = (value: unknown): string => {
    if (value instanceof WebSocketError) {
      const { closeCode, reason } = value as { closeCode: number | null; reason: string };
      return `WebSocketError ${closeCode} "${reason}"`;
    }
    if (value instanceof Error || value instanceof DOMException) return value.name;
    if (value instanceof ArrayBuffer) return `[${new Uint8Array(value)}]`;
    if (value instanceof Uint8Array) return `[${value}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
    const members = Object.entries(value).map(([name, member]) => `${name}: ${describe(member)}`);
    return members.sort().join(', ');
  };

  const outcome = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      (value) => `fulfils ${describe(value)}`,
      (error) => `rejects ${describe(error)}`,
    );

  const attempt = (action: () => unknown): string => {
    try {
      return `gives ${describe(action())}`;
    } catch (error) {
      return `throws ${describe(error)}`;
    }
  };

  const tell = async (name: string, scenario: () => Promise<readonly string[]>): Promise<void> => {
    told[name] = await scenario().then(
      (lines) => lines.join(' | '),
      (error) => `failed: ${error}`,
    );
  };

  const make = (...args: readonly unknown[]): string =>
    attempt(() => {
      const stream = new WebSocketStream(...args);
      stream.close();
      return stream.url;
    });

  await tell('interface', async () => {
    const { prototype } = WebSocketStream;
    const members = Object.entries(Object.getOwnPropertyDescriptors(prototype) as PropertyDescriptorMap);
    const lines = members.map(([name, { enumerable, set }]) => `${name} ${enumerable} ${typeof set}`);
    const names = [WebSocketStream, WebSocketError].map(
      (it) => `${it.name} ${it.length} ${it.prototype[Symbol.toStringTag]}`,
    );
    return [...lines.sort(), ...names, attempt(() => WebSocketStream(url)), attempt(() => new WebSocketStream())];
  });

  await tell('arguments', async () => {
    const urls = ['http://u:p@127.0.0.1:9/x y?q', 'HTTPS://LOCALHOST:443', `${url}#`, `${url}#x`, 'ftp://a', 'ws://'];
    const protocols = [
      [],
      ['a'],
      'hi',
      null,
      ['a', 'a'],
      [''],
      ['a b'],
      ['é'],
      new Set(['q']),
      { 0: 'a' },
      [1],
      ['a,b'],
    ];
    return [
      ...urls.map((it) => make(it)),
      ...[undefined, null, {}, true, 1, 'x', () => {}].map((options) => make(url, options)),
      ...protocols.map((it) => make(url, { protocols: it })),
      ...[null, undefined, {}, 1].map((signal) => make(url, { signal })),
    ];
  });

  await tell('WebSocketError', async () => {
    const codes: unknown[] = [undefined, null, {}, 1, { closeCode: 1000 }, { closeCode: 1001 }, { reason: 'x' }];
    const inits = [...codes, { closeCode: 3000, reason: '\ud800' }, { reason: 'é'.repeat(62) }];
    return [attempt(() => new WebSocketError()), ...inits.map((init) => attempt(() => new WebSocketError('m', init)))];
  });

  await tell('messages', async () => {
    const stream = new WebSocketStream(`${url}/echo`, { protocols: ['alpha', 'beta'] });
    const { readable, writable, ...facts } = await stream.opened;
    const writer = writable.getWriter();
    const reader = readable.getReader();
    const { buffer } = Uint8Array.of(1, 2, 3, 4);
    const lines = [describe(facts), String(writer.desiredSize)];
    for (const message of [
      '',
      'é🚀',
      '\ud800',
      buffer,
      new DataView(buffer, 1, 2),
      new Uint16Array(buffer, 2),
      null,
      5,
      {},
    ]) {
      await writer.write(message);
      lines.push(describe((await reader.read()).value));
    }
    stream.close({ closeCode: 3456, reason: 'pizza' });
    lines.push(await outcome(stream.closed), await outcome(reader.read()));
    for (const promise of [writer.write('x'), writer.closed, writer.ready]) lines.push(await outcome(promise));
    return lines;
  });

  for (const [name, chunk] of Object.entries({
    symbol: Symbol('x'),
    self: {
      toString(): unknown {
        return this;
      },
    },
    resizable: Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]),
  })) {
    await tell(`a ${name} that is written`, async () => {
      const stream = new WebSocketStream(`${url}/echo`);
      const writer = (await stream.opened).writable.getWriter();
      const lines = [await outcome(writer.write(chunk)), await outcome(writer.write('next'))];
      stream.close();
      return [...lines, await outcome(stream.closed)];
    });
  }

  await tell('an opening that fails, is closed, is aborted', async () => {
    const refused = new WebSocketStream(`${url}/404`);
    const closed = new WebSocketStream(`${url}/echo`);
    closed.close({ closeCode: 3000, reason: 'r' });
    const controller = new AbortController();
    const aborted = new WebSocketStream(`${url}/echo`, { signal: controller.signal });
    controller.abort();
    const streams = [refused, closed, aborted];
    return Promise.all(streams.flatMap((stream) => [outcome(stream.opened), outcome(stream.closed)]));
  });

  await tell('close infos', async () => {
    const stream = new WebSocketStream(`${url}/echo`);
    await stream.opened;
    const infos = [true, 1, { closeCode: 1n }, { closeCode: 999 }, { closeCode: 1001 }, { closeCode: 5000 }];
    const reasons = [
      { reason: 'x'.repeat(124) },
      { reason: 'é'.repeat(62) },
      { closeCode: 1001, reason: 'x'.repeat(124) },
    ];
    const lines = [...infos, ...reasons].map((info) => attempt(() => stream.close(info)));
    stream.close({ closeCode: '3000.9' });
    return [...lines, await outcome(stream.closed), attempt(() => stream.close({ closeCode: 1 }))];
  });

  for (const way of ['close', 'closing the writable', 'aborting the writable', 'cancelling the readable']) {
    await tell(`what comes behind ${way}`, async () => {
      const stream = new WebSocketStream(`${url}/late`);
      const { readable, writable } = await stream.opened;
      const reason = new WebSocketError('', { closeCode: 3333, reason: 'set' });
      let done: Promise<unknown> = Promise.resolve();
      if (way === 'close') stream.close(reason);
      else if (way === 'closing the writable') done = writable.close();
      else if (way === 'aborting the writable') done = writable.abort(reason);
      else done = readable.cancel(reason);
      const lines = [await outcome(stream.closed), await outcome(done)];
      return [...lines, await outcome(readable.getReader().read()), await outcome(writable.getWriter().closed)];
    });
  }

  await tell('what is written behind close', async () => {
    const stream = new WebSocketStream(`${url}/late`);
    const writer = (await stream.opened).writable.getWriter();
    stream.close();
    return [await outcome(writer.write('x')), await outcome(stream.closed), await outcome(writer.closed)];
  });

  await tell('a server that closes', async () => {
    const stream = new WebSocketStream(`${url}/three`);
    const { readable, writable } = await stream.opened;
    const messages: unknown[] = [];
    for await (const message of readable) messages.push(message);
    return [describe(messages), await outcome(stream.closed), await outcome(writable.getWriter().write('x'))];
  });

  return told;
}
