// The extensions of one connection at work: RFC 6455 §9.1. What is received comes through the real frame decoder.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ExtensionError, RemoteProtocolError } from '../../lib/error.ts';
import type { ExtensionTransform, IncomingTransform } from '../../lib/extension/extension.ts';
import { ExtensionChain } from '../../lib/extension/extension-chain.ts';
import type { Frame, Role } from '../../lib/frame/frame.ts';
import { FrameDecoder, type FramePiece } from '../../lib/frame/frame-decoder.ts';
import { throws } from '../support/check.ts';
import { affine, agreedOn, EachPiece, Holding, Lending, payloadOf, toFrame } from '../support/extensions.ts';
import { type WireFrame, wireTo } from '../support/frames.ts';
import { join, toHex } from '../support/hex.ts';
import { Random } from '../support/random.ts';

const roles: readonly Role[] = ['server', 'client'];

function chainOf(...transforms: readonly ExtensionTransform[]): ExtensionChain {
  return new ExtensionChain(transforms.map((transform, index) => agreedOn(`x-${index}`, transform)));
}

interface Taken {
  readonly pieces: FramePiece[];
  /** Frames as they were put together: `1 "text"`, in their order. */
  readonly frames: string[];
}

/** Gives wire bytes to a chain, in chunks and with a budget for each piece, and checks each piece against it. */
function take(
  chain: ExtensionChain,
  role: Role,
  chunks: readonly Uint8Array[],
  size: () => number = () => Number.MAX_SAFE_INTEGER,
): Taken {
  const decoder = new FrameDecoder({ role, extensionBits: chain.rsvBits });
  const pieces: FramePiece[] = [];
  const frames: string[] = [];
  let open: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (chain.fault !== undefined) break;
    decoder.push(chunk);
    for (;;) {
      const maxSize = size();
      const piece = chain.next(decoder, maxSize);
      if (piece === undefined) break;
      const isControl = piece.opcode >= 8;
      assert.ok(isControl || piece.end - piece.start <= Math.ceil(maxSize), 'no piece is over the budget');
      pieces.push({ ...piece, bytes: payloadOf(piece) });
      const text = (payload: Uint8Array): string => `${piece.opcode}${piece.fin ? '' : '…'} ${toHex(payload)}`;
      if (isControl) {
        frames.push(text(payloadOf(piece)));
        continue;
      }
      assert.is(piece.isFirst, open.length === 0, 'the first piece of a frame says so');
      open.push(payloadOf(piece));
      if (!piece.isLast) continue;
      frames.push(text(join(...open)));
      open = [];
    }
  }
  return { pieces, frames };
}

