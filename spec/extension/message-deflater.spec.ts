// The sending side of permessage-deflate: RFC 7692 §6.1 and §7.2.1. What is sent is read by zlib's public functions, with the window that a peer has.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CodecPool } from '../../lib/extension/codec-pool.ts';
import type { CodecStream } from '../../lib/extension/deflate-codec.ts';
import { MessageDeflater, type OutgoingMessage } from '../../lib/extension/message-deflater.ts';
import { throws } from '../support/check.ts';
import { prose } from '../support/deflate-blocks.ts';
import { Deflating, deflaterPool } from '../support/deflating.ts';
import { toFrame } from '../support/extensions.ts';
import { hex, toHex } from '../support/hex.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const bytes = (content: string): Uint8Array => Uint8Array.from(Buffer.from(content));
const isSame = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

const form = suite('message-deflater · form, RFC 7692 §7.2.1 and §7.2.3');

form('a message is compressed as the examples have it, the tail left out (§7.2.3.1 and §7.2.3.2)', () => {
  const deflating = new Deflating();
  const first = deflating.send(bytes('Hello'));
  assert.is(toHex(first.frames[0]?.payload as Uint8Array), 'f2 48 cd c9 c9 07 00');
  const second = deflating.send(bytes('Hello'));
  assert.ok(second.size < first.size, 'it refers to the first');
  assert.is(Buffer.from(second.content).toString(), 'Hello');
});

form('without context takeover the same message is the same bytes', () => {
  const deflating = new Deflating({ hasContextTakeover: false });
  for (let count = 0; count < 3; count++) {
    assert.is(toHex(deflating.send(bytes('Hello')).frames[0]?.payload as Uint8Array), 'f2 48 cd c9 c9 07 00');
  }
});

form('an empty message that is compressed is one octet of 0 (§7.2.3.6), and changes no context', () => {
  const deflating = new Deflating();
  deflating.send(bytes('Hello'));
  const empty = deflating.send(new Uint8Array(0), { compress: true });
  assert.equal([empty.isCompressed, toHex(empty.frames[0]?.payload as Uint8Array)], [true, '00']);
  assert.ok(deflating.send(bytes('Hello')).size < 7);
});

form('each fragment can be read when it comes: it ends at a byte, and the last has no tail', () => {
  const random = new Random();
  for (const hasContextTakeover of [true, false]) {
    const deflating = new Deflating({ hasContextTakeover });
    for (let count = 0; count < 30; count++) {
      const content = prose(random, 1 + random.below(3000));
      const parts = random.split(content, 400);
      const empties = [new Uint8Array(0), ...parts, new Uint8Array(0)];
      const {
        frames,
        content: read,
        isCompressed,
      } = deflating.send(random.pick([parts, empties, [content]]), { compress: true });
      assert.ok(isCompressed && isSame(read, content));
      for (const { payload, fin } of frames) {
        if (fin) continue;
        assert.ok(payload.byteLength === 0 || isSame(payload.subarray(-4), hex('00 00 ff ff')), 'flushed');
      }
    }
  }
});

form('a message of nothing but empty fragments is empty', () => {
  for (const count of [1, 2, 5]) {
    const parts = Array.from({ length: count }, () => new Uint8Array(0));
    assert.is(new Deflating().send(parts, { compress: true }).content.byteLength, 0);
  }
});

form('long messages go through it in parts, of random bytes as well as of zeros', () => {
  const random = new Random();
  const most = sized(1, 16) * 2 ** 20;
  for (const hasContextTakeover of [true, false]) {
    const deflating = new Deflating({ hasContextTakeover });
    for (const size of [65_535, 65_536, 65_537, 131_072, 200_000, most]) {
      for (const content of [
        new Uint8Array(size),
        prose(random, size),
        new Uint8Array(Buffer.alloc(size, random.bytes(40_000))),
      ]) {
        assert.ok(isSame(deflating.send(content).content, content), `${size}`);
      }
    }
  }
});

form('what does not compress grows by little, with the least memory too', () => {
  const content = new Random().bytes(300_000);
  for (const memoryLevel of [1, 8, 9]) {
    for (const level of [0, 1, 6, 9]) {
      const { size, content: read } = new Deflating({ memoryLevel, level }).send(content);
      assert.ok(isSame(read, content));
      assert.ok(size < content.byteLength * 1.06, `${size} with memory level ${memoryLevel}`);
    }
  }
});

for (let windowBits = 9; windowBits <= 15; windowBits++) {
  form(`with a window of ${windowBits} bits it refers no further back than a peer's window reaches`, () => {
    const random = new Random();
    const size = 1 << windowBits;
    const deflating = new Deflating({ windowBits });
    const block = random.bytes(size);
    for (let count = 0; count < 6; count++) {
      for (const content of [block, block.subarray(0, size - 300), block.subarray(100)]) {
        assert.ok(isSame(deflating.send(content).content, content));
      }
    }
  });
}
form.run();

const choice = suite('message-deflater · which messages');

const noise = (size: number): Uint8Array => new Random(size).bytes(size);

