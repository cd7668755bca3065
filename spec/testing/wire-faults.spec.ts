// What goes wrong with a link, in both directions.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { count, directions, openEnds } from '../support/far-end.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const test = suite('testing · wire, its faults');

for (const direction of directions) {
  test(`${direction}: in a stall nothing is taken and nothing arrives, and afterwards all does`, async () => {
    const { clock, link, near, far } = openEnds(direction, { latency: 10 });
    near.write(count(5));
    await clock.turn(5);
    link.stall();
    const write = near.write(count(5, 5));
    void near.writer.close();
    await clock.turn(60_000);
    assert.equal([write.state, far.length, far.state, link.state], ['waiting', 0, 'open', 'stalled']);
    link.restore();
    await clock.turn(10);
    assert.equal([write.state, far.bytes, far.state, link.state], ['taken', [...count(10)], 'ended', 'flowing']);
  });

  test(`${direction}: a stall leaves the other direction alone`, async () => {
    const { clock, link, near, far } = openEnds(direction);
    near.read();
    link.stall();
    far.write(count(5));
    await clock.settled();
    assert.is(near.length, 5);
  });

  test(`${direction}: silence swallows what is on its way and what comes, and nobody is told`, async () => {
    const { clock, link, near, far } = openEnds(direction, { latency: 10, bufferSize: 100 });
    near.write(count(5));
    await clock.turn(5);
    link.silence();
    const write = near.write(new Uint8Array(1_000_000));
    const ended = near.writer.close();
    await clock.turn(60_000);
    assert.equal([write.state, far.length, far.state, link.state], ['taken', 0, 'open', 'silent']);
    await ended;
    assert.equal([link.written, link.delivered, link.buffered, clock.pending], [1_000_005, 0, 0, 0]);
  });

  test(`${direction}: behind a silence there is a hole in the stream`, async () => {
    const { clock, link, near, far } = openEnds(direction);
    near.write(count(2));
    await clock.settled();
    link.silence();
    near.write(count(2, 2));
    await clock.settled();
    link.restore();
    near.write(count(2, 4));
    await clock.settled();
    assert.equal(far.bytes, [0, 1, 4, 5]);
  });

  test(`${direction}: a silent link swallows a reset too`, async () => {
    const { clock, link, near, far } = openEnds(direction);
    link.silence();
    far.write(count(5));
    near.destroy();
    await clock.turn(60_000);
    link.restore();
    await clock.turn(60_000);
    assert.equal([far.state, far.length, clock.pending], ['open', 0, 0]);
  });

  test(`${direction}: a direction is ended behind what is on its way, and the writer does not know`, async () => {
    const { clock, link, near, far } = openEnds(direction, { latency: 10 });
    near.read();
    near.write(count(5));
    await clock.turn(5);
    link.end();
    link.end();
    const write = near.write(new Uint8Array(1_000_000));
    await clock.turn(10);
    assert.equal([far.bytes, far.state, write.state], [[0, 1, 2, 3, 4], 'ended', 'taken']);
    far.write(count(3));
    await clock.turn(10);
    assert.equal([near.length, near.state], [3, 'open']);
  });

  test(`${direction}: an end that was written already is not told twice`, async () => {
    const { clock, link, near, far } = openEnds(direction);
    await near.writer.close();
    link.end();
    await clock.settled();
    assert.is(far.state, 'ended');
  });

  test(`${direction}: a reset fails both ends at once, and what is on its way is lost`, async () => {
    const { clock, line, near, far } = openEnds(direction, { latency: 10 });
    near.read();
    near.write(count(5));
    await clock.turn(5);
    line.reset();
    await clock.settled();
    assert.equal([near.state, far.state, far.length, line.isClosed], ['failed', 'failed', 0, true]);
    assert.equal([(near.error as { code: string }).code, near.error], ['ECONNRESET', far.error]);
    assert.is(near.write(count(1)).state, 'waiting');
    await clock.turn(100);
    assert.equal([far.length, clock.pending], [0, 0]);
    line.reset();
    line.restore();
  });

  test(`${direction}: a reset may carry another error`, async () => {
    const { clock, line, near, far } = openEnds(direction);
    near.read();
    const error = new Error('the cable is cut');
    line.reset(error);
    await clock.settled();
    assert.equal([near.error, far.error], [error, error]);
  });

  test(`${direction}: who is gone lets its last bytes and its end go out`, async () => {
    const { clock, near, far } = openEnds(direction, { latency: 10 });
    near.write(count(5));
    await clock.settled();
    near.destroy();
    await clock.turn(10);
    assert.equal([far.length, far.state], [5, 'ended']);
  });

  test(`${direction}: who is gone answers what still comes with a reset, which takes its time`, async () => {
    const { clock, line, near, far } = openEnds(direction, { latency: 10 });
    near.destroy();
    await clock.turn(10);
    assert.is(far.state, 'ended');
    far.write(count(5));
    await clock.settled();
    far.write(count(5));
    await clock.turn(9);
    assert.is(line.isClosed, false);
    await clock.turn(1);
    assert.is(far.write(count(5)).state, 'waiting');
    await clock.settled();
    assert.equal([line.isClosed, clock.pending], [true, 0]);
    const error = await far.writer.closed.catch((reason) => reason);
    assert.is(error.code, 'ECONNRESET');
  });

  test(`${direction}: who is gone and had not read all resets at once: what the other has not got is lost`, async () => {
    const { clock, line, near, far } = openEnds(direction, { latency: 10 });
    far.write(count(5));
    await clock.settled();
    near.write(new Uint8Array(10));
    await clock.settled();
    near.destroy();
    await clock.settled();
    assert.is(far.state, 'open');
    await clock.turn(10);
    assert.equal([far.state, far.length, line.isClosed, clock.pending], ['failed', 0, true, 0]);
  });

  test(`${direction}: bytes are flipped, replaced, put in and taken out at their offsets`, async () => {
    const { clock, link, near, far } = openEnds(direction, { chunkSize: 3 });
    link.flip(1);
    link.flip(2, 0x80);
    link.replace(4, Uint8Array.of(40, 50));
    link.insert(7, Uint8Array.of(70, 71));
    link.drop(8);
    near.write(count(4));
    near.write(count(6, 4));
    await clock.settled();
    assert.equal(far.bytes, [0, 0, 0x82, 3, 40, 50, 6, 70, 71, 7, 9]);
    assert.equal([link.written, link.delivered], [10, 11]);
    link.flip(link.written);
    near.write(Uint8Array.of(10));
    await clock.settled();
    assert.is(far.bytes.at(-1), 11);
  });

  test(`${direction}: a callback alters what is written, told where it stands`, async () => {
    const told: [number, number][] = [];
    const alter = (bytes: Uint8Array, offset: number): Uint8Array | undefined => {
      told.push([bytes.byteLength, offset]);
      if (offset === 0) return undefined;
      return offset === 3 ? new Uint8Array(0) : bytes.map((byte) => byte + 100);
    };
    const { clock, near, far } = openEnds(direction, { alter });
    for (const from of [0, 3, 6]) {
      near.write(count(3, from));
      await clock.settled();
    }
    assert.equal(far.bytes, [0, 1, 2, 106, 107, 108]);
    assert.equal(told, [
      [3, 0],
      [3, 3],
      [3, 6],
    ]);
  });

  for (const callback of ['tap', 'alter', 'latency', 'chunkSize'] as const) {
    test(`${direction}: a ${callback} that throws resets the line with its error`, async () => {
      const error = new Error('an assertion of the test');
      const fail = (): never => {
        throw error;
      };
      const { clock, line, near, far } = openEnds(direction, { [callback]: fail });
      near.read();
      near.write(count(5));
      await clock.settled();
      assert.equal([near.error, far.error, line.isClosed], [error, error, true]);
    });
  }
}

test('nothing has escaped in all of this', () => {
  assert.equal(seen, []);
});

test.run();
