// permessage-deflate as an extension, in both roles at once: what two endpoints agree on, and that every message comes as it was sent.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import { parseExtensions } from '../../lib/extension/extension-header.ts';
import { acceptExtensions, confirmExtensions, formatExtensions } from '../../lib/extension/extension-negotiation.ts';
import { PermessageDeflate, type PermessageDeflateOptions } from '../../lib/extension/permessage-deflate.ts';
import type { Frame, Role } from '../../lib/frame/frame.ts';
import { throws } from '../support/check.ts';
import { literals, message, prose } from '../support/deflate-blocks.ts';
import { makeEndpoint, takeAll } from '../support/deliver.ts';
import { carry, contentOf, type EndpointPair, pairEndpoints, type SideOptions } from '../support/endpoint-pair.ts';
import { toFrame } from '../support/extensions.ts';
import { unwire, type WireFrame, wireTo } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const roles: readonly Role[] = ['server', 'client'];
const isSame = (left: Uint8Array | undefined, right: Uint8Array): boolean =>
  left !== undefined && Buffer.compare(left, right) === 0;

function deflate(options: PermessageDeflateOptions = {}): PermessageDeflate {
  return new PermessageDeflate(chooseDeflateCodec(), options);
}

/** Compresses everything: no threshold, whatever comes of it. */
const always: PermessageDeflateOptions = { threshold: 0, onlyIfSmaller: false };

function pairOf(
  server: PermessageDeflateOptions = always,
  client: PermessageDeflateOptions = always,
  sides: { readonly server?: SideOptions; readonly client?: SideOptions } = {},
): EndpointPair {
  return pairEndpoints([deflate(server)], [deflate(client)], sides);
}

// --- Options -------------------------------------------------------------------------------------------------------

const options = suite('permessage-deflate · options');

options('its name and its bit are those of RFC 7692 §7 and §6', () => {
  const { name, rsvBits } = deflate();
  assert.equal([name, rsvBits], ['permessage-deflate', 0x40]);
});

options('a wrong one is a RangeError or a TypeError that names it', () => {
  const wrong: [keyof PermessageDeflateOptions, readonly unknown[]][] = [
    ['level', [-1, 10, 1.5, Number.NaN, '6', null, Number.POSITIVE_INFINITY]],
    ['memoryLevel', [0, 10, 8.5, '8', null]],
    ['threshold', [-1, 0.5, '128', Number.NaN, Number.POSITIVE_INFINITY, null]],
    ['maxContexts', [0, -1, 1.5, '3', Number.NaN, null]],
    ['contextTimeout', [0, -1, 0.5, '3', Number.NaN, Number.NEGATIVE_INFINITY]],
    ['serverMaxWindowBits', [8, 16, 0, 9.5, '15', Number.NaN, true]],
    ['clientMaxWindowBits', [8, 16, -9, '9', true]],
  ];
  for (const [name, values] of wrong) {
    for (const value of values) {
      throws(() => deflate({ [name]: value } as PermessageDeflateOptions), RangeError, new RegExp(name));
    }
  }
  for (const [name, values] of [
    ['onlyIfSmaller', [0, 'yes', null]],
    ['compressIf', [true, 'all', {}, null]],
    ['serverNoContextTakeover', [0, 'yes', null]],
    ['clientNoContextTakeover', [1, '']],
  ] as const) {
    for (const value of values) {
      throws(() => deflate({ [name]: value } as PermessageDeflateOptions), TypeError, new RegExp(name));
    }
  }
});

options('the least and the most of each are taken, and undefined is the default', () => {
  for (const each of [
    { level: 0, memoryLevel: 1, threshold: 0, maxContexts: 1, contextTimeout: 1 },
    { level: 9, memoryLevel: 9, threshold: 2 ** 40, maxContexts: 1e9, contextTimeout: 1e9 },
    { maxContexts: Number.POSITIVE_INFINITY, contextTimeout: Number.POSITIVE_INFINITY },
    { level: undefined, memoryLevel: undefined, threshold: undefined, compressIf: undefined, onlyIfSmaller: undefined },
    { serverMaxWindowBits: undefined, serverNoContextTakeover: undefined, maxContexts: undefined },
  ]) {
    const { server, client } = pairOf(each as PermessageDeflateOptions, each as PermessageDeflateOptions);
    server.send('x'.repeat(300));
    assert.is(contentOf(carry(server, client))?.byteLength, 300);
  }
});

options('by default messages of 128 bytes are compressed, shorter ones and such that grow are not', () => {
  const { server } = pairOf({}, {});
  const rsvOf = (content: Uint8Array | string): number => {
    server.send(content);
    return unwire(takeAll(server))[0]?.rsv as number;
  };
  assert.equal(['x'.repeat(127), 'x'.repeat(128), new Random().bytes(5000)].map(rsvOf), [0, 0x40, 0]);
});

