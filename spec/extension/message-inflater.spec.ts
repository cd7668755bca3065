// The receiving side of permessage-deflate: RFC 7692 §6.2, §7.2.2 and the examples of §7.2.3. Data is made by hand or by zlib's public functions, and comes whole, byte by byte and in
// fragments, with outputs of any size.

import { constants } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RemoteProtocolError } from '../../lib/error.ts';
import { type Block, blocks, literals, message, PeerDeflater, prose, TAIL } from '../support/deflate-blocks.ts';
import { hex, join } from '../support/hex.ts';
import { Inflating, type InflatingOptions, toPiece } from '../support/inflating.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('latin1');
const bytes = (content: string): Uint8Array => Uint8Array.from(Buffer.from(content, 'latin1'));
const isSame = (left: Uint8Array | undefined, right: Uint8Array): boolean =>
  left !== undefined && Buffer.compare(left, right) === 0;

type Cut = (payload: Uint8Array) => Uint8Array[];
const bytewise: Cut = (payload) => Array.from(payload, (byte) => Uint8Array.of(byte));

/** The messages of one connection, in every way; each must come to the same. Gives that. */
function inflate(payloads: readonly Uint8Array[], options: InflatingOptions = {}): (Uint8Array | undefined)[] {
  const random = new Random();
  const ways: [string, (payload: Uint8Array) => Uint8Array[], Cut, () => number][] = [
    ['whole', (payload) => [payload], (payload) => [payload], () => 65_536],
    ['byte by byte', (payload) => [payload], bytewise, () => 65_536],
    [
      'each byte a fragment',
      (payload) => (payload.byteLength === 0 ? [payload] : bytewise(payload)),
      (payload) => [payload],
      () => 65_536,
    ],
    ['with outputs of one byte', (payload) => [payload], (payload) => [payload], () => 1],
    ['with fractions and less', (payload) => [payload], bytewise, () => random.pick([0.5, 0, -3, 1.5, 2])],
    [
      'at random',
      (payload) => [...random.split(payload, 9), new Uint8Array(0)],
      (payload) => random.split(payload, 5),
      () => 1 + random.below(20),
    ],
  ];
  const [expected, ...others] = ways.map(([name, fragment, cut, size]) => {
    const inflating = new Inflating(options);
    return { name, given: payloads.map((payload) => inflating.message(fragment(payload), cut, size)) };
  });
  for (const { name, given } of others) assert.equal(given.map(text), expected?.given.map(text), name);
  return expected?.given ?? [];
}

const texts = (...payloads: readonly Uint8Array[]): (string | undefined)[] => inflate(payloads).map(text);

const vectors = suite('message-inflater · the examples of RFC 7692 §7.2.3');

vectors('§7.2.3.1: one compressed block, in one frame and in two fragments', () => {
  assert.equal(texts(hex('f2 48 cd c9 c9 07 00')), ['Hello']);
  assert.is(text(new Inflating().message([hex('f2 48 cd'), hex('c9 c9 07 00')])), 'Hello');
});

vectors('§7.2.3.2: with context takeover the second message refers to the first', () => {
  assert.equal(texts(hex('f2 48 cd c9 c9 07 00'), hex('f2 00 11 00 00')), ['Hello', 'Hello']);
});

vectors('§7.2.3.2: without it the same message again, and one that refers back is corrupt', () => {
  const hello = hex('f2 48 cd c9 c9 07 00');
  const options = { hasContextTakeover: false };
  assert.equal(inflate([hello, hello], options).map(text), ['Hello', 'Hello']);
  assert.equal(inflate([hello, hex('f2 00 11 00 00')], options).map(text), ['Hello', undefined]);
});

vectors('§7.2.3.3: a block without compression', () => {
  assert.equal(texts(hex('00 05 00 fa ff 48 65 6c 6c 6f 00')), ['Hello']);
});

vectors('§7.2.3.4: a block with BFINAL set, and an empty one behind it', () => {
  assert.equal(texts(hex('f3 48 cd c9 c9 07 00 00')), ['Hello']);
});

