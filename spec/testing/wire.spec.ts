// How a link carries bytes, in both directions.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { randomChunkSizes } from '../../lib/testing/chunk-sizes.ts';
import { count, directions, openEnds } from '../support/far-end.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('testing · wire');

for (const direction of directions) {
  test(`${direction}: bytes arrive in order, in chunks as they were written`, async () => {
    const { clock, link, near, far } = openEnds(direction);
    const writes = [near.write(count(3)), near.write(count(2, 3)), near.write(count(1, 5))];
    await clock.settled();
    assert.equal(far.bytes, [0, 1, 2, 3, 4, 5]);
    assert.equal(
      writes.map(({ state }) => state),
      ['taken', 'taken', 'taken'],
    );
    assert.equal([link.written, link.delivered, link.buffered, link.waiting, link.state], [6, 6, 0, 0, 'flowing']);
    assert.is(clock.now(), 0);
  });

  test(`${direction}: the other direction has its own options`, async () => {
    const { clock, near, far } = openEnds(direction, { chunkSize: 1 });
    near.read();
    near.write(count(3));
    far.write(count(3));
    await clock.settled();
    assert.equal([far.sizes, near.sizes], [[1, 1, 1], [3]]);
  });

  test(`${direction}: a chunk size cuts, with what is left at the end`, async () => {
    const { clock, near, far } = openEnds(direction, { chunkSize: 4 });
    near.write(count(10));
    await clock.settled();
    assert.equal([far.sizes, far.bytes], [[4, 4, 2], [...count(10)]]);
  });

  test(`${direction}: a function chooses each chunk, told how much there is`, async () => {
    const told: number[] = [];
    const chunkSize = (available: number): number => {
      told.push(available);
      return told.length;
    };
    const { clock, near, far } = openEnds(direction, { chunkSize });
    near.write(count(10));
    await clock.settled();
    assert.equal(
      [far.sizes, told],
      [
        [1, 2, 3, 4],
        [10, 9, 7, 4],
      ],
    );
  });

  test(`${direction}: a function that chooses nonsense gets a byte, or what there is`, async () => {
    const choices = [0, -5, 1.9, 1000];
    const { clock, near, far } = openEnds(direction, { chunkSize: () => choices.shift() ?? 1 });
    near.write(count(10));
    await clock.settled();
    assert.equal([far.sizes, far.bytes], [[1, 1, 1, 7], [...count(10)]]);
  });

  test(`${direction}: random chunks carry everything, the same way for the same seed`, async () => {
    const carry = async (): Promise<number[]> => {
      const { clock, near, far } = openEnds(direction, { chunkSize: randomChunkSizes(5, 20) });
      near.write(count(200));
      await clock.settled();
      assert.equal(far.bytes, [...count(200)]);
      return far.sizes;
    };
    assert.equal(await carry(), await carry());
  });

  test(`${direction}: what the buffer cannot take waits at the writer, and nothing is lost`, async () => {
    const { clock, link, near, far } = openEnds(direction, { bufferSize: 100 });
    far.stop();
    await clock.settled();
    near.write(count(1));
    await clock.settled();
    assert.is(far.length, 1, 'one read was pending');
    const first = near.write(count(60));
    const second = near.write(count(60));
    await clock.settled();
    assert.equal([first.state, second.state], ['taken', 'waiting']);
    assert.equal([link.buffered, link.waiting, far.length], [100, 20, 1]);
    far.read();
    await clock.settled();
    assert.equal([second.state, far.length, link.buffered, link.waiting], ['taken', 121, 0, 0]);
  });

  test(`${direction}: what waits is taken in pieces, not byte by byte as room is made`, async () => {
    let pieces = 0;
    const alter = (): undefined => void pieces++;
    const { clock, near, far } = openEnds(direction, { bufferSize: 100, chunkSize: 1, alter });
    near.write(new Uint8Array(1000));
    await clock.settled();
    assert.is(far.length, 1000);
    assert.ok(pieces <= 40, `${pieces} pieces`);
  });

  test(`${direction}: bytes on their way count in the buffer`, async () => {
    const { clock, link, near, far } = openEnds(direction, { bufferSize: 100, latency: 10 });
    const write = near.write(new Uint8Array(150));
    await clock.turn(9);
    assert.equal([write.state, link.buffered, far.length], ['waiting', 100, 0]);
    await clock.turn(1);
    assert.equal([write.state, link.buffered, far.length], ['taken', 50, 100]);
    await clock.turn(10);
    assert.is(far.length, 150);
  });

  test(`${direction}: latency is the time from the write to the arrival, by the clock`, async () => {
    const { clock, near, far } = openEnds(direction, { latency: 250 });
    near.write(count(1));
    await clock.turn(100);
    near.write(count(2));
    await clock.turn(149);
    assert.is(far.length, 0);
    await clock.turn(1);
    assert.is(far.length, 1);
    await clock.turn(99);
    assert.is(far.length, 1);
    await clock.turn(1);
    assert.equal([far.length, clock.now(), clock.pending], [3, 350, 0]);
  });

  test(`${direction}: latency may differ for each write, and nothing is overtaken`, async () => {
    const latencies = [100, 10];
    const { clock, near, far } = openEnds(direction, { latency: () => latencies.shift() ?? 0 });
    near.write(Uint8Array.of(1));
    await clock.settled();
    near.write(Uint8Array.of(2));
    await clock.turn(99);
    assert.equal(far.bytes, []);
    await clock.turn(1);
    assert.equal(far.bytes, [1, 2]);
  });

  test(`${direction}: the end takes its time too, behind the bytes`, async () => {
    const { clock, near, far } = openEnds(direction, { latency: 50 });
    near.write(count(5));
    void near.writer.close();
    await clock.turn(49);
    assert.equal([far.length, far.state], [0, 'open']);
    await clock.turn(1);
    assert.equal([far.length, far.state], [5, 'ended']);
  });

  test(`${direction}: at a rate bytes trickle, so many a second`, async () => {
    const { clock, near, far } = openEnds(direction, { bytesPerSecond: 1000 });
    near.write(new Uint8Array(2500));
    const arrived: number[] = [];
    for (let time = 0; time < 3000; time += 500) {
      await clock.turn(500);
      arrived.push(far.length);
    }
    assert.equal(arrived, [500, 1000, 1500, 2000, 2500, 2500]);
    assert.ok(far.sizes.every((size) => size === 100));
    assert.is(clock.pending, 0);
  });

  test(`${direction}: a rate and a latency add up, and time in which nothing is sent is not saved up`, async () => {
    const { clock, near, far } = openEnds(direction, { bytesPerSecond: 30, latency: 100, chunkSize: 1 });
    await clock.turn(10_000);
    near.write(count(3));
    const times: number[] = [];
    const start = clock.now();
    for (let length = 0; length < 3; length = far.length) {
      await clock.turn(clock.next ?? 0);
      if (far.length > length) times.push(Math.round(clock.now() - start));
    }
    assert.equal(times, [133, 167, 200]);
  });

  test(`${direction}: a reader that waits is not overrun when time passes`, async () => {
    const { clock, link, near, far } = openEnds(direction, { bytesPerSecond: 1000 });
    far.stop();
    near.write(new Uint8Array(1000));
    await clock.turn(60_000);
    assert.equal([far.length, link.buffered], [100, 900]);
    far.read();
    await clock.turn(899);
    assert.equal([far.length, link.buffered], [900, 100]);
    await clock.turn(1);
    assert.equal([far.length, link.buffered], [1000, 0]);
  });

  test(`${direction}: options change while bytes are on their way, and what is not named stays`, async () => {
    const { clock, link, near, far } = openEnds(direction, { chunkSize: 5, bytesPerSecond: 10 });
    near.write(count(20));
    await clock.turn(500);
    assert.equal(far.sizes, [5]);
    link.set({ bytesPerSecond: Number.POSITIVE_INFINITY });
    await clock.settled();
    assert.equal(far.sizes, [5, 5, 5, 5]);
    assert.throws(() => link.set({ chunkSize: 0 }));
    near.write(count(6));
    await clock.settled();
    assert.equal(far.sizes.slice(4), [5, 1]);
  });

  test(`${direction}: the tap sees every chunk as it arrives`, async () => {
    const seenChunks: number[][] = [];
    const { clock, link, near, far } = openEnds(direction, {
      chunkSize: 2,
      tap: (chunk) => seenChunks.push([...chunk]),
    });
    link.flip(1, 0xff);
    near.write(count(5));
    await clock.settled();
    assert.equal(seenChunks, [[0, 0xfe], [2, 3], [4]]);
    assert.equal(far.sizes, [2, 2, 1]);
  });

  test(`${direction}: bytes are copied when they are taken, and each chunk is a buffer of its own`, async () => {
    const { clock, near, far } = openEnds(direction, { chunkSize: 3 });
    far.stop();
    const bytes = count(8);
    near.write(bytes);
    await clock.settled();
    bytes.fill(99);
    far.read();
    await clock.settled();
    assert.equal(far.bytes, [...count(8)]);
    assert.is(new Set(far.chunks.map(({ buffer }) => buffer)).size, far.chunks.length);
  });
}

test('nothing has escaped in all of this', () => {
  assert.equal(seen, []);
});

test.run();