options('it rests after 10 s, or what was said', () => {
  assert.is(pairOf({}, { contextTimeout: 77 }).server.restAfter, 10_000);
  assert.is(pairOf({}, { contextTimeout: 77 }).client.restAfter, 77);
  assert.is(pairOf({ contextTimeout: Number.POSITIVE_INFINITY }).server.restAfter, Number.POSITIVE_INFINITY);
});
options.run();

// --- Round trips ---------------------------------------------------------------------------------------------------

const trips = suite('permessage-deflate · round trips');

/** Sends messages both ways, in turns, and asserts that each comes as it was sent. */
function exchange(pair: EndpointPair, contents: readonly Uint8Array[], random: Random, hasBudget = false): void {
  for (const [index, content] of contents.entries()) {
    for (const role of roles) {
      pair[role].send(index % 3 === 2 ? toText(content) : content, index % 5 === 4 ? { compress: false } : {});
      const cut = (bytes: Uint8Array): Uint8Array[] => random.split(bytes, random.pick([7, 500, 70_000]));
      const budget = hasBudget ? () => 1 + random.below(3000) : undefined;
      const events = carry(pair[role], pair.other(role), hasBudget ? cut : undefined, budget);
      const expected = index % 3 === 2 ? new TextEncoder().encode(toText(content)) : content;
      assert.ok(isSame(contentOf(events), expected), `${role}, message ${index} of ${content.byteLength}`);
      assert.equal([pair[role].retained, pair.other(role).retained], [0, 0]);
    }
  }
}

function toText(content: Uint8Array): string {
  return Buffer.from(content).toString('latin1');
}

const windows = sized([9, 15], [9, 10, 11, 12, 13, 14, 15]);

for (const asking of ['server', 'client', 'both'] as const) {
  trips(`every combination of contexts and windows, asked for by ${asking}`, () => {
    const random = new Random();
    const contents = [0, 1, 300, 2000].flatMap((size) => [prose(random, size), random.bytes(size)]);
    for (const serverNoContextTakeover of [false, true]) {
      for (const clientNoContextTakeover of [false, true]) {
        for (const serverMaxWindowBits of windows) {
          for (const clientMaxWindowBits of windows) {
            const context = { serverNoContextTakeover, clientNoContextTakeover };
            const wanted = { ...always, ...context, serverMaxWindowBits, clientMaxWindowBits };
            const pair = pairOf(asking === 'client' ? always : wanted, asking === 'server' ? always : wanted);
            exchange(pair, contents, random);
            for (const role of roles) pair[role].release();
          }
        }
      }
    }
  });
}

for (const [name, make] of [
  ['random', (random: Random, size: number) => random.bytes(size)],
  ['compressible', prose],
] as const) {
  trips(`${name} data of 0 B to ${sized(1, 16)} MiB, in chunks and budgets of any size, comes as it was sent`, () => {
    const random = new Random();
    const limits = { maxMessageSize: 32 * 2 ** 20 };
    const pair = pairOf(always, {}, { server: { limits }, client: { limits } });
    const sizes = [0, 1, 2, 125, 126, 127, 128, 1000, 4096, 4097, 32_768, 65_535, 65_536, 65_537, 131_073, 300_000];
    exchange(
      pair,
      [...sizes, sized(1, 16) * 2 ** 20].map((size) => make(random, size)),
      random,
      true,
    );
  });
}

trips('1,000 messages over one context, and over one that is given up and stolen all the time', () => {
  const random = new Random();
  for (const maxContexts of [1, 1000]) {
    const [server, client] = [deflate({ ...always, maxContexts }), deflate({ ...always, maxContexts })];
    const pairs = Array.from({ length: maxContexts === 1 ? 3 : 1 }, () => pairEndpoints([server], [client]));
    for (let count = 0; count < 1000; count++) {
      const pair = random.pick(pairs);
      const role = random.pick(roles);
      const content = prose(random, random.below(600));
      pair[role].send(content, random.pick([{}, {}, { compress: false }]));
      assert.ok(isSame(contentOf(carry(pair[role], pair.other(role))), content), `message ${count}`);
      if (maxContexts === 1 && random.below(4) === 0) assert.equal(pair[random.pick(roles)].rest(), []);
      assert.ok(server.contexts.deflaters <= maxContexts && server.contexts.inflaters <= maxContexts);
    }
    for (const pair of pairs) for (const role of roles) assert.equal(pair[role].release(), []);
    for (const extension of [server, client]) assert.equal(extension.contexts, { deflaters: 0, inflaters: 0 });
  }
});