choice('shorter messages than the threshold are sent as they are', () => {
  const deflating = new Deflating({ threshold: 100 });
  const frame = toFrame(1, 'x'.repeat(99));
  assert.is(deflating.deflater.send(frame, {}), frame, 'the very frame');
  assert.is(deflating.send(bytes('x'.repeat(100))).isCompressed, true);
  assert.is(new Deflating({ threshold: 0 }).send(new Uint8Array(0)).isCompressed, true);
});

choice('of a message that is sent as it is made nobody knows the length: the threshold does not hold', () => {
  const { isCompressed, content } = new Deflating({ threshold: 1000 }).send([bytes('ab'), bytes('c')]);
  assert.equal([isCompressed, Buffer.from(content).toString()], [true, 'abc']);
});

choice('one that has not become smaller is sent as it is, and the message behind it is understood', () => {
  const random = new Random();
  const deflating = new Deflating({ onlyIfSmaller: true });
  const known = prose(random, 2000);
  assert.ok(deflating.send(known).isCompressed);
  for (const size of [0, 1, 5, 300, 70_000]) {
    const { isCompressed, content } = deflating.send(noise(size));
    assert.not(isCompressed);
    assert.ok(isSame(content, noise(size)));
    // Whatever the noise has brought into the window is unknown to the peer.
    for (const next of [noise(size), known]) assert.ok(isSame(deflating.send(next).content, next));
  }
});

choice('without onlyIfSmaller it is compressed all the same, and known afterwards', () => {
  const deflating = new Deflating({ onlyIfSmaller: false });
  const first = deflating.send(noise(1000));
  assert.ok(first.isCompressed && first.size > 1000);
  assert.ok(deflating.send(noise(1000)).size < 100);
});

choice('of a message in fragments the first one tells whether it pays, if it is long enough to tell', () => {
  const text = bytes('x'.repeat(5000));
  const long = new Deflating({ onlyIfSmaller: true });
  assert.not(long.send([noise(1024), text]).isCompressed);
  assert.ok(long.send([text, noise(1024)]).isCompressed);
  assert.ok(new Deflating({ onlyIfSmaller: true }).send([noise(1023), text]).isCompressed);
  assert.ok(isSame(long.send([noise(2000), noise(10)]).content, Buffer.concat([noise(2000), noise(10)])));
  assert.ok(isSame(long.send(text).content, text));
});

choice('compressIf decides behind the threshold, and sees type, bytes and whether they are all', () => {
  const seen: [string, string, boolean][] = [];
  const compressIf = ({ type, bytes: payload, isWhole }: OutgoingMessage): boolean => {
    seen.push([type, Buffer.from(payload).toString(), isWhole]);
    return payload[0] === 0x79;
  };
  const deflating = new Deflating({ threshold: 3, compressIf });
  const sent = [
    deflating.send(bytes('no')),
    deflating.send(bytes('noo')),
    deflating.send(bytes('yes'), {}, 1),
    deflating.send([bytes('y'), bytes('no')]),
    deflating.send([bytes('n'), bytes('yes')], {}, 1),
  ];
  assert.equal(
    sent.map(({ isCompressed }) => isCompressed),
    [false, false, true, true, false],
  );
  assert.equal(seen, [
    ['binary', 'noo', true],
    ['text', 'yes', true],
    ['binary', 'y', false],
    ['text', 'n', false],
  ]);
});

choice('what compressIf throws is thrown, and the next message is understood', () => {
  let throwing = false;
  const compressIf = (): boolean => {
    if (throwing) throw new RangeError('mine');
    return true;
  };
  const deflating = new Deflating({ compressIf });
  deflating.send(bytes('Hello'));
  throwing = true;
  throws(() => deflating.send(bytes('Hello')), RangeError, /mine/);
  throwing = false;
  assert.is(Buffer.from(deflating.send(bytes('Hello')).content).toString(), 'Hello');
});

choice('what a send says goes before threshold and compressIf, in both directions', () => {
  const never = new Deflating({ threshold: 1000, compressIf: () => false });
  assert.ok(never.send(bytes('short'), { compress: true }).isCompressed);
  const always = new Deflating({ compressIf: () => true });
  assert.not(always.send(bytes('long enough'), { compress: false }).isCompressed);
  assert.not(always.send([bytes('a'), bytes('b')], { compress: false }).isCompressed);
  assert.ok(always.send(bytes('undefined'), { compress: undefined }).isCompressed);
});

choice('what is not compressed is neither looked at nor brought into the window', () => {
  const deflating = new Deflating({ threshold: 10 });
  deflating.send(bytes('abcabcabcabc'));
  deflating.send(noise(2000), { compress: false });
  assert.ok(deflating.send(noise(2000)).size > 2000, 'it is new to the window');
});
choice.run();

const sharing = suite('message-deflater · contexts that come and go');

