import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeBinary, escapeControls, escapeControlsInLines } from '../../lib/cli/printable.ts';
import { hex } from '../support/hex.ts';

const test = suite('printable');

const harmful = [
  '\x00',
  '\x07',
  '\x08',
  '\x1b',
  '\x7f',
  '\x9b',
  '\u200e',
  '\u202e',
  '\u2028',
  '\u2066',
  '\ud800',
  '\r',
];

test('what could steer a terminal is escaped, in one line and in several', () => {
  for (const character of harmful) {
    for (const makePrintable of [escapeControls, escapeControlsInLines]) {
      assert.match(makePrintable(`a${character}b`), /^a\\(r|u\{[0-9a-f]+\})b$/);
    }
  }
  assert.is(escapeControls('\x1b]0;title\x07'), '\\u{1b}]0;title\\u{7}');
});

test('line feeds and tabs stay where there may be several lines', () => {
  assert.is(escapeControlsInLines('a\n\tb'), 'a\n\tb');
  assert.is(escapeControls('a\n\tb'), 'a\\n\\tb');
});

test('what can be seen stays as it is', () => {
  for (const text of ['', 'grüße 🚀 漢字', 'back\\slash "quoted"']) {
    assert.is(escapeControls(text), text);
    assert.is(escapeControlsInLines(text), text);
  }
});

test('a binary message is told by its length and its first bytes', () => {
  assert.is(describeBinary(hex('')), 'binary message of 0 bytes');
  assert.is(describeBinary(hex('0a')), 'binary message of 1 byte: 0a');
  assert.is(describeBinary(hex('00 01 fe ff')), 'binary message of 4 bytes: 00 01 fe ff');
  assert.is(describeBinary(hex('00 01 fe ff'), 4), 'binary message of 4 bytes: 00 01 fe ff');
  assert.is(describeBinary(hex('00 01 fe ff'), 3), 'binary message of 4 bytes: 00 01 fe …');
});

test.run();