vectors('§7.2.3.5: two blocks in one message', () => {
  assert.equal(texts(hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00')), ['Hello']);
});

vectors('§7.2.3.6: an empty message', () => {
  assert.equal(texts(hex('00'), hex('00'), hex('f2 48 cd c9 c9 07 00')), ['', '', 'Hello']);
});
vectors.run();

const kinds = suite('message-inflater · blocks of every kind');

const hello: Block = { fixed: literals('Hello') };
const empty: Block = { stored: new Uint8Array(0) };
const nothing: Block = { fixed: [] };
const stored: Block = { stored: bytes('Hello') };

kinds('stored, fixed and empty blocks in any order make one message', () => {
  const random = new Random();
  for (let count = 0; count < 60; count++) {
    const list = Array.from({ length: random.below(8) }, () => random.pick([hello, empty, nothing, stored]));
    const expected = 'Hello'.repeat(list.filter((block) => block === hello || block === stored).length);
    assert.equal(texts(message(...list), message({ fixed: [[1, 3]] })).slice(0, 1), [expected]);
  }
});

kinds('blocks of dynamic codes, of every level and strategy of zlib', () => {
  const random = new Random();
  const content = join(prose(random, 3000), random.bytes(300));
  const strategies = [
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_FILTERED,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
    constants.Z_FIXED,
  ];
  for (const level of [0, 1, 3, 6, 9]) {
    for (const strategy of strategies) {
      const payload = new PeerDeflater().message(content, { level, strategy });
      assert.ok(
        isSame(
          new Inflating().message([payload], bytewise, () => 100),
          content,
        ),
        `${level}, ${strategy}`,
      );
    }
  }
});

kinds('an empty block more at the end of a message, its tail left in, is nothing', () => {
  assert.equal(texts(join(message(hello), TAIL, Uint8Array.of(0))), ['Hello']);
  assert.equal(texts(blocks(hello, empty, empty, empty).subarray(0, -4), message({ fixed: [[5, 5]] })), [
    'Hello',
    'Hello',
  ]);
});

kinds('an uncompressed message passes as it is, between two whose context goes on', () => {
  const inflating = new Inflating();
  assert.is(text(inflating.message([message(hello)])), 'Hello');
  const piece = toPiece(bytes('plain'), { rsv: 0 });
  inflating.inflater.push(piece);
  assert.is(inflating.inflater.next(2), piece, 'the very piece');
  assert.is(inflating.inflater.next(2), undefined);
  assert.is(text(inflating.message([message({ fixed: [[5, 5]] })])), 'Hello');
});

for (const windowBits of [8, 9, 10, 11, 12, 13, 14, 15]) {
  kinds(`a window of ${windowBits} bits reaches back to its last byte over messages, and no further`, () => {
    const size = 1 << windowBits;
    const content = new Random().bytes(size + 100);
    const far = message({ fixed: [[size, 10]] });
    const inflating = new Inflating({ windowBits });
    inflating.message([message({ stored: content.subarray(0, 100) })]);
    inflating.message([message({ stored: content.subarray(100, 200) }, { stored: content.subarray(200) })]);
    assert.ok(isSame(inflating.message([far]), content.subarray(100, 110)));
    // The same after the stream was given up and made anew of the window alone.
    const again = new Inflating({ windowBits });
    again.message([message({ stored: content.subarray(0, 300) }, { stored: content.subarray(300) })]);
    again.inflater.rest();
    assert.ok(isSame(again.message([far]), content.subarray(100, 110)));
    if (windowBits === 15) return;
    again.inflater.rest();
    assert.is(again.message([message({ fixed: [[size + 1, 3]] })]), undefined);
    assert.is(again.fault?.code, 'ERR_WS_INVALID_DEFLATE');
  });
}
kinds.run();

const final = suite('message-inflater · BFINAL, RFC 7692 §7.2.3.4');

const last: Block = { fixed: literals('Hello'), isFinal: true };
const lastStored: Block = { stored: bytes('World'), isFinal: true };
const lastEmpty: Block = { fixed: [], isFinal: true };

final('a final block may stand anywhere in a message, and more than one', () => {
  const table: [Block[], string][] = [
    [[last], 'Hello'],
    [[last, hello], 'HelloHello'],
    [[hello, last, hello], 'HelloHelloHello'],
    [[last, last, lastStored, last], 'HelloHelloWorldHello'],
    [[lastEmpty, lastEmpty, lastEmpty], ''],
    [[lastStored, empty, lastStored, nothing], 'WorldWorld'],
  ];
  for (const [list, expected] of table) assert.equal(texts(message(...list)), [expected]);
});

final('at the end of a message the empty block may be left out', () => {
  for (const block of [last, lastStored, lastEmpty]) {
    const expected = block === last ? 'Hello' : block === lastStored ? 'World' : '';
    assert.equal(texts(blocks(block)), [expected], 'with nothing behind it');
    assert.equal(texts(message(block)), [expected], 'with an empty block behind it');
    assert.equal(texts(blocks(block), blocks(block), message(hello)), [expected, expected, 'Hello']);
  }
});

final('what comes behind a final block may refer to what was before it, in the same message and in the next', () => {
  const back: Block = { fixed: [[5, 5]] };
  assert.equal(texts(message(last, back)), ['HelloHello']);
  assert.equal(texts(message(last, { ...back, isFinal: true }, { fixed: [[10, 10]] })), ['HelloHelloHelloHello']);
  assert.equal(
    texts(blocks(last), message(back), blocks({ ...back, isFinal: true }), message(back)),
    Array(4).fill('Hello'),
  );
});

final('without context takeover too it may refer back within its message, and not beyond', () => {
  const options = { hasContextTakeover: false };
  const back: Block = { fixed: [[5, 5]] };
  const payloads = [message(last, back), blocks(last), message(last, back), message(back)];
  assert.equal(inflate(payloads, options).map(text), ['HelloHello', 'Hello', 'HelloHello', undefined]);
});

final('streams of zlib that are ended, one behind the other in each message, with a context over all of them', () => {
  const random = new Random();
  for (const hasEmptyBlock of [false, true]) {
    const inflating = new Inflating();
    const peer = new PeerDeflater();
    for (let count = 0; count < 40; count++) {
      const parts = Array.from({ length: 1 + random.below(3) }, () => prose(random, random.below(6000)));
      const payload = join(
        ...parts.map((part, at) => peer.finalMessage(part, hasEmptyBlock && at === parts.length - 1)),
      );
      const given = inflating.message(
        [payload],
        (whole) => random.split(whole, 700),
        () => 1 + random.below(3000),
      );
      assert.ok(isSame(given, join(...parts)), `message ${count}`);
      if (random.below(3) === 0) inflating.inflater.rest();
    }
  }
});

final('thousands of final blocks come in as many pieces: no call begins the stream anew more than once', () => {
  const inflating = new Inflating();
  inflating.message([message({ stored: new Random().bytes(60_000) })]);
  const count = 2000;
  assert.is(text(inflating.message([blocks(...Array<Block>(count).fill(lastEmpty))])), '');
  assert.ok(inflating.sizes.length >= count - 1, `${inflating.sizes.length} pieces`);
});
final.run();

const bounds = suite('message-inflater · bounds');

bounds('no call gives more than it is asked for, nor more than 64 KiB, however much a byte stands for', () => {
  const length = sized(4, 64) * 2 ** 20;
  const payload = new PeerDeflater().message(new Uint8Array(length));
  assert.ok(payload.byteLength < length / 1000);
  for (const size of [1000, 65_536, 10_000_000, Number.MAX_SAFE_INTEGER]) {
    const inflating = new Inflating();
    const given = inflating.message([payload], undefined, () => size);
    assert.is(given?.byteLength, length);
    assert.is(Math.max(...inflating.sizes), Math.min(size, 65_536));
  }
});

bounds('an output that is filled exactly loses nothing and adds nothing', () => {
  const content = prose(new Random(), 1000);
  const payload = new PeerDeflater().message(content);
  for (const size of [1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 125, 200, 250, 500, 999, 1000, 1001]) {
    assert.ok(
      isSame(
        new Inflating().message([payload], undefined, () => size),
        content,
      ),
      `${size}`,
    );
  }
});

bounds('in the middle of a message what it holds is retained, and not beyond its end or a fault', () => {
  const { inflater } = new Inflating();
  const step = (piece: ReturnType<typeof toPiece>): void => {
    inflater.push(piece);
    while (inflater.next(10) !== undefined);
  };
  assert.is(inflater.retained, 0);
  step(toPiece(hex('f2 48 cd'), { fin: false }));
  const { retained } = inflater;
  assert.ok(retained >= 1000, 'the stream, and what it would be made anew of');
  inflater.rest();
  assert.is(inflater.retained, retained, 'it cannot rest now');
  step(toPiece(hex('c9 c9 07 00'), { opcode: 0, rsv: 0 }));
  assert.is(inflater.retained, 0);
  step(toPiece(hex('ff ff'), { fin: false }));
  assert.is(inflater.fault?.code, 'ERR_WS_INVALID_DEFLATE');
  assert.equal([inflater.retained, inflater.unread], [0, 0]);
  inflater.close();
});

bounds('given up in the middle of a piece, it holds nothing', () => {
  const { inflater } = new Inflating();
  inflater.push(toPiece(new PeerDeflater().message(new Uint8Array(10_000))));
  inflater.next(10);
  assert.ok(inflater.unread > 0 && inflater.retained > 0);
  inflater.close();
  assert.equal([inflater.unread, inflater.retained, inflater.next(10)], [0, 0, undefined]);
  inflater.close();
});
bounds.run();

const faults = suite('message-inflater · faults');

const corrupt: Readonly<Record<string, Uint8Array>> = {
  'a reserved block type': hex('06'),
  'a length that its complement contradicts': hex('00 05 00 fa fe 48'),
  'a distance before the first byte': message({ fixed: [[1, 3]] }),
  'a distance further than what has come': message({ fixed: [65, 66, [3, 3]] }),
  'codes of lengths that fit together in no way': hex('fd ff ff ff ff ff ff'),
  'a length symbol that does not exist': hex('1b 03'),
};

for (const [name, payload] of Object.entries(corrupt)) {
  faults(`${name} is 1007, and nothing more is given`, () => {
    for (const before of [[], [message(hello)]]) {
      for (const cut of [undefined, bytewise]) {
        const inflating = new Inflating({ hasContextTakeover: false });
        for (const good of before) assert.is(text(inflating.message([good])), 'Hello');
        assert.is(inflating.message([payload], cut), undefined);
        const { fault, inflater } = inflating;
        assert.instance(fault, RemoteProtocolError);
        assert.equal([fault?.code, fault?.closeCode], ['ERR_WS_INVALID_DEFLATE', 1007]);
        inflater.push(toPiece(message(hello)));
        assert.is(inflater.next(100), undefined);
        assert.is(inflater.fault, fault, 'the first fault stays');
      }
    }
  });
}

faults('RSV1 on a frame that begins no message is 1002 (RFC 7692 §6.1), be the message compressed or not', () => {
  for (const rsv of [0, 0x40]) {
    const { inflater } = new Inflating();
    inflater.push(toPiece(hex('00'), { rsv, fin: false }));
    while (inflater.next(10) !== undefined);
    inflater.push(toPiece(hex('00'), { opcode: 0, rsv: 0x40 }));
    assert.is(inflater.next(10), undefined);
    assert.equal([inflater.fault?.code, inflater.fault?.closeCode], ['ERR_WS_UNEXPECTED_RSV', 1002]);
  }
});

faults(
  'a message that is cut anywhere is refused with 1007, or gives what had come before the cut and nothing else',
  () => {
    const random = new Random();
    const content = prose(random, 400);
    const makes: [Uint8Array, string][] = [
      [new PeerDeflater().message(content), text(content) as string],
      [new PeerDeflater().message(content, { level: 0 }), text(content) as string],
      [new PeerDeflater().message(content, { strategy: constants.Z_FIXED }), text(content) as string],
      [message(hello, stored, hello), 'HelloHelloHello'],
    ];
    for (const [payload, whole] of makes) {
      let refused = 0;
      for (let length = 0; length < payload.byteLength; length++) {
        const inflating = new Inflating();
        const given = text(inflating.message([payload.subarray(0, length)]));
        if (given === undefined) refused++;
        else assert.ok(whole.startsWith(given), `cut at ${length}: ${given.slice(0, 40)}`);
        if (given === undefined) assert.is(inflating.fault?.closeCode, 1007);
      }
      assert.ok(refused > 0, 'most are');
    }
  },
);

faults('random bytes never make it throw, hang, or give without end: a fault, or a message', () => {
  const random = new Random();
  for (let count = 0; count < 1500; count++) {
    const inflating = new Inflating({ windowBits: 8 + random.below(8) });
    for (let round = 0; round < 3 && inflating.fault === undefined; round++) {
      const payload = random.bytes(random.below(60));
      const good = message(hello, stored, last);
      const mixed = random.pick([payload, join(good.subarray(0, random.below(good.byteLength)), payload)]);
      inflating.message(
        random.split(mixed, 30),
        (part) => random.split(part, 9),
        () => 1 + random.below(50),
      );
    }
    if (inflating.fault !== undefined) assert.is(inflating.fault.closeCode, 1007);
  }
});
faults.run();
