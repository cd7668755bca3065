// What an endpoint sends: messages, control frames; and what it refuses to send.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Slab } from '../../lib/bytes/output-queue.ts';
import { Endpoint, type EndpointOptions } from '../../lib/endpoint/endpoint.ts';
import { LocalProtocolError } from '../../lib/error.ts';
import type { Role } from '../../lib/frame/frame.ts';
import type { Message } from '../../lib/message/message.ts';
import { throws } from '../support/check.ts';
import { keysFrom, makeEndpoint, takeAll } from '../support/deliver.ts';
import { unwire } from '../support/frames.ts';
import { hex, toHex } from '../support/hex.ts';
import { Random } from '../support/random.ts';

const test = suite('endpoint · sending, RFC 6455 §6.1');

const roles: readonly Role[] = ['server', 'client'];

/** The frames that an endpoint sends: opcode, FIN and payload of each. */
function sentBy(endpoint: Endpoint): [number, boolean, string][] {
  return unwire(takeAll(endpoint)).map(({ opcode, fin, payload }) => [opcode, fin, toHex(payload)]);
}

function sends(options: EndpointOptions, message: Message, frames: readonly [number, boolean, string][]): void {
  const endpoint = makeEndpoint(options);
  endpoint.send(message);
  assert.ok(endpoint.hasOutput);
  assert.equal(sentBy(endpoint), frames);
  assert.not(endpoint.hasOutput);
}

