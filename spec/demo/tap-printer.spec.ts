import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Printer } from '../../lib/demo/print.ts';
import { TapPrinter } from '../../lib/demo/tap-printer.ts';
import type { TappedFrame } from '../../lib/demo/wire-tap.ts';
import type { CloseInfo } from '../../lib/node.ts';
import { until } from '../support/until.ts';

const test = suite('tap-printer');

const frame: TappedFrame = {
  opcode: 1,
  fin: true,
  rsv: 0,
  isMasked: true,
  payloadLength: 1000,
  isText: true,
  preview: new TextEncoder().encode('x'),
};

const info: CloseInfo = {
  closeCode: 1000,
  reason: '',
  wasClean: true,
  initiator: 'remote',
  received: undefined,
  sent: undefined,
  error: undefined,
  abandoned: { messages: 0, bytes: 0, handler: false },
};

function make(): { tap: TapPrinter; lines: string[] } {
  const lines: string[] = [];
  return { tap: new TapPrinter('ws', new Printer({ write: (line) => lines.push(line), hasColours: false })), lines };
}

test('frames that come too fast are a number, which stands before what is printed next', () => {
  const { tap, lines } = make();
  for (let count = 0; count < 5000; count++) tap.frame('to-server', frame);
  assert.is(lines.length, 20);
  tap.frame('to-client', { ...frame, opcode: 8, preview: Uint8Array.of(3, 232), payloadLength: 2 });
  assert.match(lines[20] as string, / · {2}… 4,980 more frames, 4,980,000 bytes$/);
  assert.match(lines[21] as string, / ← {2}close /);
  tap.frame('to-server', frame);
  tap.end('completed', info);
  assert.match(lines[22] as string, / · {2}… 1 more frame, 1,000 bytes$/);
  assert.match(lines[23] as string, /job completed/);
  assert.is(lines.length, 24);
});

test('when nothing follows, the number is printed by itself', async () => {
  const { tap, lines } = make();
  for (let count = 0; count < 30; count++) tap.frame('to-server', frame);
  // The timer does not keep the process alive; waiting does.
  await until(() => lines.length === 21, 'the number is printed');
  assert.match(lines[20] as string, /… 10 more frames/);
});

test('a message of many frames is told only where its frames are', () => {
  const { tap, lines } = make();
  const message = { isText: true, isEncoded: false, frames: 2, payloadLength: 2, preview: frame.preview };
  tap.message('to-server', message);
  assert.is(lines.length, 1);
  for (let count = 0; count < 21; count++) tap.frame('to-server', frame);
  tap.message('to-server', message);
  assert.is(lines.length, 21);
});

test.run();
