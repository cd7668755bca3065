import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeFrame, describeMessage, escapeControls, fit, quote, toHex } from '../../lib/demo/preview.ts';
import type { TappedFrame } from '../../lib/demo/wire-tap.ts';
import { closePayload } from '../support/frames.ts';
import { hex } from '../support/hex.ts';

const test = suite('preview');

function frame(
  opcode: TappedFrame['opcode'],
  payload: Uint8Array | string,
  more: Partial<TappedFrame> = {},
): TappedFrame {
  const preview = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  const isText = opcode === 1;
  return { opcode, fin: true, rsv: 0, isMasked: true, payloadLength: preview.byteLength, isText, preview, ...more };
}

test('no control character, format character or line separator of a peer is left', () => {
  for (let code = 0; code <= 0xffff; code++) {
    const isHarmful =
      code < 0x20 ||
      (code >= 0x7f && code < 0xa0) ||
      (code >= 0x200b && code <= 0x200f) ||
      (code >= 0x2028 && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069) ||
      code === 0xfeff ||
      (code >= 0xd800 && code <= 0xdfff);
    const character = String.fromCharCode(code);
    if (isHarmful) assert.match(escapeControls(character), /^\\([nrt]|u\{[0-9a-f]+\})$/);
  }
  assert.is(escapeControls('\x1b]0;title\x07\x1b[2J'), '\\u{1b}]0;title\\u{7}\\u{1b}[2J');
  assert.is(escapeControls('a\r\nb\tc'), 'a\\r\\nb\\tc');
  assert.is(escapeControls('grüße 🚀 漢字'), 'grüße 🚀 漢字');
});

test('quotes and backslashes of a text are told from those that are put around them', () => {
  assert.is(quote('say "a\\b"', 40), '"say \\"a\\\\b\\""');
  assert.is(quote('\x1b', 40), '"\\u{1b}"');
});

test('a text is cut to its columns, in which an emoji takes two, and never inside a character', () => {
  assert.is(quote('0123456789', 12), '"0123456789"');
  assert.is(quote('0123456789', 11), '"01234567…"');
  assert.is(quote('🚀🚀🚀', 8), '"🚀🚀🚀"');
  assert.is(quote('🚀🚀🚀', 7), '"🚀🚀…"');
  assert.is(quote('0123', 12, true), '"0123…"');
  assert.is(fit('0123456789', 10), '0123456789');
  assert.is(fit('0123456789', 9), '01234567…');
});

test('bytes are shown in hex and cut to their columns', () => {
  assert.is(toHex(hex('00 01 fe ff'), 11), '00 01 fe ff');
  assert.is(toHex(hex('00 01 fe ff'), 10), '00 01 fe …');
  assert.is(toHex(hex('00 01'), 11, true), '00 01 …');
  assert.is(toHex(hex(''), 11), '');
});

test('a text frame is shown as text, as far as its characters are whole', () => {
  assert.is(describeFrame(frame(1, 'hello'), 40), '"hello"');
  assert.is(describeFrame(frame(1, ''), 40), '');
  assert.is(describeFrame(frame(0, 'more', { isText: true }), 40), '"more"');
  assert.is(describeFrame(frame(1, hex('61 f0 9f 9a'), { payloadLength: 300 }), 40), '"a…"');
  assert.is(describeFrame(frame(1, hex('61 ff 62')), 40), '"a\ufffdb"');
});

test('a binary frame, and one that an extension has changed, is shown in hex', () => {
  assert.is(describeFrame(frame(2, hex('ca fe')), 40), 'ca fe');
  assert.is(describeFrame(frame(0, 'ab'), 40), '61 62');
  assert.is(describeFrame(frame(1, hex('ca fe'), { rsv: 0x40 }), 40), 'ca fe');
});

test('the payload of a ping is shown as text when it is nothing but printable ASCII', () => {
  assert.is(describeFrame(frame(9, 'there?'), 40), '"there?"');
  assert.is(describeFrame(frame(10, hex('00 00 00 01')), 40), '00 00 00 01');
  assert.is(describeFrame(frame(9, '\x1b[2J'), 40), '1b 5b 32 4a');
});

test('a close frame is shown by its code and its reason', () => {
  assert.is(describeFrame(frame(8, closePayload(1000, 'bye')), 40), '1000 "bye"');
  assert.is(describeFrame(frame(8, closePayload(3001)), 40), '3001');
  assert.is(describeFrame(frame(8, ''), 40), '');
  assert.is(describeFrame(frame(8, hex('03')), 40), '03');
  assert.is(describeFrame(frame(8, closePayload(1000, '\x1b[2J')), 40), '1000 "\\u{1b}[2J"');
});

test('a message is shown as text or in hex', () => {
  const preview = new TextEncoder().encode('ab');
  const message = { isText: true, isEncoded: false, frames: 2, payloadLength: 2, preview };
  assert.is(describeMessage(message, 40), '"ab"');
  assert.is(describeMessage({ ...message, isText: false }, 40), '61 62');
  assert.is(describeMessage({ ...message, isEncoded: true }, 40), '61 62');
  assert.is(describeMessage({ ...message, payloadLength: 3 }, 40), '"ab…"');
});

test.run();
