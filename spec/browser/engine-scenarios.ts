// What the transforms, `upgrade` and the core do, told line by line. One function without a word from outside: it runs here and on a page, and tells the same.

import type * as Browser from '../../lib/browser.ts';
import type * as Core from '../../lib/core.ts';
import type * as Testing from '../../lib/testing.ts';

export interface EngineModules {
  readonly engine: Pick<
    typeof Browser,
    | 'CloseCode'
    | 'FrameDecoderStream'
    | 'FrameEncoderStream'
    | 'MessageAssemblerStream'
    | 'MessageFragmenterStream'
    | 'MillraceError'
    | 'confirmExtensions'
    | 'defaultLimits'
    | 'offerExtensions'
    | 'permessageDeflate'
    | 'upgrade'
    | 'WebSocketUpgrade'
  >;
  readonly core: typeof Core;
  readonly testing: typeof Testing;
}

export async function runEngine({ engine, core, testing }: EngineModules): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  const tell = async (
    name: string,
    scenario: () => Promise<readonly unknown[]> | readonly unknown[],
  ): Promise<void> => {
    try {
      told[name] = (await scenario()).join(' | ');
    } catch (error) {
      told[name] = `failed: ${error}`;
    }
  };
  const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const describe = (value: unknown): string => {
    if (typeof value === 'string') return value.length > 40 ? `text of ${value.length}` : JSON.stringify(value);
    if (value instanceof Uint8Array) {
      let sum = 0;
      for (const byte of value) sum = (sum * 31 + byte) % 65_521;
      return value.byteLength > 40 ? `${value.byteLength} bytes, ${sum}` : `[${hex(value)}]`;
    }
    if (value instanceof engine.MillraceError) return `${value.name} ${value.code}`;
    return String(value);
  };
  const pass = async (chunks: readonly unknown[], ...pipes: readonly object[]): Promise<unknown[]> => {
    let stream: ReadableStream<unknown> = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    });
    for (const pipe of pipes) stream = stream.pipeThrough(pipe as ReadableWritablePair<unknown, unknown>);
    const found: unknown[] = [];
    const reader = stream.getReader();
    try {
      for (let it = await reader.read(); !it.done; it = await reader.read()) found.push(it.value);
    } catch (error) {
      found.push(error);
    }
    return found;
  };
  const frameOf = (value: unknown): string => {
    if (value instanceof Error) return describe(value);
    const { fin, rsv1, rsv2, rsv3, opcode, payload } = value as Core.Frame;
    return `${opcode}${fin ? ' fin' : ''}${rsv1 || rsv2 || rsv3 ? ' rsv' : ''} ${describe(payload)}`;
  };
  const split = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

  const head = (extensions: string): { method: string; url: string; headers: [string, string][] } => ({
    method: 'GET',
    url: '/',
    headers: [
      ['Host', 'example.com'],
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['Sec-WebSocket-Version', '13'],
      ...(extensions === '' ? [] : [['Sec-WebSocket-Extensions', extensions] as [string, string]]),
    ],
  });

  // RFC 6455 §5.7, and the lengths on both sides of each border.
  const toClient: Readonly<Record<string, string>> = {
    'a text': '810548656c6c6f',
    fragments: '010348656c80026c6f',
    'a ping and a close': '890548656c6c6f880203e8',
    '256 bytes': `827e0100${'ab'.repeat(256)}`,
    '64 KiB': `827f0000000000010000${'cd'.repeat(65_536)}`,
    'nothing in two messages': '81008200',
    'é in two halves': '0101c38001a9',
    'a reserved bit': 'c100',
    'an unknown opcode': '8300',
    'a long ping': `897e0080${'00'.repeat(128)}`,
    'a length that is not the shortest': '827e000100',
    'a text that is none': '8101ff',
    'a continuation of nothing': '8000',
    'a mask from a server': '818537fa213d7f9f4d5158',
  };
  for (const [name, text] of Object.entries(toClient)) {
    const bytes = bytesOf(text);
    for (const [how, chunks] of Object.entries({ whole: [bytes], 'byte by byte': split(bytes) })) {
      if (name === '64 KiB' && how !== 'whole') continue;
      await tell(`decoder: ${name}, ${how}`, async () =>
        (await pass(chunks, new engine.FrameDecoderStream({ role: 'client' }))).map(frameOf),
      );
      await tell(`assembler: ${name}, ${how}`, async () => {
        const pipes = [new engine.FrameDecoderStream({ role: 'client' }), new engine.MessageAssemblerStream()];
        return (await pass(chunks, ...pipes)).map(describe);
      });
    }
  }

  await tell('decoder: a masked frame to a server', async () => {
    const bytes = bytesOf('818537fa213d7f9f4d5158');
    const found = [await pass([bytes], new engine.FrameDecoderStream({ role: 'server' }))];
    found.push(await pass(split(bytes), new engine.FrameDecoderStream({ role: 'server' })));
    return found.flat().map(frameOf);
  });

  await tell('encoder', async () => {
    const plain = { fin: true, rsv1: false, rsv2: false, rsv3: false, payload: new TextEncoder().encode('Hello') };
    const frame = { ...plain, opcode: core.Opcode.TEXT };
    const asServer = await pass([frame], new engine.FrameEncoderStream({ role: 'server' }));
    const asClient = await pass(
      [frame],
      new engine.FrameEncoderStream({ role: 'client', maskingKey: () => 0x37fa213d }),
    );
    const own = await pass([frame, frame], new engine.FrameEncoderStream({ role: 'client' }));
    const keys = new Set((own as Uint8Array[]).map((bytes) => hex(bytes.subarray(2, 6))));
    return [...asServer, ...asClient].map(describe).concat(`${keys.size} keys`);
  });

  await tell('all four transforms in a row', async () => {
    const messages = ['', 'grüße 🚀', 'x'.repeat(70_000), new Uint8Array(0), new Uint8Array(3000).fill(9)];
    const lines: string[] = [];
    for (const [from, to] of [
      ['client', 'server'],
      ['server', 'client'],
    ] as const) {
      const found = await pass(
        messages,
        new engine.MessageFragmenterStream({ fragmentSize: 1000 }),
        new engine.FrameEncoderStream({ role: from }),
        new engine.FrameDecoderStream({ role: to }),
        new engine.MessageAssemblerStream(),
      );
      lines.push(...found.map(describe));
    }
    return lines;
  });

  await tell('fragmenter', async () =>
    (await pass(['abcde'], new engine.MessageFragmenterStream({ fragmentSize: 2 }))).map(frameOf),
  );

  for (const deflate of [false, true]) {
    for (const opener of ['client', 'server'] as const) {
      await tell(`upgrade, both roles, ${opener} closes${deflate ? ', permessage-deflate' : ''}`, async () => {
        const [there, back] = [new TransformStream(), new TransformStream()];
        const offered = [engine.permessageDeflate()];
        const answer = new engine.WebSocketUpgrade(
          head(engine.offerExtensions(offered)),
          { extensions: deflate ? [engine.permessageDeflate({ threshold: 0 })] : [] },
          async (session) => {
            for await (const message of session) {
              await session.send(message);
              if (message === 'bye' && opener === 'server') return;
            }
          },
        );
        const header = answer.headers.filter(([name]) => name === 'Sec-WebSocket-Extensions').map(([, value]) => value);
        const server = answer.upgrade(there.readable, back.writable);
        const { session, closed } = engine.upgrade(back.readable, there.writable, undefined, undefined, {
          role: 'client',
          extensions: engine.confirmExtensions(offered, header) ?? [],
        });
        const lines: string[] = [header.join(), session.extensions];
        for (const message of ['hello', '', 'ü'.repeat(50_000), new Uint8Array(300_000).fill(7), 'bye']) {
          void session.send(message);
          lines.push(describe(await session.receive()));
        }
        if (opener === 'client') void session.close(3000, 'enough');
        for (const info of [await closed, await server.closed])
          lines.push(`${info.closeCode} ${JSON.stringify(info.reason)} ${info.wasClean} ${info.initiator}`);
        const { bytesSent } = session.counters;
        return [...lines, `less than is said: ${bytesSent < 100_000}`];
      });
    }
  }

  await tell('a server’s handshake over a head', () => {
    const upgrade = new engine.WebSocketUpgrade(head(''), {}, () => {});
    return [upgrade.status, ...[...upgrade.headers].map((pair) => String(pair)).sort()];
  });

  await tell('two endpoints of the core', () => {
    const client = new core.Endpoint({ role: 'client', maskingKey: () => 0x37fa213d });
    const server = new core.Endpoint({ role: 'server' });
    const lines: string[] = [];
    const move = (from: Core.Endpoint, to: Core.Endpoint): void => {
      const pieces: Uint8Array[] = [];
      from.takeOutput(pieces, Number.MAX_SAFE_INTEGER);
      for (const piece of pieces) {
        lines.push(hex(piece));
        for (const byte of split(piece)) {
          for (const event of to.receive(byte, true, 1000)) {
            lines.push(`${to.role}: ${event.type}`);
            if (event.type === 'message' && to.role === 'server') to.send(event.message);
          }
        }
      }
    };
    client.send('Hello');
    client.ping(Uint8Array.of(1));
    move(client, server);
    move(server, client);
    client.close(core.CloseCode.NORMAL_CLOSURE, 'done');
    move(client, server);
    move(server, client);
    return [...lines, client.state, server.state];
  });

  await tell('one engine under all entries', () => [
    engine.MillraceError === core.MillraceError,
    engine.CloseCode === core.CloseCode,
    engine.defaultLimits === core.defaultLimits,
  ]);

  await tell('a pair in memory, on a clock that is turned', async () => {
    const pair = testing.createPair({
      server: {
        handler: async (session) => {
          for await (const message of session) await session.send(message);
        },
      },
    });
    await pair.client.session.send('over the line');
    const echo = await pair.clock.turnUntil(pair.client.session.receive());
    void pair.client.session.close();
    const { client, server } = await pair.ended();
    return [describe(echo), client.closeCode, server.wasClean];
  });

  return told;
}
