import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { upgrade } from '../../lib/job/upgrade.ts';
import { WebSocketUpgrade } from '../../lib/job/web-socket-upgrade.ts';
import { streams } from '../../lib/stream/streams.ts';
import { claimTransport } from '../../lib/stream/transport.ts';
import { Line, type LineOptions } from '../../lib/testing/line.ts';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { throws } from '../support/check.ts';
import { FarEnd } from '../support/far-end.ts';
import { toHex } from '../support/hex.ts';
import { masked, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('testing · line');

const echo = async (session: Session): Promise<void> => {
  for await (const message of session) await session.send(message);
};

test('its ends are byte streams of the implementation that was chosen, always the same ones', () => {
  const line = new Line();
  const { ReadableStream, WritableStream } = streams();
  for (const end of [line.server, line.client]) {
    assert.instance(end.readable, ReadableStream);
    assert.instance(end.writable, WritableStream);
  }
  assert.is(line.server, line.server);
  assert.is(line.client, line.client);
});

test('options hold for both links, and those of one link for that', () => {
  const clock = new TestClock();
  const line = new Line({ clock, link: { bufferSize: 10, latency: 5 }, toClient: { bufferSize: 20 } });
  assert.is(line.clock, clock);
  throws(() => new Line({ link: { bufferSize: 0 } }), RangeError, /bufferSize/);
  throws(() => new Line({ toServer: { chunkSize: 0 } }), RangeError, /chunkSize/);
  throws(() => new Line({ over: 'wire' } as unknown as LineOptions), TypeError, /"wire"/);
});

test('both links are set, stalled, silenced and restored by one call', async () => {
  const line = new Line();
  const [server, client] = [new FarEnd(line.server), new FarEnd(line.client)];
  for (const end of [server, client]) end.read();
  const exchange = async (): Promise<number[]> => {
    for (const end of [server, client]) end.write(new Uint8Array(2));
    await line.clock.settled();
    return [server.length, client.length];
  };
  assert.equal(await exchange(), [2, 2]);
  line.stall();
  assert.equal(await exchange(), [2, 2]);
  line.restore();
  await line.clock.settled();
  assert.equal([server.length, client.length], [4, 4]);
  line.silence();
  assert.equal(await exchange(), [4, 4]);
  line.restore();
  assert.equal(await exchange(), [6, 6]);
  line.set({ chunkSize: 1 });
  assert.equal(await exchange(), [8, 8]);
  assert.equal(
    [server.sizes.slice(-2), client.sizes.slice(-2)],
    [
      [1, 1],
      [1, 1],
    ],
  );
  assert.is(line.isClosed, false);
});

for (const over of ['transport', 'streams'] as const) {
  test(`a peer is played by hand, byte by byte, against a job over ${over}`, async () => {
    const line = new Line({ over });
    const { readable, writable } = line.server;
    const job = upgrade(readable, writable, { clock: line.clock }, undefined, { handler: echo });
    const peer = new FarEnd(line.client);
    peer.read();
    for (const byte of masked(0x81, 'Hi')) {
      peer.write(Uint8Array.of(byte));
      await line.clock.settled();
    }
    assert.is(toHex(Uint8Array.from(peer.bytes)), toHex(unmasked(0x81, 'Hi')));
    peer.write(masked(0x88, Uint8Array.of(0x03, 0xe8)));
    await line.clock.settled();
    assert.is(toHex(Uint8Array.from(peer.bytes).slice(4)), '88 02 03 e8');
    assert.is(peer.state, 'ended');
    void peer.writer.close();
    await line.clock.settled();
    assert.ok((await job.closed).wasClean);
    assert.equal([line.isClosed, line.clock.pending], [true, 0]);
  });

  const how = over === 'transport' ? 'has the line directly' : 'reads and writes the streams';
  test(`over ${over} the engine ${how}`, () => {
    const { server, client } = new Line({ over });
    for (const { readable, writable } of [server, client]) {
      assert.is(claimTransport(readable, writable) !== undefined, over === 'transport');
    }
  });
}

test('the opening handshake is tried out over it', async () => {
  const line = new Line();
  const headers = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const head = { method: 'GET', url: '/echo', headers: Object.entries(headers) };
  const opening = new WebSocketUpgrade(head, { localAddress: '127.0.0.1' }, echo);
  assert.is(opening.status, 101);
  const job = opening.upgrade(line.server.readable, line.server.writable, { clock: line.clock });
  const client = upgrade(line.client.readable, line.client.writable, { clock: line.clock }, undefined, {
    role: 'client',
  });
  void client.session.send('hello');
  assert.is(await client.session.receive(), 'hello');
  void client.session.close();
  assert.is((await job.closed).closeCode, 1000);
});

test('a clock that several lines share settles when all of them have', async () => {
  const clock = new TestClock();
  const lines = [new Line({ clock, link: { chunkSize: 1 } }), new Line({ clock, link: { chunkSize: 1 } })];
  const ends = lines.map((line) => {
    const far = new FarEnd(line.client);
    far.read();
    new FarEnd(line.server).write(new Uint8Array(500));
    return far;
  });
  await clock.settled();
  assert.equal(
    ends.map(({ length }) => length),
    [500, 500],
  );
});

test('nothing has escaped in all of this', () => {
  assert.equal(seen, []);
});

test.run();
