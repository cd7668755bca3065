// What any codec must do, whoever does DEFLATE in it: the vectors of RFC 7692, every option, bounds on both sides, ends, resets, and data that is none.

import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CodecStream, DeflateCodec, DeflaterOptions } from '../../lib/extension/deflate-codec.ts';
import { throws } from './check.ts';
import { kinds, same, step, tail, through, usual } from './codec-steps.ts';
import { hex, join, toHex } from './hex.ts';
import { inMiB, MiB, retainedMemory } from './memory.ts';
import { watchEscapes } from './pair.ts';
import { Random, runs, seed } from './random.ts';
import { sized } from './sized.ts';
import { turns } from './until.ts';

const hello = new TextEncoder().encode('Hello');
const levels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const memoryLevels = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const windows = [9, 10, 11, 12, 13, 14, 15];

/** Adds the tests of a codec to a suite; `other` is one by somebody else. */
export function addBattery(test: Test, codec: DeflateCodec, other: DeflateCodec): void {
  const { seen } = watchEscapes();

  function deflating<T>(use: (stream: CodecStream) => T, options: Partial<DeflaterOptions> = {}, by = codec): T {
    return using(by.createDeflater({ ...usual, ...options }), use);
  }

  function inflating<T>(use: (stream: CodecStream) => T, windowBits = 15, by = codec): T {
    return using(by.createInflater({ windowBits }), use);
  }

  // --- The vectors ---------------------------------------------------------------------------------------------------

  const vectors: readonly [section: string, what: string, payload: string][] = [
    ['7.2.3.1', 'one compressed block', 'f2 48 cd c9 c9 07 00'],
    ['7.2.3.3', 'a block with no compression', '00 05 00 fa ff 48 65 6c 6c 6f 00'],
    ['7.2.3.5', 'two blocks', 'f2 48 05 00 00 00 ff ff ca c9 c9 07 00'],
  ];
  for (const [section, what, payload] of vectors) {
    test(`${what} inflates to "Hello", whole and in pieces of any size (RFC 7692, section ${section})`, () => {
      const input = join(hex(payload), tail);
      for (let piece = 1; piece <= input.byteLength; piece++) {
        for (const room of [1, 2, 5, 6, 100]) {
          inflating((stream) => assert.equal(through(stream, input, { piece, room }), hello, `${piece} ${room}`));
        }
      }
    });
  }

  test('"Hello" deflates to one compressed block and the tail (RFC 7692, section 7.2.3.1)', () => {
    deflating((stream) => assert.is(toHex(through(stream, hello)), 'f2 48 cd c9 c9 07 00 00 00 ff ff'));
  });

  test('the second "Hello" refers to the first, and without it is no data (RFC 7692, section 7.2.3.2)', () => {
    const first = hex('f2 48 cd c9 c9 07 00 00 00 ff ff');
    const second = hex('f2 00 11 00 00 00 00 ff ff');
    deflating((stream) => {
      assert.equal(through(stream, hello), first);
      assert.equal(through(stream, hello), second);
    });
    inflating((stream) => {
      assert.equal(through(stream, first), hello);
      assert.equal(through(stream, second), hello);
      stream.reset();
      assert.is(step(stream, second).isData, false);
    });
  });

  test('a block with BFINAL ends the stream: nothing behind it is read until a reset (RFC 7692, section 7.2.3.4)', () => {
    const input = join(hex('f3 48 cd c9 c9 07 00 00'), tail);
    for (const piece of [1, 3, 12]) {
      inflating((stream) => {
        for (let round = 0; round < 3; round++) {
          const { bytes, read, isData } = step(stream, input, { piece });
          assert.equal([bytes, read, isData], [hello, 7, true]);
          assert.equal(step(stream, input), { bytes: new Uint8Array(0), read: 0, isData: true });
          stream.reset();
        }
      });
    }
  });

  test('an empty block inflates to nothing (RFC 7692, section 7.2.3.6)', () => {
    inflating((stream) => {
      assert.is(through(stream, join(hex('00'), tail)).byteLength, 0);
      assert.equal(through(stream, join(hex('f2 48 cd c9 c9 07 00'), tail)), hello);
    });
  });

  // --- Round trips ---------------------------------------------------------------------------------------------------

  test('messages of 0 B to 1 MiB of any kind go through one context, and through that of another codec', () => {
    const random = new Random();
    const sizes = [0, 1, 2, 5, 125, 126, 262, 4096, 65_535, 65_536, ...sized([100_000], [262_144, MiB])];
    for (const [deflater, inflater] of [
      [codec, codec],
      [codec, other],
      [other, codec],
    ] as const) {
      const pack = deflater.createDeflater(usual);
      const unpack = inflater.createInflater({ windowBits: 15 });
      for (const size of sizes) {
        for (const [kind, make] of Object.entries(kinds)) {
          const message = make(size, random);
          const packed = through(pack, message);
          if (size > 0) assert.equal(packed.subarray(-4), tail);
          same(through(unpack, packed), message, `${size} of ${kind}`);
        }
      }
      pack.close();
      unpack.close();
    }
  });

  test('every level, memory level and window deflates to what an inflater of that window takes', () => {
    const random = new Random();
    const message = kinds['words']?.(3000, random) as Uint8Array;
    for (const windowBits of windows) {
      for (const level of levels) {
        for (const memoryLevel of sized([memoryLevels[(windowBits + level) % 9] as number], memoryLevels)) {
          const what = `window ${windowBits}, level ${level}, memory ${memoryLevel}`;
          const packed = deflating((stream) => through(stream, message), { windowBits, level, memoryLevel });
          same(
            inflating((stream) => through(stream, packed, { room: 100 }), windowBits),
            message,
            what,
          );
        }
      }
    }
  });

  test('a deflater looks back no further than its window, and an inflater holds no more than its own', () => {
    const random = new Random();
    for (const windowBits of windows) {
      // The same noise again and again: each time at the far end of the window, or just out of reach.
      for (const distance of [(1 << windowBits) - 300, 1 << windowBits, (1 << windowBits) + 1, 40_000]) {
        const noise = random.bytes(distance);
        const message = join(noise, noise);
        const packed = deflating((stream) => through(stream, message), { windowBits });
        same(
          inflating((stream) => through(stream, packed, { room: 64 }), windowBits),
          message,
          `${windowBits}`,
        );
      }
    }
    const noise = random.bytes(20_000);
    const packed = deflating((stream) => through(stream, join(noise, noise)));
    assert.ok(packed.byteLength < 25_000);
    assert.is(inflating((stream) => step(stream, packed, { room: 64 }), 14).isData, false);
  });

  test('a window of 8 bits inflates what looks back no further (RFC 7692, section 7.1.2.1)', () => {
    // Of a window of 512 bytes zlib uses all but 262.
    const message = kinds['words']?.(10_000, new Random()) as Uint8Array;
    const packed = deflating((stream) => through(stream, message), { windowBits: 9 });
    assert.ok(packed.byteLength < 9000);
    same(
      inflating((stream) => through(stream, packed, { room: 50 }), 8),
      message,
      'window 8',
    );
  });

  // --- Bounds --------------------------------------------------------------------------------------------------------

  test('rooms of any size hold what they can, and all of it comes out in the end', () => {
    const random = new Random();
    for (const [kind, make] of Object.entries(kinds)) {
      for (const level of [0, 1, 6]) {
        const message = make(sized(1000, 20_000), random);
        for (const room of [1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65, 65_536, () => 1 + random.below(90)]) {
          const what = `${kind}, level ${level}, room ${room}`;
          const packed = deflating((stream) => through(stream, message, { room, piece: 1500 }), { level });
          assert.equal(packed.subarray(-4), tail, what);
          same(
            inflating((stream) => through(stream, packed, { room, piece: 700 })),
            message,
            what,
          );
        }
      }
    }
  });

  test('a message that is deflated byte by byte, or in any pieces, inflates to the same, and so does any split of it', () => {
    const random = new Random();
    const message = kinds['words']?.(sized(1500, 10_000), random) as Uint8Array;
    for (const piece of [1, 2, 100, 777]) {
      const packed = deflating((stream) => through(stream, message, { piece }));
      for (const part of [1, 3, 64, packed.byteLength]) {
        same(
          inflating((stream) => through(stream, packed, { piece: part })),
          message,
          `${piece} ${part}`,
        );
      }
      same(
        inflating((stream) => join(...random.split(packed, 50).map((it) => through(stream, it)))),
        message,
        'split',
      );
    }
  });

  test('where there is nothing more to read, or no room, nothing is read and written', () => {
    const output = new Uint8Array(100);
    const idle = (stream: CodecStream, end: number, to: number): void => {
      assert.is(stream.run(hello, 0, end, output, 0, to), true);
      assert.equal([stream.read, stream.written], [0, 0]);
    };
    deflating((stream) => {
      idle(stream, 5, 0);
      assert.is(through(stream, hello).byteLength, 11);
      idle(stream, 0, 100);
      idle(stream, 5, 0);
    });
    inflating((stream) => {
      idle(stream, 0, 100);
      idle(stream, 5, 0);
      through(stream, hex('f2 48 cd c9 c9 07 00 00 00 ff ff'));
      idle(stream, 0, 100);
    });
  });

  const whole = sized(16, 64) * MiB;

  test(`${inMiB(whole)} of zeros inflate in steps of 64 KiB, and nothing is held beside them`, async () => {
    const zeros = new Uint8Array(MiB);
    const packed = deflating((stream) => join(...Array.from({ length: whole / MiB }, () => through(stream, zeros))));
    assert.ok(packed.byteLength < whole / 512);
    const before = await retainedMemory();
    const stream = codec.createInflater({ windowBits: 15 });
    const output = new Uint8Array(65_536);
    let written = 0;
    let read = 0;
    do {
      assert.ok(stream.run(packed, read, packed.byteLength, output.fill(1), 0, output.byteLength));
      read += stream.read;
      written += stream.written;
      assert.is(output.subarray(0, stream.written).indexOf(1), -1);
      if (written === whole / 2) assert.ok((await retainedMemory()) - before < MiB);
    } while (stream.read + stream.written > 0);
    stream.close();
    assert.equal([read, written], [packed.byteLength, whole]);
  });

  // --- Data that is none ---------------------------------------------------------------------------------------------

  const bad: readonly [what: string, bytes: string][] = [
    ['a block of the type that is reserved', '06'],
    ['a stored block whose lengths disagree', '00 05 00 05 00'],
    ['more codes than there are', 'fc 00 00'],
    ['codes that are not complete', '04 00 fe ff'],
    ['a reference to what is not there', 'f2 00 11 00 00'],
  ];
  for (const [what, bytes] of bad) {
    test(`${what} is no DEFLATE data (RFC 1951), and the stream takes no more until a reset`, async () => {
      for (const piece of [1, 2, 100]) {
        inflating((stream) => {
          through(stream, hex('00 00 00 ff ff'));
          assert.is(step(stream, hex(bytes), { piece }).isData, false);
          assert.is(step(stream, hex('f2 48 cd c9 c9 07 00')).isData, false);
          stream.reset();
          assert.equal(through(stream, hex('f2 48 cd c9 c9 07 00')), hello);
        });
      }
      await turns(5);
      assert.equal(seen, []);
    });
  }

  test('bytes that are noise, or data with faults, never throw and never hang', async () => {
    const random = new Random();
    const stream = codec.createInflater({ windowBits: 15 });
    let refused = 0;
    const count = runs(sized(800, 20_000));
    for (let run = 0; run < count; run++) {
      const input = random.below(3) === 0 ? random.bytes(1 + random.below(300)) : withFaults(random);
      const isData = step(stream, input, { piece: 1 + random.below(400), room: random.pick([1, 9, 300, 5000]) }).isData;
      if (!isData) refused++;
      // Sometimes what is left is carried over to the next.
      if (!isData || random.below(2) === 0) stream.reset();
    }
    assert.ok(refused > count / 20, `${refused} of ${count} were refused, seed ${seed}`);
    stream.reset();
    assert.equal(through(stream, hex('f2 48 cd c9 c9 07 00')), hello);
    stream.close();
    await turns(5);
    assert.equal(seen, []);
  });

  function withFaults(random: Random): Uint8Array {
    const make = random.pick(Object.values(kinds));
    const options = { level: random.pick(levels), windowBits: random.pick(windows) };
    const packed = deflating((stream) => through(stream, make(1 + random.below(400), random)), options);
    for (let faults = 1 + random.below(4); faults > 0; faults--) {
      const at = random.below(packed.byteLength);
      packed[at] = (packed[at] as number) ^ (1 << random.below(8));
    }
    return packed;
  }

  test('a fault calls nobody in the middle of the run: what waits for its turn waits on', async () => {
    const order: string[] = [];
    queueMicrotask(() => order.push('microtask'));
    process.nextTick(() => order.push('tick'));
    inflating((stream) => assert.is(step(stream, hex('06')).isData, false));
    order.push('run');
    await turns(1);
    assert.is(order[0], 'run');
    assert.is(order.length, 3);
  });

  // --- Lives ---------------------------------------------------------------------------------------------------------

  test('a reset forgets the window and what was not finished', () => {
    const message = kinds['words']?.(4000, new Random()) as Uint8Array;
    deflating((stream) => {
      const first = through(stream, message);
      assert.ok(through(stream, message).byteLength < first.byteLength / 2);
      for (const room of [3, 50]) {
        stream.reset();
        // It refers to nothing before the reset. Its bytes may differ: which matches zlib finds depends a little on what lay in its window.
        const again = through(stream, message);
        same(
          inflating((other) => through(other, again)),
          message,
          'after a reset',
        );
        stream.run(message, 0, 4000, new Uint8Array(room), 0, room);
      }
      stream.reset();
      const last = through(stream, message);
      inflating((other) => {
        other.run(first, 0, 50, new Uint8Array(20), 0, 20);
        other.reset();
        same(through(other, last), message, 'after a reset in the middle');
        same(through(other, last), message, 'and once more');
      });
    });
  });

  test('a stream that is closed is not used again, and closing it twice is no fault', () => {
    for (const stream of [codec.createDeflater(usual), codec.createInflater({ windowBits: 15 })]) {
      through(stream, hex('00'));
      stream.close();
      stream.close();
      throws(() => stream.run(hello, 0, 5, new Uint8Array(9), 0, 9), TypeError, /closed/);
      throws(() => stream.reset(), TypeError, /closed/);
    }
  });

  test('a stream that waits holds none of the buffers that it was handed', async () => {
    const streams = [codec.createDeflater(usual), codec.createInflater({ windowBits: 15 })];
    const handed = streams.flatMap((stream) => {
      const [input, output] = [hex('00 00 00 ff ff'), new Uint8Array(100)];
      stream.run(input, 0, 5, output, 0, 100);
      return [new WeakRef(input), new WeakRef(output)];
    });
    await retainedMemory();
    assert.equal(
      handed.map((it) => it.deref()),
      [undefined, undefined, undefined, undefined],
    );
    for (const stream of streams) stream.close();
  });

  const lives = sized(600, 4000);

  for (const isClosed of [true, false]) {
    const name = isClosed ? 'closed' : 'let go of without being closed';
    test(`${2 * lives} streams that are ${name} leave nothing`, async () => {
      const live = (): void => {
        const streams = [codec.createDeflater(usual), codec.createInflater({ windowBits: 15 })];
        for (const stream of streams) {
          stream.run(hex('f2 48 cd c9 c9 07 00'), 0, 7, new Uint8Array(50), 0, 50);
          if (isClosed) stream.close();
        }
      };
      const rounds = async (count: number): Promise<void> => {
        for (let round = 0; round < count; round++) {
          live();
          if (round % 20 === 0) await turns(1);
        }
      };
      await rounds(50);
      const before = await retainedMemory();
      await rounds(lives);
      const kept = (await retainedMemory()) - before;
      assert.ok(kept < MiB, `${inMiB(kept)} are kept`);
    });
  }
}

function using<T>(stream: CodecStream, use: (stream: CodecStream) => T): T {
  try {
    return use(stream);
  } finally {
    stream.close();
  }
}
