// An endpoint with extensions: how their failures end the connection, and what the limits count behind them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Endpoint } from '../../lib/endpoint/endpoint.ts';
import { ExtensionError, LocalProtocolError } from '../../lib/error.ts';
import type { ExtensionTransform } from '../../lib/extension/extension.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { permessageDeflate } from '../../lib/node.ts';
import { throws } from '../support/check.ts';
import { PeerDeflater, prose } from '../support/deflate-blocks.ts';
import { makeEndpoint, takeAll } from '../support/deliver.ts';
import { carry, contentOf, pairEndpoints, type SideOptions } from '../support/endpoint-pair.ts';
import { agreedOn, EachPiece, toFrame } from '../support/extensions.ts';
import { closePayload, unwire, type WireFrame, wireTo } from '../support/frames.ts';
import { join, toHex } from '../support/hex.ts';
import { Random } from '../support/random.ts';

const roles: readonly Role[] = ['server', 'client'];

class Mine extends Error {}
const fail = (): never => {
  throw new Mine('mine');
};

function endpointWith(role: Role, transform: ExtensionTransform, options: SideOptions = {}, rsvBits = 0): Endpoint {
  return makeEndpoint({ ...options, role, extensions: [agreedOn('x-mine', transform, rsvBits)] });
}

function wires(role: Role, ...frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

/** Asserts that what waits ends with a close frame of 1011 that names the extension and not its error. */
function closesWith1011(endpoint: Endpoint): void {
  const last = unwire(takeAll(endpoint)).at(-1);
  assert.is(last?.opcode, 8);
  assert.is(toHex(last?.payload as Uint8Array), toHex(closePayload(1011, 'Extension "x-mine" failed')));
  assert.is(endpoint.state, 'failed');
}

const failures = suite('endpoint · extensions that fail');

for (const role of roles) {
  for (const kind of ['whole', 'streamed', 'raw'] as const) {
    const options: SideOptions = { streamed: kind === 'streamed', raw: kind === 'raw' };

    failures(`${role}, ${kind}: one that throws on what is received is a 'fault' event and 1011`, () => {
      for (const bad of [new EachPiece(fail), Object.assign(new EachPiece(fail), { push: fail })]) {
        const endpoint = endpointWith(role, { incoming: bad }, options);
        const bytes = wires(role, { opcode: 9 }, { opcode: 2, payload: 'abc' }, { opcode: 2, payload: 'def' });
        const events = endpoint.receive(bytes);
        const last = events.at(-1);
        assert.is(events.length, 2);
        assert.ok(last?.type === 'fault' && last.fault instanceof ExtensionError && last.fault.cause instanceof Mine);
        closesWith1011(endpoint);
        assert.equal([endpoint.canReceive, endpoint.hasUnread, endpoint.receive(bytes)], [false, false, []]);
      }
    });

    failures(`${role}, ${kind}: one that throws on what is sent fails the connection, and the send throws`, () => {
      let count = 0;
      const outgoing: ExtensionTransform['outgoing'] = (frame) => (++count === 2 ? fail() : frame);
      const sends: ((endpoint: Endpoint) => void)[] =
        kind === 'raw'
          ? [(endpoint) => endpoint.sendFrame(toFrame(2, 'abc'))]
          : [
              (endpoint) => endpoint.send('abc'),
              (endpoint) => endpoint.send(new Uint8Array(10_000)),
              (endpoint) => endpoint.sendFragment('text', new Uint8Array(3), true),
            ];
      for (const send of sends) {
        count = 0;
        const endpoint = endpointWith(role, { outgoing }, options);
        send(endpoint);
        throws(() => send(endpoint), ExtensionError, 'ERR_WS_EXTENSION_FAILED');
        closesWith1011(endpoint);
        throws(() => send(endpoint), LocalProtocolError, 'ERR_WS_CLOSED');
        assert.is(count, 2, 'it is not asked again');
      }
    });
  }

  failures(
    `${role}: one that throws in the middle of a message: the message stays unfinished, the close frame follows`,
    () => {
      let count = 0;
      const endpoint = endpointWith(role, { outgoing: (frame) => (++count === 3 ? fail() : frame) });
      endpoint.sendFragment('binary', new Uint8Array(1), false);
      endpoint.sendFragment('binary', new Uint8Array(1), false);
      throws(() => endpoint.sendFragment('binary', new Uint8Array(1), true), ExtensionError);
      assert.equal(
        unwire(takeAll(endpoint)).map(({ opcode, fin }) => [opcode, fin]),
        [
          [2, false],
          [0, false],
          [8, true],
        ],
      );
    },
  );

  failures(`${role}: control frames never come to an extension`, () => {
    const endpoint = endpointWith(role, { outgoing: fail, incoming: new EachPiece(fail) });
    assert.equal(
      endpoint.receive(wires(role, { opcode: 9, payload: 'a' }, { opcode: 10 })).map(({ type }) => type),
      ['ping', 'pong'],
    );
    endpoint.ping();
    endpoint.close(1000);
    assert.equal(
      unwire(takeAll(endpoint)).map(({ opcode }) => opcode),
      [9, 10, 8],
    );
  });

  failures(`${role}: what it throws when it rests or ends is given, and fails nothing`, () => {
    const endpoint = endpointWith(role, { rest: fail, close: fail });
    for (const errors of [endpoint.rest(), endpoint.release()]) {
      assert.equal(
        errors.map((error) => (error as Error).message),
        ['Extension "x-mine" failed'],
      );
    }
    assert.equal([endpoint.release(), endpoint.state], [[], 'open']);
  });
}

failures('one that throws when it is opened: its error comes out of the constructor', () => {
  const extensions = [{ ...agreedOn('x-mine', {}), open: fail }];
  throws(() => new Endpoint({ role: 'server', extensions }), Mine);
});
failures.run();

const facts = suite('endpoint · extensions and what is sent and received');

for (const role of roles) {
  facts(
    `${role}: a message that the extensions leave alone is sent as without them, texts and bytes of every length`,
    () => {
      const random = new Random();
      for (const size of [0, 1, 10, 125, 126, 1365, 1366, 4096, 4097, 70_000]) {
        for (const content of ['ä'.repeat(size), random.bytes(size)]) {
          for (const fragmentSize of [undefined, 100]) {
            const options = fragmentSize === undefined ? {} : { fragmentSize };
            const [plain, extended] = [
              makeEndpoint({ role, ...options }),
              endpointWith(role, { outgoing: (f) => f }, options),
            ];
            for (const endpoint of [plain, extended]) endpoint.send(content);
            assert.ok(Buffer.compare(takeAll(plain), takeAll(extended)) === 0, `${size}`);
          }
        }
      }
    },
  );

  facts(
    `${role}: what an extension sets in RSV bits and payload is sent, in fragments with the bits on the first`,
    () => {
      const outgoing: ExtensionTransform['outgoing'] = (frame) => ({
        ...frame,
        rsv2: true,
        payload: frame.payload.slice().reverse(),
      });
      const endpoint = endpointWith(role, { outgoing }, { fragmentSize: 2 }, 0x20);
      endpoint.send('abc');
      endpoint.sendFragment('text', Uint8Array.of(1, 2, 3), false);
      endpoint.sendFragment('text', new Uint8Array(0), true);
      assert.equal(
        unwire(takeAll(endpoint)).map(({ rsv, opcode, fin, payload }) => [rsv, opcode, fin, [...payload].join()]),
        [
          [0x20, 1, false, '99,98'],
          [0, 0, true, '97'],
          [0x20, 1, false, '3,2'],
          [0, 0, false, '1'],
          [0x20, 0, true, ''],
        ],
      );
    },
  );

  facts(`${role}: a raw endpoint's own RSV bits and an extension's stand side by side`, () => {
    const outgoing: ExtensionTransform['outgoing'] = (frame) => ({ ...frame, rsv1: true });
    const endpoint = endpointWith(role, { outgoing }, { raw: true, rsvBits: 0x10 }, 0x40);
    endpoint.sendFrame(toFrame(2, 'a', { rsv3: true }));
    throws(() => endpoint.sendFrame(toFrame(2, 'a', { rsv1: true })), RangeError, /RSV/);
    assert.is(unwire(takeAll(endpoint))[0]?.rsv, 0x50);
  });
}

facts('without extensions nothing rests, and nothing is told', () => {
  const endpoint = makeEndpoint({ role: 'server' });
  assert.equal([endpoint.hasExtensions, endpoint.restAfter], [false, Number.POSITIVE_INFINITY]);
  assert.equal([endpoint.rest(), endpoint.release()], [[], []]);
});
facts.run();

const limits = suite('endpoint · limits behind permessage-deflate');

const SIZE = 100_000;

for (const role of roles) {
  const receiver = (maxMessageSize: number, options: SideOptions = {}) => {
    const side = { ...options, limits: { maxMessageSize } };
    return pairEndpoints([permessageDeflate()], [permessageDeflate()], { server: side, client: side })[role];
  };
  const compressed = (content: Uint8Array): Uint8Array => new PeerDeflater().message(content);

  limits(`${role}: maxMessageSize counts inflated bytes: one over it is 1009, exactly as many pass`, () => {
    const payload = compressed(new Uint8Array(SIZE));
    const frame = wires(role, { opcode: 2, rsv: 0x40, payload });
    assert.is(contentOf(receiver(SIZE).receive(frame.slice()))?.byteLength, SIZE);
    const [event] = receiver(SIZE - 1).receive(frame);
    assert.equal(event?.type === 'fault' && [event.fault.code, event.fault.closeCode], [
      'ERR_WS_MESSAGE_TOO_LONG',
      1009,
    ]);
  });

  limits(`${role}: it counts over all fragments, and over BFINAL`, () => {
    const half = compressed(new Uint8Array(SIZE / 2));
    const final = new PeerDeflater().finalMessage(new Uint8Array(SIZE / 2), false);
    for (const maxMessageSize of [SIZE, SIZE - 1]) {
      const endpoint = receiver(maxMessageSize);
      const frames = [
        { opcode: 2, rsv: 0x40, fin: false, payload: final },
        { opcode: 0, payload: half },
      ];
      const [event] = endpoint.receive(wires(role, ...frames));
      assert.is(event?.type, maxMessageSize === SIZE ? 'message' : 'fault');
    }
  });

  limits(`${role}: beyond the limit nothing more is inflated, and nothing is retained`, () => {
    const payload = compressed(new Uint8Array(50 * 2 ** 20));
    const endpoint = receiver(SIZE);
    let most = 0;
    const events = endpoint.receive(wires(role, { opcode: 2, rsv: 0x40, payload }), false, 1000);
    for (let calls = 0; endpoint.hasUnread; calls++) {
      assert.ok(calls < (2 * SIZE) / 1000, 'it stops where the limit is');
      events.push(...endpoint.resume(1000));
      most = Math.max(most, endpoint.retained);
    }
    assert.equal(
      events.map(({ type }) => type),
      ['fault'],
    );
    assert.ok(most < SIZE + 100_000, `${most} bytes retained`);
    endpoint.release();
    assert.is(endpoint.retained, 0);
  });

  limits(`${role}: a compressed frame a little longer than the limit, whose message is within it, passes`, () => {
    const content = new Random().bytes(SIZE);
    const payload = compressed(content);
    assert.ok(payload.byteLength > SIZE);
    const events = receiver(SIZE).receive(wires(role, { opcode: 2, rsv: 0x40, payload }));
    assert.ok(Buffer.compare(contentOf(events) as Uint8Array, content) === 0);
    // One that is not compressed has no such room.
    const [event] = receiver(SIZE).receive(wires(role, { opcode: 2, payload }));
    assert.is(event?.type === 'fault' && event.fault.code, 'ERR_WS_FRAME_TOO_LONG');
    // Nor one that is far longer than it could be.
    const [far] = receiver(SIZE).receive(wires(role, { opcode: 2, rsv: 0x40, payload: new Uint8Array(SIZE * 1.2) }));
    assert.is(far?.type === 'fault' && far.fault.code, 'ERR_WS_FRAME_TOO_LONG');
  });

  limits(`${role}: streamed messages have no limit, and come in pieces no longer than the budget`, () => {
    const random = new Random();
    const content = prose(random, SIZE * 3);
    const endpoint = receiver(10, { streamed: true });
    const events = endpoint.receive(wires(role, { opcode: 1, rsv: 0x40, payload: compressed(content) }), false, 999);
    while (endpoint.hasUnread) events.push(...endpoint.resume(999));
    assert.ok(events.every((event) => event.type === 'piece' && event.piece.bytes.byteLength <= 999));
    assert.ok(Buffer.compare(contentOf(events) as Uint8Array, content) === 0);
  });

  limits(`${role}: a raw endpoint holds each inflated frame against maxFrameSize`, () => {
    const [small, large] = [SIZE, SIZE + 1].map((size) => compressed(new Uint8Array(size)));
    const good = receiver(SIZE, { raw: true }).receive(
      wires(role, { opcode: 2, rsv: 0x40, payload: small as Uint8Array }),
    );
    assert.is(contentOf(good)?.byteLength, SIZE);
    const [event] = receiver(SIZE, { raw: true }).receive(
      wires(role, { opcode: 2, rsv: 0x40, payload: large as Uint8Array }),
    );
    assert.is(event?.type === 'fault' && event.fault.code, 'ERR_WS_FRAME_TOO_LONG');
  });
}

limits('a text that is cut inside a character by the budget is whole', () => {
  const text = '😀'.repeat(5000);
  const pair = pairEndpoints([permessageDeflate()], [permessageDeflate()]);
  pair.client.send(text);
  const [event] = carry(pair.client, pair.server, undefined, () => 65);
  assert.ok(event?.type === 'message' && event.message === text);
});
limits.run();