function wires(role: Role, ...frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

const bytewise = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

const order = suite('extension-chain · order, RFC 6455 §9.1');

for (const count of [2, 3]) {
  const transforms = (): ExtensionTransform[] => [affine(1, 3), affine(7, 5), affine(11, 7)].slice(0, count);

  order(`what is sent goes through ${count} extensions in their order`, () => {
    const sent = chainOf(...transforms()).outgoing(toFrame(2, Uint8Array.of(10)), {});
    let byte = (10 + 1) * 3;
    byte = (byte + 7) * 5;
    if (count === 3) byte = (byte + 11) * 7;
    assert.equal([...sent.payload], [byte & 0xff]);
  });

  for (const role of roles) {
    order(`${role}: what is received goes through ${count} in the opposite order, whole and byte by byte`, () => {
      const content = new Random().bytes(300);
      const { payload } = chainOf(...transforms()).outgoing(toFrame(2, content), {});
      const bytes = wires(role, { opcode: 2, payload });
      for (const chunks of [[bytes], bytewise(bytes), new Random().split(bytes, 40)]) {
        assert.equal(take(chainOf(...transforms()), role, chunks).frames, [`2 ${toHex(content)}`]);
        const random = new Random();
        const small = () => 1 + random.below(9);
        assert.equal(take(chainOf(...transforms()), role, chunks, small).frames, [`2 ${toHex(content)}`]);
      }
    });
  }
}

order('a transform of one direction leaves the other alone', () => {
  const chain = chainOf({ outgoing: affine(1, 1).outgoing as (frame: Frame) => Frame }, {});
  const frame = toFrame(2, Uint8Array.of(4));
  assert.equal([...chain.outgoing(frame, {}).payload], [5]);
  assert.equal(take(chain, 'client', [wires('client', { opcode: 2, payload: Uint8Array.of(4) })]).frames, ['2 04']);
  const incoming = new EachPiece((bytes) => bytes.map((byte) => byte + 1));
  assert.is(chainOf({ incoming }).outgoing(frame, {}), frame, 'the very frame');
});

order('the hints of a send reach every extension', () => {
  const seen: unknown[] = [];
  const noting: ExtensionTransform = {
    outgoing: (frame, hints) => {
      seen.push(hints.compress);
      return frame;
    },
  };
  chainOf(noting, affine(1, 1), noting).outgoing(toFrame(1, ''), { compress: false });
  assert.equal(seen, [false, false]);
});

for (const role of roles) {
  order(`${role}: control frames pass beside the extensions, in their place among fragments`, () => {
    const frames: WireFrame[] = [
      { opcode: 9, payload: 'a' },
      { opcode: 2, fin: false, payload: Uint8Array.of(1, 2, 3) },
      { opcode: 10, payload: 'b' },
      { opcode: 0, fin: false, payload: Uint8Array.of(4) },
      { opcode: 9, payload: 'c' },
      { opcode: 0, payload: '' },
      { opcode: 8, payload: '' },
    ];
    const bytes = wires(role, ...frames);
    const expected = ['9 61', '2… 02 03 04', '10 62', '0… 05', '9 63', '0 ', '8 '];
    const incoming = () => new EachPiece((input) => input.map((byte) => byte + 1));
    const makes: (() => ExtensionChain)[] = [
      () => chainOf({ incoming: incoming() }),
      () => chainOf({ incoming: new Holding() }, { incoming: incoming() }),
      () => chainOf({ incoming: incoming() }, { incoming: new Holding() }),
      () => chainOf({ incoming: new Holding() }, { incoming: incoming() }, { incoming: new Lending() }),
    ];
    for (const make of makes) {
      for (const chunks of [[bytes], bytewise(bytes)]) {
        for (const size of [1, 2, 100]) assert.equal(take(make(), role, chunks, () => size).frames, expected);
      }
    }
  });

  order(`${role}: a control frame waits while something of what came before it is left, over every break`, () => {
    const bytes = wires(role, { opcode: 2, payload: 'abcdef' }, { opcode: 9 });
    const chain = chainOf({ incoming: new Lending() });
    const decoder = new FrameDecoder({ role });
    decoder.push(bytes);
    const first = chain.next(decoder, 6);
    assert.is(first?.opcode, 2);
    assert.is(chain.unread, 0);
    assert.is(chain.next(decoder, 6)?.opcode, 9);
    const held = chainOf({ incoming: new Lending() });
    const other = new FrameDecoder({ role });
    other.push(bytes);
    const opcodes: (number | undefined)[] = [];
    // The decoder gives the frame at once, what is behind it in pieces.
    const source = { next: () => other.next() };
    for (let count = 0; count < 8; count++) opcodes.push(held.next(source, 1)?.opcode);
    assert.equal(opcodes, [2, 2, 2, 2, 2, 2, 9, undefined]);
  });
}

order("what one extension lends is another's own: over a break of the budget nobody writes into it", () => {
  const random = new Random();
  for (const inner of [() => [new Holding()], () => [new Holding(), new Holding()]]) {
    for (let count = 0; count < 50; count++) {
      const content = random.bytes(1 + random.below(400));
      const bytes = wires('client', { opcode: 2, payload: content }, { opcode: 2, payload: content });
      // Nearest to the wire is the last.
      const chain = chainOf(...[...inner(), new Lending()].map((incoming) => ({ incoming })));
      const { frames } = take(chain, 'client', random.split(bytes, 90), () => 1 + random.below(60));
      assert.equal(frames, [`2 ${toHex(content)}`, `2 ${toHex(content)}`]);
    }
  }
});

order('what is given last may be lent: it is not copied for who reads it at once', () => {
  const decoder = new FrameDecoder({ role: 'client' });
  decoder.push(wires('client', { opcode: 2, payload: 'abc' }));
  assert.is(chainOf({ incoming: new Lending() }).next(decoder, 10)?.isLent, true);
});
order.run();

const rules = suite('extension-chain · what an extension may not do');

rules('it changes no opcode, no FIN, and no RSV bit but its own', () => {
  const changes: [Partial<Frame>, number][] = [
    [{ opcode: 1 }, 0x70],
    [{ opcode: 9 }, 0x70],
    [{ fin: false }, 0x70],
    [{ rsv1: true }, 0x30],
    [{ rsv2: true }, 0x50],
    [{ rsv3: true }, 0x60],
    [{ rsv1: true, rsv2: true }, 0x40],
  ];
  for (const [change, rsvBits] of changes) {
    const chain = new ExtensionChain([agreedOn('x-a', { outgoing: (frame) => ({ ...frame, ...change }) }, rsvBits)]);
    throws(() => chain.outgoing(toFrame(2, 'a'), {}), ExtensionError, 'ERR_WS_EXTENSION_FAILED');
  }
  const own = { rsv1: true, rsv2: true, rsv3: true };
  const chain = new ExtensionChain([agreedOn('x-a', { outgoing: (frame) => ({ ...frame, ...own }) }, 0x70)]);
  assert.ok(chain.outgoing(toFrame(2, 'a'), {}).rsv3);
});

rules('it keeps the bits that another one has set', () => {
  const clearing: ExtensionTransform = { outgoing: (frame) => ({ ...frame, rsv1: false }) };
  const setting: ExtensionTransform = { outgoing: (frame) => ({ ...frame, rsv1: true }) };
  const chain = new ExtensionChain([agreedOn('x-a', setting, 0x40), agreedOn('x-b', clearing, 0x20)]);
  throws(() => chain.outgoing(toFrame(2, 'a'), {}), ExtensionError, /"x-b" failed/);
  const other = new ExtensionChain([agreedOn('x-a', setting, 0x40), agreedOn('x-b', {}, 0x20)]);
  assert.ok(other.outgoing(toFrame(2, 'a'), {}).rsv1);
});

rules('what it gives is a frame with bytes', () => {
  for (const given of [undefined, null, 7, 'frame', {}, { ...toFrame(2, ''), payload: 'text' }, { payload: [1] }]) {
    const chain = chainOf({ outgoing: () => given as unknown as Frame });
    throws(() => chain.outgoing(toFrame(2, 'a'), {}), ExtensionError);
  }
});

rules('the RSV bits of all of them are those of the chain', () => {
  const all = [agreedOn('x-a', {}, 0x40), agreedOn('x-b', {}), agreedOn('x-c', {}, 0x10)];
  assert.is(new ExtensionChain(all).rsvBits, 0x50);
  assert.is(chainOf({}, {}).rsvBits, 0);
});
rules.run();

const failures = suite('extension-chain · failures');

class Mine extends Error {}
const fail = (): never => {
  throw new Mine('mine');
};

failures(
  'one that throws when it is opened: its error is thrown, those before it are closed, none behind it opened',
  () => {
    const calls: string[] = [];
    const good = (name: string) => ({
      ...agreedOn(name, {}),
      open: () => {
        calls.push(`open ${name}`);
        return { close: () => void calls.push(`close ${name}`) };
      },
    });
    const bad = { ...agreedOn('x-bad', {}), open: fail };
    throws(() => new ExtensionChain([good('a'), good('b'), bad, good('c')]), Mine);
    assert.equal(calls, ['open a', 'open b', 'close a', 'close b']);
  },
);

failures('one that opens to nothing is an error like others: those before it are closed', () => {
  for (const nothing of [undefined, null]) {
    let closed = 0;
    const good = agreedOn('x-a', { close: () => void closed++ });
    const bad = agreedOn('x-bad', nothing as unknown as ExtensionTransform);
    throws(() => new ExtensionChain([good, bad]), TypeError);
    assert.is(closed, 1);
  }
});

failures('one that throws on what is sent: an ExtensionError with its name, its error as the cause, and 1011', () => {
  let behind = 0;
  const last: ExtensionTransform = {
    outgoing: (frame) => {
      behind++;
      return frame;
    },
  };
  const chain = chainOf(affine(1, 1), { outgoing: fail }, last);
  try {
    chain.outgoing(toFrame(1, 'a'), {});
    assert.unreachable();
  } catch (error) {
    assert.instance(error, ExtensionError);
    const { code, closeCode, message, cause } = error as ExtensionError;
    assert.equal([code, closeCode, message], ['ERR_WS_EXTENSION_FAILED', 1011, 'Extension "x-1" failed']);
    assert.instance(cause, Mine);
  }
  assert.is(behind, 0);
});

const place = (index: number, count: number, incoming: IncomingTransform): ExtensionChain => {
  const others = Array.from({ length: count }, (_, at) => new EachPiece((bytes) => bytes.map((byte) => byte + at)));
  return chainOf(...others.map((each, at) => ({ incoming: at === index ? incoming : each })));
};

for (const count of [1, 2, 3]) {
  for (let index = 0; index < count; index++) {
    failures(`extension ${index + 1} of ${count} throws in push or in next: a fault, and nothing more is given`, () => {
      const bytes = wires('client', { opcode: 2, payload: 'ab' }, { opcode: 9 }, { opcode: 2, payload: 'cd' });
      for (const method of ['push', 'next']) {
        for (const chunks of [[bytes], bytewise(bytes)]) {
          const chain = place(index, count, Object.assign(new Lending(), { [method]: fail }));
          const { pieces } = take(chain, 'client', chunks);
          assert.equal(pieces, []);
          assert.instance(chain.fault, ExtensionError);
          assert.instance((chain.fault as ExtensionError).cause, Mine);
          assert.match(String(chain.fault?.message), `"x-${index}"`);
        }
      }
    });

    failures(`a fault that extension ${index + 1} of ${count} finds in what came is the chain's, as it is`, () => {
      const fault = new RemoteProtocolError('ERR_WS_INVALID_DEFLATE', 'corrupt', 1007);
      const finding = (after: number) =>
        new (class extends Lending {
          count = 0;
          get fault() {
            return this.count > after ? fault : undefined;
          }
          override next(maxSize: number) {
            return this.fault === undefined ? super.next(maxSize) : undefined;
          }
          override push(piece: FramePiece) {
            this.count++;
            super.push(piece);
          }
        })();
      const frames = ['a', 'b', 'c'].map((payload) => ({ opcode: 2, payload }));
      const bytes = wires('client', ...frames);
      for (const after of [0, 1, 2]) {
        const chain = place(index, count, finding(after));
        const { frames: given } = take(chain, 'client', [bytes]);
        assert.is(given.length, after);
        assert.is(chain.fault, fault);
        assert.equal(take(chain, 'client', [bytes]).pieces, [], 'nothing more is given');
      }
    });
  }
}

failures('those that throw when they rest or are closed: the others are all told, and the errors are given', () => {
  const calls: string[] = [];
  const noting = (name: string): ExtensionTransform => ({
    rest: () => void calls.push(`rest ${name}`),
    close: () => void calls.push(`close ${name}`),
  });
  const bad: ExtensionTransform = { rest: fail, close: fail };
  const chain = chainOf(noting('a'), bad, noting('b'), bad, {});
  for (const errors of [chain.rest(), chain.close()]) {
    assert.equal(
      errors.map((error) => [(error as Error).message, (error as Error).cause instanceof Mine]),
      [
        ['Extension "x-1" failed', true],
        ['Extension "x-3" failed', true],
      ],
    );
  }
  assert.equal(calls, ['rest a', 'rest b', 'close a', 'close b']);
  assert.equal([chain.close(), chain.rest(), calls.length], [[], [], 4], 'closed once, and told nothing more');
});
failures.run();

const counts = suite('extension-chain · what it counts');

counts('what is unread and retained is the sum of all; nothing is unread once it is stopped', () => {
  const incoming = (unread?: number): IncomingTransform => ({
    ...(unread === undefined ? undefined : { unread }),
    push: () => {},
    next: () => undefined,
  });
  const chain = chainOf(
    { incoming: incoming(3), retained: 10 },
    { incoming: incoming() },
    { incoming: incoming(4) },
    { retained: 5 },
  );
  assert.equal([chain.unread, chain.retained], [7, 15]);
  chain.stop();
  assert.equal([chain.unread, chain.retained], [0, 15]);
  chain.close();
  assert.equal([chain.unread, chain.retained], [0, 0]);
});

counts('what the last call has taken from the decoder is told, headers and control frames aside', () => {
  const chain = chainOf({ incoming: new EachPiece(() => new Uint8Array(0)) });
  const decoder = new FrameDecoder({ role: 'client' });
  decoder.push(wires('client', { opcode: 2, payload: 'abcdef' }, { opcode: 9, payload: 'xyz' }));
  const sizes = Array.from({ length: 4 }, () => [chain.next(decoder, 4)?.opcode, chain.taken]);
  assert.equal(sizes, [
    [2, 4],
    [2, 2],
    [9, 0],
    [undefined, 0],
  ]);
});

counts('it rests after the shortest time that one of them names; without any, never', () => {
  assert.is(chainOf({ restAfter: 500 }, {}, { restAfter: 20 }).restAfter, 20);
  assert.is(chainOf({}, {}).restAfter, Number.POSITIVE_INFINITY);
});

counts('an extension that gives nothing for much is passed over, to the end of the input', () => {
  const swallowing = new EachPiece(() => new Uint8Array(0));
  const nothing: IncomingTransform = { push: () => {}, next: () => undefined };
  const bytes = wires('server', { opcode: 2, payload: new Random().bytes(5000) }, { opcode: 9 });
  assert.equal(take(chainOf({ incoming: nothing }), 'server', [bytes], () => 10).frames, ['9 ']);
  assert.equal(take(chainOf({ incoming: swallowing }), 'server', [bytes], () => 100).frames, ['2 ', '9 ']);
});
counts.run();
