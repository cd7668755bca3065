// What a peer can make an assembler keep: a message that drips, and one of very many fragments.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FrameDecoder } from '../../lib/frame/frame-decoder.ts';
import { MessageAssembler, type MessageAssemblerLimits } from '../../lib/message/message-assembler.ts';
import { MiB, retainedBy } from '../support/deliver-drip.ts';
import { KEY, wire, wireHeader } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { sized } from '../support/sized.ts';

const test = suite('message-assembler · memory, RFC 6455 §10.4');

const dripped = sized(MiB / 4, MiB);

class Line {
  readonly decoder: FrameDecoder;
  readonly assembler: MessageAssembler;
  messages = 0;

  constructor(role: 'server' | 'client', limits: MessageAssemblerLimits = {}) {
    this.decoder = new FrameDecoder({ role });
    this.assembler = new MessageAssembler(limits);
  }

  push(bytes: Uint8Array, isOwned = false): void {
    this.decoder.push(bytes, isOwned);
    for (let piece = this.decoder.next(); piece !== undefined; piece = this.decoder.next()) {
      if (this.assembler.push(piece) !== undefined) this.messages++;
    }
  }
}

for (const opcode of [1, 2]) {
  const type = opcode === 1 ? 'text' : 'binary';

  test(`keeps a ${type} message of ${dripped / 1024} KiB that comes byte by byte in less than four times its bytes`, () => {
    const retained = retainedBy(() => {
      const line = new Line('client');
      line.push(wireHeader({ opcode, declared: dripped }));
      for (let count = 1; count < dripped; count++) line.push(Uint8Array.of(0x61));
      assert.is(line.assembler.retained, dripped - 1);
      return line;
    });
    assert.ok(retained < 4 * dripped, `${retained} bytes are kept`);
  });

  test(`keeps a ${type} message of 100,000 fragments of one byte in less than 4 MiB`, () => {
    const retained = retainedBy(() => {
      const line = new Line('server');
      line.push(wire({ opcode, fin: false, payload: 'a', maskingKey: KEY }));
      const fragment = wire({ opcode: 0, fin: false, payload: 'a', maskingKey: KEY });
      for (let count = 1; count < 100_000; count++) line.push(fragment);
      assert.is(line.assembler.retained, 100_000);
      return line;
    });
    assert.ok(retained < 4 * MiB, `${retained} bytes are kept`);
  });
}

test('keeps a message of fragments of 1 and of 4,096 bytes in turn in less than 4 MiB', () => {
  const small = wire({ opcode: 0, fin: false, payload: 'a', maskingKey: KEY });
  const large = wire({ opcode: 0, fin: false, payload: 'x'.repeat(4096), maskingKey: KEY });
  for (const isOwned of [true, false]) {
    const retained = retainedBy(() => {
      const line = new Line('server');
      line.push(wire({ opcode: 2, fin: false, maskingKey: KEY }));
      for (let count = 0; count < 255; count++) {
        line.push(small.slice(), isOwned);
        line.push(large.slice(), isOwned);
      }
      return line;
    });
    assert.ok(retained < 4 * MiB, `${retained} bytes are kept`);
  }
});

test('keeps a small part of each of many large chunks without the chunks', () => {
  const filler = wire({ opcode: 10, payload: 'x'.repeat(125) });
  const chunk = join(
    wire({ opcode: 0, fin: false, payload: 'x'.repeat(500) }),
    ...Array.from({ length: 500 }, () => filler),
  );
  const retained = retainedBy(() => {
    const decoder = new FrameDecoder({ role: 'client' });
    const assembler = new MessageAssembler();
    const push = (bytes: Uint8Array): void => {
      decoder.push(bytes);
      for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
        if (piece.opcode !== 10) assembler.push(piece);
      }
    };
    push(wire({ opcode: 2, fin: false }));
    for (let count = 0; count < 500; count++) push(chunk.slice());
    assert.is(assembler.retained, 250_000);
    return assembler;
  });
  assert.ok(retained < MiB, `${retained} bytes are kept for 250,000`);
});

test('keeps nothing of a message that failed', () => {
  const retained = retainedBy(() => {
    const line = new Line('client', { maxMessageSize: MiB });
    line.push(wire({ opcode: 2, fin: false, payload: new Uint8Array(MiB - 10) }));
    line.push(wire({ opcode: 0, payload: new Uint8Array(11) }));
    assert.is(line.assembler.fault?.closeCode, 1009);
    assert.is(line.assembler.retained, 0);
    return line.assembler;
  });
  assert.ok(retained < MiB / 2, `${retained} bytes are kept`);
});

test('fails with 1009 at the fragment after the 4,096th, empty ones and others', () => {
  for (const payload of ['', 'a']) {
    const line = new Line('client', { maxFragments: 4096 });
    line.push(wire({ opcode: 2, fin: false, payload }));
    const fragment = wire({ opcode: 0, fin: false, payload });
    for (let count = 2; count <= 4096; count++) line.push(fragment);
    assert.is(line.assembler.fault, undefined);
    line.push(fragment);
    assert.is(line.assembler.fault?.code, 'ERR_WS_TOO_MANY_FRAGMENTS');
    assert.is(line.assembler.fault?.closeCode, 1009);
  }
});

test('takes a message of 4,096 fragments', () => {
  const line = new Line('client', { maxFragments: 4096 });
  line.push(wire({ opcode: 2, fin: false }));
  for (let count = 2; count < 4096; count++) line.push(wire({ opcode: 0, fin: false }));
  line.push(wire({ opcode: 0, payload: 'end' }));
  assert.is(line.messages, 1);
});

test('allocates nothing for a message of 1 GiB before its bytes have come', () => {
  const header = wireHeader({ opcode: 2, declared: 2 ** 30 });
  const before = process.memoryUsage().arrayBuffers;
  const lines = Array.from({ length: 64 }, () => new Line('client'));
  for (const line of lines) line.push(header.slice());
  assert.ok(process.memoryUsage().arrayBuffers - before < MiB);
  assert.ok(lines.every((line) => line.assembler.retained === 0 && line.assembler.fault === undefined));
});

test.run();
