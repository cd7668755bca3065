import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatMessage } from '../../lib/cli/message-format.ts';
import type { Message } from '../../lib/message/message.ts';
import { hex } from '../support/hex.ts';

const test = suite('message-format');

const paint = (text: string): string => text;

function format(message: Message, isTerminal: boolean, isBinary = false): string {
  return formatMessage(message, { isTerminal, isBinary, paint }) as string;
}

test('a text has a line feed behind it, and is as it came where nobody looks', () => {
  assert.is(format('grüße\x1b[2J\r\nb', false), 'grüße\x1b[2J\r\nb\n');
  assert.is(format('', false), '\n');
  assert.is(format('a', false, true), 'a\n');
});

test('a binary message is told, or given as it came where that is asked for', () => {
  const bytes = hex('00 ff');
  assert.is(format(bytes, false), 'binary message of 2 bytes: 00 ff\n');
  assert.is(formatMessage(bytes, { isTerminal: false, isBinary: true, paint }), bytes);
});

test('on a terminal each message is marked, what follows its first line is indented, and nothing steers the terminal', () => {
  assert.is(format('hello', true), '< hello\n');
  assert.is(format('{\n\t"a": 1\n}', true), '< {\n  \t"a": 1\n  }\n');
  assert.is(format('a\nmillrace: closed\x1b[2J\r', true), '< a\n  millrace: closed\\u{1b}[2J\\r\n');
});

test('on a terminal a binary message is told, whatever is asked for', () => {
  for (const isBinary of [false, true]) {
    assert.is(format(hex('1b 5b'), true, isBinary), '< binary message of 2 bytes: 1b 5b\n');
  }
});

test('colours are around what is printable, and end with the line', () => {
  const marked = (text: string): string => `[${text}]`;
  assert.is(formatMessage('a', { isTerminal: true, isBinary: false, paint: marked }), '[< a]\n');
  assert.is(formatMessage('a', { isTerminal: false, isBinary: false, paint: marked }), 'a\n');
});

test.run();
