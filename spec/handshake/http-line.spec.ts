// Lines that end in CRLF, from chunks cut anywhere, under a limit.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HttpLine } from '../../lib/handshake/http-line.ts';
import { latin1 } from '../support/deliver-response.ts';
import { Random } from '../support/random.ts';

const test = suite('http-line · RFC 9112 §2.2');

/** All lines, and what ended them. */
function readAll(line: HttpLine, chunks: readonly Uint8Array[]): (string | undefined)[] {
  const lines: (string | undefined)[] = [];
  for (const chunk of chunks) {
    for (let position = 0; position < chunk.byteLength && line.fault === undefined; ) {
      position = line.read(chunk, position);
      const text = line.take();
      if (text !== undefined) lines.push(text);
    }
  }
  if (line.fault !== undefined) lines.push(line.fault);
  return lines;
}

function linesOf(text: string, maxSize = 1000): (string | undefined)[] {
  const bytes = latin1(text);
  const whole = readAll(new HttpLine(maxSize), [bytes]);
  assert.equal(readAll(new HttpLine(maxSize), new Random().split(bytes, 1)), whole);
  for (let run = 0; run < 20; run++) {
    assert.equal(readAll(new HttpLine(maxSize), new Random().split(bytes, 4)), whole);
  }
  return whole;
}

test('a line ends in CRLF, an empty one too', () => {
  assert.equal(linesOf('a\r\n\r\nbc\r\nd'), ['a', '', 'bc']);
});

test('a line that is not whole is not given', () => {
  const line = new HttpLine(100);
  assert.is(line.read(latin1('ab\r'), 0), 3);
  assert.is(line.take(), undefined);
  assert.is(line.fault, undefined);
  assert.is(line.read(latin1('\nc'), 0), 1);
  assert.is(line.take(), 'ab');
  assert.is(line.take(), undefined);
});

test('LF alone, CR alone and NUL are malformed, wherever they stand', () => {
  for (const text of ['\n', 'a\n', 'a\rb', '\r\r\n', 'a\0', '\0', 'x\r\na\nb\r\n']) {
    assert.is(linesOf(text).at(-1), 'malformed', JSON.stringify(text));
  }
});

test('any other byte is a character, from 0x01 to 0xFF', () => {
  const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter(
    (text) => !/[\0\r\n]/.test(text),
  );
  assert.equal(linesOf(`${all.join('')}\r\n`), [all.join('')]);
});

test('the limit holds over all lines together, their ends counted', () => {
  assert.equal(linesOf('ab\r\ncd\r\n', 8), ['ab', 'cd']);
  assert.equal(linesOf('ab\r\ncd\r\n', 7), ['ab', 'too-large']);
  assert.equal(linesOf('ab\r\n\r\n', 4), ['ab', 'too-large']);
  assert.equal(linesOf('abcdefgh', 8), []);
  assert.equal(linesOf('abcdefghi', 8), ['too-large']);
});

test('a line may be longer than what is decoded at once', () => {
  const text = Array.from({ length: 300_000 }, (_, index) => String.fromCharCode(0x20 + (index % 90))).join('');
  const line = new HttpLine(1_000_000);
  assert.equal(readAll(line, [latin1(`${text}\r\n`)]), [text]);
});

test.run();
