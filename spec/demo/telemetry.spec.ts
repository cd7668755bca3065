import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FrameRow, Telemetry } from '../../lib/demo/telemetry.ts';
import type { TappedFrame } from '../../lib/demo/wire-tap.ts';
import type { CloseInfo, Counters, Job } from '../../lib/node.ts';

const test = suite('telemetry');

const none: Counters = {
  messagesReceived: 0,
  messagesSent: 0,
  bytesReceived: 0,
  bytesSent: 0,
  unread: 0,
  queued: 0,
  dropped: { messages: 0, bytes: 0 },
  roundTrip: undefined,
};

function text(payload: string, more: Partial<TappedFrame> = {}): TappedFrame {
  const preview = new TextEncoder().encode(payload);
  const { byteLength: payloadLength } = preview;
  return { opcode: 1, fin: true, rsv: 0, isMasked: true, payloadLength, isText: true, preview, ...more };
}

function make(): {
  telemetry: Telemetry;
  pass: (milliseconds: number) => void;
  set: (counters: Partial<Counters>) => void;
} {
  let time = 1000;
  let counters = none;
  const telemetry = new Telemetry(() => time);
  // All that is asked of a job are its counters.
  const session = {
    get counters() {
      return counters;
    },
  };
  telemetry.begin({ session } as unknown as Job);
  return {
    telemetry,
    pass: (milliseconds) => {
      time += milliseconds;
    },
    set: (more) => {
      counters = { ...counters, ...more };
    },
  };
}

test('a frame becomes a row, and what passes a printer is made printable here too', () => {
  const { telemetry } = make();
  telemetry.frame('to-server', text('hello\u202e'));
  telemetry.frame('to-client', text('', { opcode: 9, isMasked: false, isText: false }));
  const at = 1000;
  assert.equal(telemetry.take()?.frames, [
    {
      at,
      direction: 'to-server',
      opcode: 1,
      name: 'text',
      fin: true,
      isMasked: true,
      length: 8,
      preview: '"hello\\u{202e}"',
    },
    { at, direction: 'to-client', opcode: 9, name: 'ping', fin: true, isMasked: false, length: 0, preview: '' },
  ]);
});

test('nothing is told twice, and gauges only when they have changed', () => {
  const { telemetry, set } = make();
  assert.is(telemetry.take()?.gauges?.unread, 0);
  assert.is(telemetry.take(), undefined);
  set({ unread: 64, messagesReceived: 1 });
  telemetry.frame('to-server', text('four'));
  telemetry.frame('to-client', text('to', { isMasked: false }));
  telemetry.frame('to-client', text('ping', { opcode: 9 }));
  assert.equal(telemetry.take()?.gauges, {
    unread: 64,
    queued: 0,
    payloadReceived: 4,
    payloadSent: 2,
    messagesReceived: 1,
    messagesSent: 0,
  });
  assert.is(telemetry.take(), undefined);
});

test('however many frames come, a batch is bounded and none is lost from the sum', () => {
  const { telemetry, pass } = make();
  let bytes = 0;
  for (let count = 0; count < 200_000; count++) {
    telemetry.frame(count % 2 === 0 ? 'to-server' : 'to-client', text('abcd', { opcode: count % 50 === 0 ? 9 : 1 }));
    if (count % 100 === 0) pass(61);
  }
  const items = telemetry.take()?.frames ?? [];
  assert.ok(items.length <= 201, `${items.length} items`);
  assert.ok(JSON.stringify(items).length < 64 * 1024);
  let frames = 0;
  for (const item of items) {
    frames += 'frames' in item ? item.frames : 1;
    bytes += 'frames' in item ? item.bytes : item.length;
  }
  assert.is(frames, 200_000);
  assert.is(bytes, 800_000);
});

test('a number stands where the frames would have stood, and numbers side by side are one', () => {
  const { telemetry, pass } = make();
  for (let count = 0; count < 20; count++) telemetry.frame('to-server', text('a'));
  telemetry.frame('to-server', text('', { opcode: 8 }));
  telemetry.frame('to-server', text('b'));
  pass(60);
  telemetry.frame('to-server', text('c'));
  const told = telemetry.take()?.frames?.map((item) => ('frames' in item ? item.frames : (item as FrameRow).preview));
  assert.equal(told, [...Array(8).fill('"a"'), 12, '', 1, '"c"']);
});

test('the end is told once, and a new connection begins with nothing', () => {
  const { telemetry } = make();
  telemetry.take();
  telemetry.end('completed', { wasClean: true, closeCode: 3000, initiator: 'remote' } as CloseInfo);
  assert.equal(telemetry.take(), { end: { state: 'completed', wasClean: true, closeCode: 3000, initiator: 'remote' } });
  assert.is(telemetry.take(), undefined);
  telemetry.frame('to-server', text('old'));
  telemetry.begin({ session: { counters: none } } as unknown as Job);
  assert.is(telemetry.take()?.frames, undefined);
});

test.run();
