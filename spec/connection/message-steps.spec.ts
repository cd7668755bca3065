// A long message in the steps in which it is sent.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isLong, MessageSteps, STEP_FROM } from '../../lib/connection/message-steps.ts';
import type { Message } from '../../lib/message/message.ts';
import { join } from '../support/hex.ts';
import { Random } from '../support/random.ts';

const test = suite('message-steps');

const STEP = 64 * 1024;

/** All steps of a message. */
function stepsOf(message: Message): { readonly sizes: number[]; readonly content: Uint8Array; readonly type: string } {
  const steps = new MessageSteps(message);
  assert.not(steps.hasBegun);
  const parts: Uint8Array[] = [];
  for (;;) {
    const { bytes, isLast } = steps.next();
    assert.ok(steps.hasBegun);
    parts.push(bytes);
    if (isLast) break;
  }
  return { sizes: parts.map(({ byteLength }) => byteLength), content: join(...parts), type: steps.type };
}

test('a message over 128 KiB is long, bytes by their number, texts by their code units', () => {
  assert.is(STEP_FROM, 128 * 1024);
  assert.equal([isLong(new Uint8Array(STEP_FROM)), isLong(new Uint8Array(STEP_FROM + 1))], [false, true]);
  assert.equal([isLong('x'.repeat(STEP_FROM)), isLong('x'.repeat(STEP_FROM + 1)), isLong('')], [false, true, false]);
});

test('bytes come in steps of 64 KiB, the rest in the last, as a binary message', () => {
  for (const size of [STEP_FROM + 1, 3 * STEP - 1, 3 * STEP, 3 * STEP + 1]) {
    const message = new Random().bytes(size);
    const { sizes, content, type } = stepsOf(message);
    assert.ok(Buffer.compare(content, message) === 0);
    assert.is(type, 'binary');
    assert.is(sizes.length, Math.ceil(size / STEP));
    assert.ok(sizes.slice(0, -1).every((each) => each === STEP) && (sizes.at(-1) as number) > 0);
  }
});

test('a text comes as its UTF-8, cut anywhere: lone surrogates are U+FFFD, pairs whole', () => {
  const text = `${'😀'.repeat(40_000)}\ud800${'ä'.repeat(90_000)}`;
  const { content, type, sizes } = stepsOf(text);
  assert.is(type, 'text');
  assert.is(Buffer.from(content).toString(), text.replace('\ud800', '\ufffd'));
  assert.ok(sizes.length > 2);
});

test('a very long message comes in 1,024 steps at most: a receiver may have a limit of fragments', () => {
  for (const size of [1024 * STEP, 1024 * STEP + 1, 100 * 2 ** 20]) {
    const { sizes, content } = stepsOf(new Uint8Array(size));
    assert.ok(sizes.length <= 1024, `${sizes.length} steps for ${size} bytes`);
    assert.is(content.byteLength, size);
  }
});

test('the bytes of the caller are not copied', () => {
  const message = new Uint8Array(STEP_FROM + 1);
  assert.is(new MessageSteps(message).next().bytes.buffer, message.buffer);
});

test('a text is encoded when its turn has come, not before', () => {
  const steps = new MessageSteps('x'.repeat(STEP_FROM + 1));
  assert.not(steps.hasBegun);
  assert.is(steps.next().bytes[0], 0x78);
});

test.run();