for (const fragmentSize of [1, 10, 1000]) {
  trips(`in fragments of ${fragmentSize} bytes only the first has RSV1 (RFC 7692 §6.1), and none is longer`, () => {
    const random = new Random();
    const sides = { server: { fragmentSize }, client: { fragmentSize } };
    const pair = pairOf(always, always, sides);
    exchange(
      pair,
      [0, 1, 50, 3000].map((size) => prose(random, size)),
      random,
    );
    pair.server.send(prose(random, 3000));
    const frames = unwire(takeAll(pair.server));
    assert.ok(frames.every(({ payload }) => payload.byteLength <= fragmentSize));
    const shown = frames.map(({ rsv, opcode, fin }, at) => [rsv, opcode, fin, at === frames.length - 1]);
    const good = (at: number, isLast: boolean) => [at === 0 ? 0x40 : 0, at === 0 ? 2 : 0, isLast, isLast];
    assert.equal(
      shown,
      frames.map((_, at) => good(at, at === frames.length - 1)),
    );
  });
}

for (const kind of ['streamed', 'raw'] as const) {
  trips(
    `${kind} endpoints send in fragments and receive ${kind === 'raw' ? 'frames' : 'pieces'}, both inflated`,
    () => {
      const random = new Random();
      const side: SideOptions = kind === 'raw' ? { raw: true } : { streamed: true };
      const pair = pairOf(always, always, { server: side, client: side });
      for (let count = 0; count < sized(25, 60); count++) {
        const role = random.pick(roles);
        const content = random.below(3) === 0 ? random.bytes(random.below(3000)) : prose(random, random.below(200_000));
        const parts = [...random.split(content, random.pick([content.byteLength + 1, 70_000])), new Uint8Array(0)];
        for (const [at, part] of parts.entries()) {
          const fin = at === parts.length - 1;
          if (kind === 'raw') pair[role].sendFrame(toFrame(at === 0 ? 2 : 0, part, { fin }));
          else pair[role].sendFragment('binary', part, fin);
        }
        const cut = (bytes: Uint8Array): Uint8Array[] => random.split(bytes, 5000);
        const events = carry(pair[role], pair.other(role), cut, () => 1 + random.below(100_000));
        for (const event of events) {
          if (event.type === 'frame') assert.not(event.frame.rsv1 || event.frame.rsv2 || event.frame.rsv3);
        }
        assert.ok(isSame(contentOf(events), content), `message ${count} of ${content.byteLength}`);
      }
    },
  );
}

trips('what a raw endpoint gives is its own: it does not change with what comes later', () => {
  const pair = pairOf(always, always, { client: { raw: true } });
  const frames: Frame[] = [];
  for (const text of ['one', 'two', 'three']) {
    pair.server.send(text.repeat(100));
    for (const event of carry(pair.server, pair.client)) if (event.type === 'frame') frames.push(event.frame);
  }
  assert.equal(
    frames.map(({ payload }) => Buffer.from(payload).toString()),
    ['one', 'two', 'three'].map((text) => text.repeat(100)),
  );
});
trips.run();

// --- Windows of 8 bits ---------------------------------------------------------------------------------------------

const eight = suite('permessage-deflate · windows of 8 bits');

eight('a server inflates what a client makes with one (RFC 7692 §7.1.2.2)', () => {
  const offers = parseExtensions(['permessage-deflate; client_max_window_bits=8']);
  const extensions = acceptExtensions([deflate(always)], offers ?? new Map());
  assert.is(formatExtensions(extensions), 'permessage-deflate; client_max_window_bits=8');
  const server = makeEndpoint({ role: 'server', extensions });
  const receive = (payload: Uint8Array) => server.receive(wireTo('server', { opcode: 2, rsv: 0x40, payload }));
  const block = new Random().bytes(256);
  assert.ok(isSame(contentOf(receive(message({ stored: block }))), block));
  assert.ok(isSame(contentOf(receive(message({ fixed: [[256, 10]] }))), block.subarray(0, 10)));
  server.send('x'.repeat(1000));
  assert.is(unwire(takeAll(server))[0]?.rsv, 0x40, 'its own window is another');
});

eight('a client that was told to have one sends everything uncompressed, whatever a send says (§6)', () => {
  const extensions = confirmExtensions([deflate(always)], ['permessage-deflate; client_max_window_bits=8']);
  const client = makeEndpoint({ role: 'client', extensions: extensions ?? [] });
  client.send('x'.repeat(1000), { compress: true });
  client.sendFragment('binary', new Uint8Array(1000), true, { compress: true });
  assert.equal(
    unwire(takeAll(client)).map(({ rsv, payload }) => [rsv, payload.byteLength]),
    [
      [0, 1000],
      [0, 1000],
    ],
  );
  const payload = message({ fixed: literals('Hello') });
  const events = client.receive(wireTo('client', { opcode: 1, rsv: 0x40, payload }));
  assert.equal(events, [{ type: 'message', message: 'Hello' }]);
});
eight.run();