sharing('one that has rested, or whose stream was taken away, starts anew, and the peer still understands', () => {
  const pool = deflaterPool(1);
  const [one, other] = [new Deflating({ pool }), new Deflating({ pool })];
  const full = one.send(bytes('Hello')).size;
  assert.ok(one.send(bytes('Hello')).size < full);
  one.deflater.rest();
  assert.is(one.send(bytes('Hello')).size, full, 'it does not refer to what was before');
  assert.ok(one.send(bytes('Hello')).size < full);
  assert.is(other.send(bytes('Hello')).size, full, 'nor to what another has sent');
  assert.is(one.send(bytes('Hello')).size, full);
  assert.is(pool.size, 1);
});

sharing('in the middle of a message it keeps its stream, and retains what that holds', () => {
  const pool = deflaterPool(1);
  const [one, other] = [new Deflating({ pool }), new Deflating({ pool })];
  const { deflater } = one;
  assert.is(deflater.retained, 0);
  deflater.send(toFrame(2, 'Hel', { fin: false }), {});
  deflater.rest();
  assert.equal([deflater.retained, pool.size], [1000, 1]);
  other.send(bytes('World'));
  assert.is(pool.size, 1, 'the other one is over');
  deflater.send(toFrame(0, 'lo'), {});
  assert.equal([deflater.retained, pool.size], [0, 1]);
});

sharing('closed, it frees its stream, in the middle of a message too', () => {
  const pool = deflaterPool(4);
  const [one, other] = [new Deflating({ pool }), new Deflating({ pool })];
  one.deflater.send(toFrame(2, 'Hel', { fin: false }), {});
  other.send(bytes('World'));
  one.deflater.close();
  assert.equal([one.deflater.retained, pool.size > 0], [0, true]);
  other.deflater.close();
  other.deflater.close();
  assert.is(pool.size, 0);
});

for (const hasContextTakeover of [true, false]) {
  const name = hasContextTakeover ? 'with' : 'without';
  sharing(`1,000 messages ${name} context takeover of five connections with two streams, at random`, () => {
    const random = new Random();
    const pool = deflaterPool(2, 10);
    const make = () =>
      new Deflating({ pool, windowBits: 10, hasContextTakeover, onlyIfSmaller: random.below(2) === 0 });
    const sides = Array.from({ length: 5 }, make);
    for (let count = 0; count < 1000; count++) {
      const side = random.pick(sides);
      const content = random.below(4) === 0 ? random.bytes(random.below(2000)) : prose(random, random.below(2000));
      const parts = random.below(3) === 0 ? random.split(content, 1500) : [content];
      const hints = random.pick([{}, {}, {}, { compress: false }, { compress: true }]);
      const sent = side.send(parts.length === 0 ? [content] : parts, hints);
      assert.ok(isSame(sent.content, content), `message ${count}`);
      if (random.below(5) === 0) side.deflater.rest();
      assert.ok(pool.size <= 2);
    }
    for (const { deflater } of sides) deflater.close();
    assert.is(pool.size, 0);
  });
}
sharing.run();

const codecs = suite('message-deflater · other codecs');

/** Gives each byte so many times, in an output that is filled to its end; then the marker of a flush. */
class Growing implements CodecStream {
  read = 0;
  written = 0;
  readonly #times: number;
  #waiting: number[] = [];

  constructor(times: number) {
    this.#times = times;
  }

  run(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number, to: number): boolean {
    for (let index = start; index < end; index++) {
      for (let time = 0; time < this.#times; time++) this.#waiting.push(input[index] as number);
    }
    if (end > start) this.#waiting.push(0, 0, 0xff, 0xff);
    const given = this.#waiting.splice(0, to - from);
    output.set(given, from);
    this.read = end - start;
    this.written = given.length;
    return true;
  }

  reset(): void {}

  close(): void {}
}

function deflaterOf(stream: CodecStream): MessageDeflater {
  const lease = new CodecPool({ create: () => stream, capacity: 1 }).open();
  const options = {
    hasContextTakeover: true,
    threshold: 0,
    onlyIfSmaller: false,
    compressIf: undefined,
    streamSize: 0,
  };
  return new MessageDeflater({ lease, ...options });
}

codecs('one that fills the output is called until it has given all', () => {
  // 80 KiB is the output: filled exactly, by one more, and several times.
  for (const [size, times] of [
    [40_958, 2],
    [40_957, 2],
    [40_959, 2],
    [65_536, 9],
    [70_000, 5],
    [81_916, 1],
  ] as const) {
    const { payload } = deflaterOf(new Growing(times)).send(toFrame(2, new Uint8Array(size).fill(7)), {});
    const steps = Math.ceil(size / 65_536);
    assert.is(payload.byteLength, size * times + steps * 4 - 4, `${size} times ${times}`);
    assert.is(payload.at(-1), 7, 'the tail is left out');
  }
});

codecs('one that fails is an error, not a loop without end', () => {
  class Failing extends Growing {
    override run(): boolean {
      this.read = 0;
      this.written = 0;
      return false;
    }
  }
  throws(() => deflaterOf(new Failing(1)).send(toFrame(2, 'abc'), {}), Error, /deflate/);
});
codecs.run();
