import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Printer } from '../../lib/demo/print.ts';
import type { TappedFrame } from '../../lib/demo/wire-tap.ts';
import type { CloseInfo } from '../../lib/node.ts';

const test = suite('print');

function makePrinter(hasColours = false): { printer: Printer; lines: string[] } {
  const lines: string[] = [];
  return { printer: new Printer({ write: (line) => lines.push(line), hasColours, now: () => 1235 }), lines };
}

function text(payload: string, more: Partial<TappedFrame> = {}): TappedFrame {
  const preview = new TextEncoder().encode(payload);
  const { byteLength: payloadLength } = preview;
  return { opcode: 1, fin: true, rsv: 0, isMasked: false, payloadLength, isText: true, preview, ...more };
}

const info: CloseInfo = {
  closeCode: 1000,
  reason: 'bye',
  wasClean: true,
  initiator: 'remote',
  received: { closeCode: 1000, reason: 'bye' },
  sent: { closeCode: 1000, reason: '' },
  error: undefined,
  abandoned: { messages: 0, bytes: 0, handler: false },
};

test('a frame is one line with its time, client, direction, opcode, length, flags and payload, under the names of the columns', () => {
  const { printer, lines } = makePrinter();
  printer.head();
  printer.frame('ws', 'to-server', text('hello', { isMasked: true }));
  printer.frame('guest 12', 'to-client', text('HEL', { fin: false, payloadLength: 1_048_576 }));
  printer.frame('ws', 'to-server', text('x', { opcode: 0, rsv: 0x40 }));
  assert.equal(lines, [
    '    time  client       frame            bytes              payload',
    '   1.235  ws        →  text                 5  fin masked  "hello"',
    '   1.235  guest 12  ←  text         1,048,576              "HEL…"',
    '   1.235  ws        →  continuation         1  fin        rsv1  78',
  ]);
});

test('a message of several frames is a line of its own, one of a single frame is not', () => {
  const { printer, lines } = makePrinter();
  const preview = new TextEncoder().encode('in pieces');
  const message = { isText: true, isEncoded: false, frames: 3, payloadLength: 9, preview };
  printer.message('ws', 'to-server', message);
  printer.message('ws', 'to-server', { ...message, frames: 1 });
  assert.equal(lines, ['   1.235  ws        →  message              9  3 frames    "in pieces"']);
});

test('frames that were skipped are one line', () => {
  const { printer, lines } = makePrinter();
  printer.skipped('ws', { frames: 1234, bytes: 20_000_000 });
  printer.skipped('ws', { frames: 1, bytes: 0 });
  assert.equal(lines, [
    '   1.235  ws        ·  … 1,234 more frames, 20,000,000 bytes',
    '   1.235  ws        ·  … 1 more frame, 0 bytes',
  ]);
});

test('the end of a job is one line', () => {
  const { printer, lines } = makePrinter();
  printer.end('ws', 'completed', info);
  printer.end('ws', 'failed', { ...info, wasClean: false, initiator: 'local', received: undefined, sent: undefined });
  assert.equal(lines, [
    '   1.235  ws        ·  job completed: clean, by the client; sent 1000; received 1000 "bye"',
    '   1.235  ws        ·  job failed: unclean, by the server; no close frames',
  ]);
});

test('no line is over 100 columns, and nothing that a peer has chosen can steer the terminal', () => {
  const { printer, lines } = makePrinter();
  const nasty = '\x1b[2J\x9b31m\u202e\r\n\x07'.repeat(20);
  printer.frame('guest 1', 'to-server', text(nasty));
  printer.frame('guest 1', 'to-server', text('a'.repeat(500)));
  printer.frame('guest 1', 'to-server', text('🚀'.repeat(100)));
  printer.frame('guest 1', 'to-server', text(nasty, { opcode: 2, isText: false }));
  printer.frame('guest 1', 'to-server', text(`\x03\xe8${nasty}`, { opcode: 8, isText: false }));
  printer.frame('guest 1', 'to-server', text(nasty, { opcode: 9, isText: false }));
  printer.note('guest 1', `GET /${nasty}`);
  printer.end('guest 1', 'failed', { ...info, received: { closeCode: 1000, reason: nasty }, error: new Error(nasty) });
  assert.is(lines.length, 8);
  for (const line of lines) {
    assert.ok([...line].length <= 100, line);
    assert.not.match(line, /[\p{C}\p{Zl}\p{Zp}]/u);
  }
});

test('escape sequences are printed only when colours are wanted', () => {
  const { printer, lines } = makePrinter(true);
  printer.frame('ws', 'to-server', text('hello'));
  printer.line('plain');
  const line = lines[0] as string;
  assert.ok(line.startsWith('\x1b[36m ') && line.endsWith('"hello"\x1b[0m'), line);
  assert.is(lines[1], 'plain');
});

test.run();