// --- Rules ---------------------------------------------------------------------------------------------------------

const rules = suite('permessage-deflate · rules of RFC 7692 §6');

for (const role of roles) {
  const receiver = () => pairOf()[role];
  const wires = (...frames: readonly WireFrame[]): Uint8Array => join(...frames.map((frame) => wireTo(role, frame)));

  rules(`${role}: RSV1 on a continuation or on a control frame is 1002, on a message not compressed too`, () => {
    const hello = hex('f2 48 cd c9 c9 07 00');
    const wrong: WireFrame[][] = [
      [
        { opcode: 1, fin: false, payload: 'a' },
        { opcode: 0, rsv: 0x40, payload: hello },
      ],
      [
        { opcode: 1, rsv: 0x40, fin: false, payload: hello },
        { opcode: 0, rsv: 0x40, payload: '' },
      ],
      [{ opcode: 9, rsv: 0x40 }],
      [{ opcode: 10, rsv: 0x40 }],
      [{ opcode: 8, rsv: 0x40 }],
      [
        { opcode: 1, rsv: 0x40, fin: false, payload: hello },
        { opcode: 9, rsv: 0x40 },
      ],
    ];
    for (const frames of wrong) {
      const endpoint = receiver();
      const last = endpoint.receive(wires(...frames)).at(-1);
      assert.is(last?.type, 'fault');
      if (last?.type !== 'fault') continue;
      assert.equal([last.fault.code, last.fault.closeCode], ['ERR_WS_UNEXPECTED_RSV', 1002]);
      endpoint.release();
      assert.is(endpoint.retained, 0);
    }
  });

  rules(`${role}: RSV2 and RSV3 stay forbidden`, () => {
    for (const rsv of [0x20, 0x10, 0x60, 0x70]) {
      const [event] = receiver().receive(wires({ opcode: 1, rsv, payload: hex('00') }));
      assert.is(event?.type === 'fault' && event.fault.code, 'ERR_WS_UNEXPECTED_RSV');
    }
  });

  rules(`${role}: control frames stand between compressed fragments and are never compressed`, () => {
    const endpoint = receiver();
    const events = endpoint.receive(
      wires(
        { opcode: 1, rsv: 0x40, fin: false, payload: hex('f2 48') },
        { opcode: 9, payload: 'p' },
        { opcode: 0, fin: false, payload: '' },
        { opcode: 10, payload: hex('f2 48 cd c9 c9 07 00') },
        { opcode: 0, payload: hex('cd c9 c9 07 00') },
      ),
    );
    assert.equal(
      events.map((event) => (event.type === 'message' ? event.message : event.type)),
      ['ping', 'pong', 'Hello'],
    );
    assert.is(toHex(unwire(takeAll(endpoint))[0]?.payload as Uint8Array), '70', 'the pong is as it was asked for');
    endpoint.ping(new Uint8Array(125));
    assert.equal(
      unwire(takeAll(endpoint)).map(({ rsv, payload }) => [rsv, payload.byteLength]),
      [[0, 125]],
    );
  });

  rules(`${role}: a text is checked as it comes out: 1007 for what is no UTF-8`, () => {
    const endpoint = receiver();
    const [event] = endpoint.receive(wires({ opcode: 1, rsv: 0x40, payload: message({ fixed: [0x61, 0xff] }) }));
    assert.equal(event?.type === 'fault' && [event.fault.code, event.fault.closeCode], ['ERR_WS_INVALID_UTF8', 1007]);
  });
}

rules('a connection that has ended in the middle of messages, both ways, leaves nothing', () => {
  const [server, client] = [deflate(always), deflate(always)];
  for (let count = 0; count < 20; count++) {
    const pair = pairEndpoints([server], [client], { server: { streamed: true } });
    for (const role of roles) pair[role].sendFragment('binary', prose(new Random(), 500), false);
    for (const role of roles) carry(pair[role], pair.other(role));
    assert.ok(pair.server.retained > 0 && pair.client.retained > 0);
    assert.ok(server.contexts.deflaters === 1 && server.contexts.inflaters === 1);
    for (const role of roles) pair[role].release();
    assert.equal([pair.server.release(), server.contexts], [[], { deflaters: 0, inflaters: 0 }]);
  }
  assert.equal(client.contexts, { deflaters: 0, inflaters: 0 });
});
rules.run();
