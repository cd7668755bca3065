// A small extension as a user writes one: at work in both roles, on whole, streamed and raw sessions, beside permessage-deflate, and on a server with a client that is played by hand.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  acceptExtensions,
  checkExtensions,
  confirmExtensions,
  offerExtensions,
} from '../../lib/extension/extension-negotiation.ts';
import type { FramePiece } from '../../lib/frame/frame-decoder.ts';
import {
  type Extension,
  type ExtensionTransform,
  permessageDeflate,
  type Session,
  type StreamedMessage,
  serve,
} from '../../lib/node.ts';
import { createPair } from '../../lib/testing/pair.ts';
import { carry, contentOf, pairEndpoints } from '../support/endpoint-pair.ts';
import { EachPiece } from '../support/extensions.ts';
import { hex } from '../support/hex.ts';
import { Random } from '../support/random.ts';
import { close, headerOf, masked, RawClient, requestHead } from '../support/raw-client.ts';
import { echo, startServer } from '../support/server.ts';
import { within } from '../support/until.ts';

// --- As in README --------------------------------------------------------------------------------------------------

const invert = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => ~byte & 0xff);

const inverting: Extension = {
  name: 'x-invert',
  offer: () => [{}],
  accept: () => ({ parameters: {}, open }),
  confirm: () => open,
};

function open(): ExtensionTransform {
  let piece: FramePiece | undefined;
  return {
    outgoing: (frame) => ({ ...frame, payload: invert(frame.payload) }),
    incoming: {
      push: (next) => {
        piece = next;
      },
      next: () => {
        if (piece === undefined) return undefined;
        const { bytes, start, end } = piece;
        const given = { ...piece, bytes: invert(bytes.subarray(start, end)), start: 0, end: end - start };
        piece = undefined;
        return given;
      },
    },
  };
}

// -------------------------------------------------------------------------------------------------------------------

const test = suite('user-extension');
const isSame = (left: Uint8Array | undefined, right: Uint8Array): boolean =>
  left !== undefined && Buffer.compare(left, right) === 0;

test('it is installed, offered, accepted and confirmed', () => {
  const installed = checkExtensions([inverting]);
  assert.is(offerExtensions(installed), 'x-invert');
  const offers = new Map([['x-invert', [{ name: 'x-invert', parameters: new Map() }]]]);
  assert.is(acceptExtensions(installed, offers)[0]?.text, 'x-invert');
  assert.is(confirmExtensions(installed, ['x-invert'])?.length, 1);
});

for (const [name, extensions] of [
  ['alone', [inverting]],
  ['before permessage-deflate', [inverting, permessageDeflate({ threshold: 0 })]],
  ['behind permessage-deflate', [permessageDeflate({ threshold: 0 }), inverting]],
] as const) {
  test(`${name}: every message comes as it was sent, in both roles, whatever the chunks and budgets`, () => {
    const random = new Random();
    for (const streamed of [false, true]) {
      const pair = pairEndpoints(extensions, extensions, { server: { streamed }, client: { streamed } });
      for (const size of [0, 1, 125, 126, 4096, 4097, 20_000, 150_000]) {
        for (const role of ['server', 'client'] as const) {
          const content = random.bytes(size);
          pair[role].send(content);
          const cut = (bytes: Uint8Array): Uint8Array[] =>
            random.split(bytes, random.pick(size > 5000 ? [900, 60_000] : [3, 200]));
          const events = carry(pair[role], pair.other(role), cut, () => 1 + random.below(size > 5000 ? 50_000 : 500));
          assert.ok(isSame(contentOf(events), content), `${role}, ${size}`);
        }
      }
    }
  });

  test(`${name}: over a connection, with whole messages, streamed ones, texts and close`, async () => {
    const side = { extensions, limits: { maxMessageSize: 2 ** 22 } };
    await using pair = createPair({
      server: { ...side, handler: echo },
      client: { ...side, messages: 'streamed' as const },
    });
    const { session } = pair.client;
    const long = new Random().bytes(200_000);
    for (const message of ['Hello', '', 'ä😀'.repeat(50_000), long]) {
      void session.send(message);
      const received = (await session.receive()) as StreamedMessage;
      if (typeof message === 'string') assert.is(await received.text(), message);
      else assert.ok(isSame(await received.bytes(), message));
    }
    void session.send(
      (async function* () {
        yield 'in ';
        yield 'pieces';
      })(),
    );
    assert.is(await ((await session.receive()) as StreamedMessage).text(), 'in pieces');
    void session.close(1000, 'done');
    const { server, client } = await pair.ended();
    assert.equal([server.wasClean, client.wasClean, server.reason], [true, true, 'done'], 'control frames are as ever');
  });
}

test('raw sessions: frames are changed, control frames and fragments stay as they are', async () => {
  await using pair = createPair({
    server: { extensions: [inverting], raw: true as const },
    client: { extensions: [inverting] },
  });
  void pair.client.session.send(Uint8Array.of(1, 2, 3));
  const frame = await pair.server.session.receive();
  assert.equal([frame?.opcode, [...(frame?.payload ?? [])].join()], [2, '1,2,3']);
  if (frame !== undefined) await pair.server.session.send(frame);
  assert.equal(await pair.client.session.receive(), Uint8Array.of(1, 2, 3));
});

