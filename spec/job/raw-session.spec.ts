// Sessions of frames: every frame in, every frame out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LocalProtocolError } from '../../lib/error.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import type { Opcode } from '../../lib/frame/opcode.ts';
import type { RawHandler } from '../../lib/job/job.ts';
import type { RawSession } from '../../lib/job/session.ts';
import { upgrade } from '../../lib/job/upgrade.ts';
import { streams } from '../../lib/stream/streams.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, type JobSettings, masked, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

function frame(opcode: Opcode, payload: string | Uint8Array = '', more: Partial<Frame> = {}): Frame {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  return { fin: true, rsv1: false, rsv2: false, rsv3: false, opcode, payload: bytes, ...more };
}

/** A raw job whose peer is the test. */
function createRaw(settings: Omit<JobSettings, 'handler'> & { handler?: RawHandler } = {}): {
  peer: ByHand;
  session: RawSession;
} {
  const peer = new ByHand({ ...settings, raw: true } as unknown as JobSettings);
  return { peer, session: peer.job.session as unknown as RawSession };
}

const test = suite('raw session');

test('gives every frame as it came: fragments, pings, pongs, the close frame; and answers none', async () => {
  const { peer, session } = createRaw();
  const wire = [
    masked(0x01, 'Hel'),
    masked(0x89, 'p'),
    masked(0x80, 'lo'),
    masked(0x8a, 'q'),
    masked(0x88, closePayload(3000, 'bye')),
  ];
  await peer.send(join(...wire));
  const frames: Frame[] = [];
  for await (const one of session) frames.push(one);
  assert.equal(frames, [
    frame(1, 'Hel', { fin: false }),
    frame(9, 'p'),
    frame(0, 'lo'),
    frame(10, 'q'),
    frame(8, closePayload(3000, 'bye')),
  ]);
  await turns();
  assert.equal(peer.wire, []);
  await session.send(frame(8, closePayload(3000)));
  await turns();
  assert.equal([peer.wire, peer.output], [['close 3000 ""'], 'closed']);
  await peer.end();
  assert.ok((await peer.job.closed).wasClean);
});

test('sends every frame as it is, masked by role', async () => {
  for (const role of ['server', 'client'] as const) {
    const { peer, session } = createRaw({ role });
    await session.send(frame(1, 'Hel', { fin: false }));
    await session.send(frame(9, 'p'));
    await session.send(frame(0, 'lo'));
    await session.send(frame(10, ''));
    await turns();
    assert.equal(peer.wire, ['text… "Hel"', 'ping 70', 'continuation "lo"', 'pong ']);
    assert.is(((peer.chunks[0]?.[1] ?? 0) & 0x80) !== 0, role === 'client');
  }
});

test('the mask of what comes is checked by role all the same', async () => {
  const server = createRaw();
  await server.peer.send(unmasked(0x81, 'x'));
  assert.ok(server.peer.wire[0]?.startsWith('close 1002'));
  const client = createRaw({ role: 'client' });
  await client.peer.send(masked(0x81, 'x'));
  assert.ok(client.peer.wire[0]?.startsWith('close 1002'));
});

test('RSV bits pass both ways for who owns them, and only those', async () => {
  const { peer, session } = createRaw({ rsvBits: 0x40 });
  await peer.send(masked(0xc1, 'x'));
  assert.equal(await session.receive(), frame(1, 'x', { rsv1: true }));
  await session.send(frame(2, 'y', { rsv1: true }));
  await rejects(session.send(frame(2, 'y', { rsv2: true })), RangeError, /RSV/);
  await turns();
  assert.is(peer.chunks[0]?.[0], 0xc2);
  await peer.send(masked(0xa1, 'x'));
  assert.ok(peer.wire.at(-1)?.startsWith('close 1002'));
  throws(() => new ByHand({ rsvBits: 0x40 }), RangeError);
  throws(() => createRaw({ rsvBits: 0x80 }), RangeError);
});

test('readable and writable are streams of frames', async () => {
  const { TransformStream } = streams();
  const { peer, session } = createRaw();
  const answer = new TransformStream<Frame, Frame>({
    transform(one, controller) {
      if (one.opcode === 9) controller.enqueue(frame(10, one.payload));
      else controller.enqueue(one);
    },
  });
  const piped = session.readable.pipeThrough(answer).pipeTo(session.writable);
  await peer.send(join(masked(0x89, 'p'), masked(0x81, 'x'), masked(0x88, closePayload(1001))));
  await turns(20);
  await peer.end();
  assert.equal(peer.wire, ['pong 70', 'text "x"', 'close 1001 ""']);
  await piped;
});

test('a frame that must not be sent is refused, and nothing is sent', async () => {
  const { peer, session } = createRaw();
  await rejects(session.send('text' as never), TypeError);
  await rejects(session.send(undefined as never), TypeError);
  await rejects(session.send(frame(9, new Uint8Array(126))), RangeError);
  await rejects(session.send(frame(9, '', { fin: false })), RangeError);
  await rejects(session.send(frame(3 as never, '')), RangeError);
  await rejects(session.send(frame(8, Uint8Array.of(1))), RangeError);
  await rejects(session.send(frame(8, closePayload(1005))), RangeError);
  await turns();
  assert.equal(peer.wire, []);
});

test('after a close frame of its own nothing more is sent', async () => {
  const { peer, session } = createRaw();
  await session.send(frame(8, closePayload(1000)));
  await rejects(session.send(frame(1, 'x')), LocalProtocolError, 'ERR_WS_CLOSED');
  assert.is(peer.job.state, 'closing');
  await peer.clock.turn(5000);
  const info = await peer.job.closed;
  assert.equal([info.wasClean, info.sent?.closeCode], [false, 1000]);
});

test('the handler’s end closes, and answers a close frame that it has not answered', async () => {
  const returned = createRaw({ handler: () => {} });
  await turns();
  assert.equal(returned.peer.wire, ['close 1000 ""']);
  const answered = createRaw({
    handler: async (session) => {
      for await (const one of session) if (one.opcode === 8) return;
    },
  });
  await answered.peer.send(masked(0x88, closePayload(3001)));
  assert.equal(answered.peer.wire, ['close 3001 ""']);
});

test('nobody who answers the close frame: it is answered after the close time-out', async () => {
  const { peer } = createRaw();
  await peer.send(masked(0x88, closePayload(3001)));
  await peer.clock.turn(4999);
  assert.equal(peer.wire, []);
  await peer.clock.turn(1);
  assert.equal(peer.wire, ['close 3001 ""']);
});

test('limits of frames hold, and texts are not checked', async () => {
  const { peer, session } = createRaw({ limits: { maxFrameSize: 10 } });
  await peer.send(masked(0x81, Uint8Array.of(0xff)));
  assert.equal((await session.receive())?.payload, Uint8Array.of(0xff));
  await peer.send(masked(0x82, new Uint8Array(11)));
  assert.ok(peer.wire[0]?.startsWith('close 1009'));
});

test('unread frames stop the reading, as unread messages do', async () => {
  const { peer } = createRaw({ limits: { queueSize: 1000, lookAhead: 500 } });
  for (let count = 0; count < 100; count++) void peer.send(masked(0x81, 'x'.repeat(36)));
  await turns(20);
  assert.ok(peer.job.session.counters.unread <= 1500);
});

test('its type is that of frames, from upgrade on', () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const job = upgrade(readable, writable, undefined, undefined, {
    raw: true,
    handler: async (session) => {
      const one: Frame | undefined = await session.receive();
      if (one !== undefined) await session.send(one);
    },
  });
  job.cancel();
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