for (const role of roles) {
  test(`${role} sends a string as a text message and bytes as a binary one`, () => {
    sends({ role }, 'Hé', [[1, true, '48 c3 a9']]);
    sends({ role }, hex('00 ff'), [[2, true, '00 ff']]);
    sends({ role }, '', [[1, true, '']]);
    sends({ role }, new Uint8Array(0), [[2, true, '']]);
    sends({ role }, Buffer.from([1, 2]), [[2, true, '01 02']]);
  });

  test(`${role} ${role === 'client' ? 'masks each frame with a key of its own' : 'masks no frame'}`, () => {
    const endpoint = makeEndpoint({ role, maskingKey: keysFrom(0xa0b0c0d0), fragmentSize: 2 });
    endpoint.send('abc');
    endpoint.ping();
    endpoint.close(1000);
    const keys = unwire(takeAll(endpoint)).map(({ maskingKey }) => maskingKey);
    assert.is(keys.length, 4);
    // A ping goes out before the messages, but its key was asked for after theirs.
    const expected = ['a0 b0 c0 d2', 'a0 b0 c0 d0', 'a0 b0 c0 d1', 'a0 b0 c0 d3'];
    assert.equal(keys, role === 'client' ? expected : [undefined, undefined, undefined, undefined]);
  });

  test(`${role} sends the same message as often as one likes`, () => {
    for (const message of ['text', hex('01 02 03'), new Random().bytes(10_000)]) {
      const endpoint = makeEndpoint({ role, maskingKey: keysFrom(0x12345678) });
      for (let count = 0; count < 3; count++) endpoint.send(message);
      const payloads = unwire(takeAll(endpoint)).map(({ payload }) => toHex(payload));
      assert.equal(payloads, Array(3).fill(toHex(typeof message === 'string' ? Buffer.from(message) : message)));
    }
  });

  test(`${role} never changes the bytes of a message, small, large or in fragments`, () => {
    for (const size of [10, 125, 4096, 4097, 100_000]) {
      for (const fragmentSize of [Number.POSITIVE_INFINITY, 5000, 100]) {
        const message = Buffer.from(new Random(size).bytes(size));
        const before = Buffer.from(message);
        const endpoint = makeEndpoint({ role, fragmentSize, maskingKey: keysFrom(0x12345678) });
        endpoint.send(message);
        const payloads = unwire(takeAll(endpoint)).map(({ payload }) => payload);
        assert.is(Buffer.compare(Buffer.concat(payloads), before), 0);
        assert.is(Buffer.compare(message, before), 0);
      }
    }
  });

  test(`${role} sends a message in fragments of the size it was told, FIN on the last`, () => {
    sends({ role, fragmentSize: 2 }, 'Hello', [
      [1, false, '48 65'],
      [0, false, '6c 6c'],
      [0, true, '6f'],
    ]);
    sends({ role, fragmentSize: 2 }, hex('01 02 03 04'), [
      [2, false, '01 02'],
      [0, true, '03 04'],
    ]);
    // The characters of a text are fewer than its bytes.
    sends({ role, fragmentSize: 3 }, '€€', [
      [1, false, 'e2 82 ac'],
      [0, true, 'e2 82 ac'],
    ]);
    sends({ role, fragmentSize: 2 }, '\ud800', [
      [1, false, 'ef bf'],
      [0, true, 'bd'],
    ]);
    sends({ role, fragmentSize: 5 }, 'Hello', [[1, true, '48 65 6c 6c 6f']]);
    sends({ role, fragmentSize: 1 }, '', [[1, true, '']]);
  });

  test(`${role} refuses a fragment size that is no positive integer`, () => {
    for (const fragmentSize of [0, -1, 1.5, Number.NaN]) {
      throws(() => makeEndpoint({ role, fragmentSize }), RangeError, /fragment/);
    }
  });

  test(`${role} sends pings and pongs of up to 125 bytes`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.ping();
    endpoint.ping(hex('01 02'));
    endpoint.pong();
    endpoint.pong(new Uint8Array(125));
    assert.equal(
      unwire(takeAll(endpoint)).map(({ opcode, fin, payload }) => [opcode, fin, payload.byteLength]),
      [
        [9, true, 0],
        [9, true, 2],
        [10, true, 0],
        [10, true, 125],
      ],
    );
  });

  test(`${role} has copied the payload of a ping: the caller's may change afterwards`, () => {
    const endpoint = makeEndpoint({ role });
    const payload = hex('01 02');
    endpoint.ping(payload);
    payload.fill(0);
    assert.equal(sentBy(endpoint), [[9, true, '01 02']]);
  });

  test(`${role} counts what is queued, pings and the close frame too: bytes, and 64 for each frame`, () => {
    const endpoint = makeEndpoint({ role });
    const overhead = 64 + (role === 'client' ? 4 : 0);
    assert.is(endpoint.queued, 0);
    endpoint.send('abc');
    assert.is(endpoint.queued, 2 + 3 + overhead);
    endpoint.ping(hex('01'));
    assert.is(endpoint.queued, 2 + 3 + overhead + (2 + 1 + overhead));
    assert.ok(endpoint.hasControlOutput);
    endpoint.send(new Uint8Array(70_000));
    endpoint.close(1000);
    const queued = 2 + 3 + overhead + (2 + 1 + overhead) + (10 + 70_000 + overhead) + (4 + overhead);
    assert.is(endpoint.queued, queued);
    const first = endpoint.takeOutput([], 1);
    assert.is(endpoint.queued, queued - first, 'takeOutput returns what it took of that');
    assert.is(endpoint.takeOutput([]), queued - first);
    assert.is(endpoint.queued, 0);
  });

  test(`${role} sends its close frame as the last bytes, behind a message of 65,535 bytes`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.send(new Uint8Array(65_535));
    endpoint.close(1000);
    throws(() => endpoint.send('late'), LocalProtocolError, 'ERR_WS_CLOSED');
    const bytes = takeAll(endpoint);
    assert.ok(toHex(bytes.slice(-8)).endsWith(role === 'server' ? '88 02 03 e8' : '88 82 00 00 00 00 03 e8'));
    assert.is(unwire(bytes).length, 2);
  });

  test(`${role} drops what has not been taken`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.send('abc');
    endpoint.send(new Uint8Array(10_000));
    endpoint.ping();
    endpoint.receive(role === 'server' ? hex('89 80 00 00 00 00') : hex('89 00'));
    endpoint.dropOutput();
    assert.not(endpoint.hasOutput);
    assert.is(endpoint.queued, 0);
    assert.is(takeAll(endpoint).byteLength, 0);
  });

  test(`${role} leaves what was taken as it is when more is sent`, () => {
    const endpoint = makeEndpoint({ role, maskingKey: keysFrom(0x12345678) });
    const taken: [Uint8Array, Uint8Array][] = [];
    for (let index = 0; index < 200; index++) {
      endpoint.send(`message ${index}`);
      endpoint.send(new Uint8Array(index * 40).fill(index));
      if (index % 3 === 0) endpoint.ping(Uint8Array.of(index));
      const pieces: Uint8Array[] = [];
      endpoint.takeOutput(pieces, 100);
      for (const piece of pieces) taken.push([piece, piece.slice()]);
    }
    for (const [piece, copy] of taken) assert.is(Buffer.compare(piece, copy), 0);
  });

  // --- Misuse ------------------------------------------------------------------------------------------------------

  test(`${role} refuses a message that is neither a string nor bytes, with a TypeError, and queues nothing`, () => {
    const endpoint = makeEndpoint({ role });
    for (const message of [42, undefined, null, true, {}, [1, 2], { byteLength: 10 }, new Date(0), Symbol('x'), 1n]) {
      throws(() => endpoint.send(message as unknown as Message), TypeError, /Cannot send/);
    }
    assert.not(endpoint.hasOutput);
    assert.equal([endpoint.state, endpoint.queued], ['open', 0]);
  });

  test(`${role} sends the bytes that a view of another kind shows, no more and no fewer`, () => {
    const { buffer } = hex('01 02 03 04 05 06 07 08');
    const endpoint = makeEndpoint({ role });
    for (const view of [
      new Float32Array(buffer, 4, 1),
      new DataView(buffer, 2, 3),
      new Uint16Array(buffer, 0, 1),
      buffer,
    ]) {
      endpoint.send(view as unknown as Message);
    }
    assert.equal(sentBy(endpoint), [
      [2, true, '05 06 07 08'],
      [2, true, '03 04 05'],
      [2, true, '01 02'],
      [2, true, '01 02 03 04 05 06 07 08'],
    ]);
  });

  test(`${role} refuses a ping or pong whose payload is no Uint8Array with a TypeError, and queues nothing`, () => {
    const endpoint = makeEndpoint({ role });
    // A number became that many bytes of uninitialised memory once (CVE-2016-10518).
    for (const payload of [10, 'text', null, {}, [1], new Float32Array(3), new ArrayBuffer(3), { byteLength: 3 }]) {
      throws(() => endpoint.ping(payload as unknown as Uint8Array), TypeError, /Cannot send/);
      throws(() => endpoint.pong(payload as unknown as Uint8Array), TypeError, /Cannot send/);
    }
    assert.not(endpoint.hasOutput);
  });

  test(`${role} refuses a ping or pong of 126 bytes with a RangeError, and queues nothing`, () => {
    const endpoint = makeEndpoint({ role });
    throws(() => endpoint.ping(new Uint8Array(126)), RangeError, /126 bytes/);
    throws(() => endpoint.pong(new Uint8Array(126)), RangeError, /126 bytes/);
    assert.not(endpoint.hasOutput);
    assert.is(endpoint.state, 'open');
  });

  test(`${role} refuses to send after its close frame, with ERR_WS_CLOSED, and queues nothing`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.close(1000);
    takeAll(endpoint);
    throws(() => endpoint.send('late'), LocalProtocolError, 'ERR_WS_CLOSED');
    throws(() => endpoint.ping(), LocalProtocolError, 'ERR_WS_CLOSED');
    throws(() => endpoint.pong(), LocalProtocolError, 'ERR_WS_CLOSED');
    assert.not(endpoint.hasOutput);
    assert.is(endpoint.state, 'close-sent');
  });

  test(`${role} never mixes its frames with those of others that share its slab`, () => {
    const slab = new Slab();
    const random = new Random();
    const lines = Array.from({ length: 4 }, (_, index) => {
      const endpoint = makeEndpoint({ role, slab, maskingKey: keysFrom(index << 24) });
      return { endpoint, sent: [] as string[], taken: [] as Uint8Array[] };
    });
    for (let count = 0; count < 2000; count++) {
      const line = random.pick(lines);
      const message = `${lines.indexOf(line)}/${count} ${'x'.repeat(random.below(random.pick([10, 130, 3000])))}`;
      line.endpoint.send(message);
      line.sent.push(message);
      if (random.below(5) === 0) line.endpoint.takeOutput(line.taken, random.below(2000));
    }
    for (const { endpoint, sent, taken } of lines) {
      endpoint.takeOutput(taken);
      const texts = unwire(Buffer.concat(taken)).map(({ payload }) => Buffer.from(payload).toString());
      assert.equal(texts, sent);
    }
  });
}

test('client sends nothing and stays as it is when its source of masking keys throws', () => {
  const endpoint = new Endpoint({
    role: 'client',
    maskingKey: () => {
      throw new Error('no entropy');
    },
  });
  throws(() => endpoint.send('a'), Error, /no entropy/);
  throws(() => endpoint.ping(), Error, /no entropy/);
  throws(() => endpoint.close(1000), Error, /no entropy/);
  assert.equal([endpoint.state, endpoint.hasOutput, endpoint.sent], ['open', false, undefined]);
});

test.run();