const server = suite('user-extension · on a server');

server('a client that offers it gets it, and its bytes are inverted on the wire in both directions', async () => {
  await using host = await startServer(echo, { extensions: [inverting] });
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port, { headers: { 'Sec-WebSocket-Extensions': 'x-other, x-invert' } }));
  assert.is(headerOf(await client.accepted(), 'sec-websocket-extensions'), 'x-invert');
  const session = await host.session();
  assert.is(session.extensions, 'x-invert');
  client.send(masked({ opcode: 1, payload: invert(Buffer.from('Hello')) }));
  const { opcode, rsv, payload } = await client.frame();
  assert.equal([opcode, rsv, Buffer.from(invert(payload)).toString()], [1, 0, 'Hello']);
  await client.drip(
    masked({ opcode: 2, fin: false, payload: hex('ff fe') }),
    masked({ opcode: 9, payload: 'ping' }),
    masked({ opcode: 0, payload: hex('00') }),
  );
  const [pong, answer] = await client.frames(2);
  assert.equal([pong?.opcode, pong?.payload.toString(), answer?.payload.toString('hex')], [10, 'ping', 'fffe00']);
  client.send(close(1000, 'bye'));
  assert.is((await client.untilClose()).code, 1000);
  await client.finished();
});

server('a client that does not offer it is served without', async () => {
  await using host = await startServer(echo, { extensions: [inverting] });
  using client = await RawClient.connect(host.port);
  client.send(requestHead(host.port));
  assert.is(headerOf(await client.accepted(), 'sec-websocket-extensions'), undefined);
  client.send(masked({ opcode: 1, payload: 'Hello' }));
  assert.is((await client.frame()).payload.toString(), 'Hello');
  assert.is((await host.session()).extensions, '');
});

server('two that cannot be installed together are refused when the server is made', async () => {
  const other: Extension = { ...inverting, name: 'x-a', rsvBits: 0x40 };
  let error: unknown;
  try {
    const started = await serve({ extensions: [permessageDeflate(), other] }, echo);
    await started.stop();
  } catch (thrown) {
    error = thrown;
  }
  assert.instance(error, TypeError);
  assert.match(String(error), /RSV bit/);
});

const fail = (): never => {
  throw new RangeError('mine');
};

const failing: [string, Partial<Extension>][] = [
  ['it is asked for an offer', { accept: fail }],
  ['what it answers is written', { accept: () => ({ parameters: { 'no token': 1 }, open }) }],
];

for (const [what, parts] of failing) {
  for (const admit of [undefined, () => undefined]) {
    server(
      `one that throws when ${what}: 500, its error is reported, and the server goes on (${admit ? 'with' : 'without'} a hook)`,
      async () => {
        const extensions = [{ ...inverting, ...parts }];
        await using host = await startServer(echo, { extensions, ...(admit && { admit }) });
        using client = await RawClient.connect(host.port);
        client.send(requestHead(host.port, { headers: { 'Sec-WebSocket-Extensions': 'x-invert' } }));
        const response = await client.response();
        assert.is(response.status, 500);
        assert.not(response.body.includes('mine'));
        assert.is(host.reported.length, 1);
        await host.serves();
      },
    );
  }
}

for (const admit of [undefined, () => undefined]) {
  server(
    `one that throws when it is opened ends that connection alone (${admit ? 'with' : 'without'} a hook)`,
    async () => {
      const extensions: Extension[] = [{ ...inverting, accept: () => ({ parameters: {}, open: fail }) }];
      await using host = await startServer(echo, { extensions, ...(admit && { admit }) });
      using client = await RawClient.connect(host.port);
      client.send(requestHead(host.port, { headers: { 'Sec-WebSocket-Extensions': 'x-invert' } }));
      await within(client.ending, 'the end of the connection');
      assert.is(host.reported.length, 1);
      client.end();
      await host.quiet();
      await host.serves();
    },
  );
}

server('one that throws on a message ends that connection alone, with 1011', async () => {
  const transforms: (() => ExtensionTransform)[] = [
    () => ({ outgoing: fail }),
    () => ({ incoming: new EachPiece(fail) }),
  ];
  for (const transform of transforms) {
    const extensions: Extension[] = [{ ...inverting, accept: () => ({ parameters: {}, open: transform }) }];
    let error: unknown;
    const handler = async (session: Session): Promise<void> => {
      try {
        await echo(session);
      } catch (thrown) {
        error = thrown;
      }
    };
    await using host = await startServer(handler, { extensions });
    using client = await RawClient.open(host.port, { headers: { 'Sec-WebSocket-Extensions': 'x-invert' } });
    client.send(masked({ opcode: 1, payload: 'Hello' }));
    const { code, reason } = await client.untilClose();
    assert.equal([code, reason], [1011, 'Extension "x-invert" failed']);
    client.end();
    await host.quiet();
    assert.is((error as { code?: string }).code, 'ERR_WS_EXTENSION_FAILED');
    assert.equal(
      host.reported.map((each) => ((each as Error).cause as Error).message),
      ['mine'],
    );
    await host.serves();
  }
});

test.run();
server.run();
