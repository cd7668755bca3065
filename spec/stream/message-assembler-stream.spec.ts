import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LimitError, RemoteProtocolError } from '../../lib/error.ts';
import type { Frame } from '../../lib/frame/frame.ts';
import type { Opcode } from '../../lib/frame/opcode.ts';
import { MessageAssemblerStream } from '../../lib/stream/message-assembler-stream.ts';
import { rejects } from '../support/check.ts';
import { collect } from '../support/collect.ts';

function frame(opcode: Opcode, fin: boolean, payload: string | Uint8Array): Frame {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  return { opcode, fin, rsv1: false, rsv2: false, rsv3: false, payload: bytes };
}

const test = suite('MessageAssemblerStream · RFC 6455 §5.4');

test('joins fragments, passes over control frames between them', async () => {
  const frames = [
    frame(1, false, 'ABC'),
    frame(9, true, ''),
    frame(0, false, '12'),
    frame(0, true, '3'),
    frame(2, true, 'x'),
  ];
  assert.equal(await collect(new MessageAssemblerStream(), frames), ['ABC123', Uint8Array.of(0x78)]);
});

test('errors when fragments are out of order', async () => {
  const first = collect(new MessageAssemblerStream(), [frame(0, true, 'x')]);
  await rejects(first, RemoteProtocolError, 'ERR_WS_UNEXPECTED_CONTINUATION');
  const second = collect(new MessageAssemblerStream(), [frame(1, false, 'x'), frame(1, true, 'y')]);
  await rejects(second, RemoteProtocolError, 'ERR_WS_EXPECTED_CONTINUATION');
});

test('errors with 1007 for a text that is not UTF-8', async () => {
  await rejects(
    collect(new MessageAssemblerStream(), [frame(1, true, Uint8Array.of(0xff))]),
    RemoteProtocolError,
    'ERR_WS_INVALID_UTF8',
  );
});

test('keeps its limits, and the defaults where none is given', async () => {
  const long = collect(new MessageAssemblerStream({ maxMessageSize: 3 }), [
    frame(1, false, 'ab'),
    frame(0, true, 'cd'),
  ]);
  await rejects(long, LimitError, 'ERR_WS_MESSAGE_TOO_LONG');
  const many = collect(new MessageAssemblerStream({ maxFragments: 2 }), [
    frame(1, false, ''),
    frame(0, false, ''),
    frame(0, true, ''),
  ]);
  await rejects(many, LimitError, 'ERR_WS_TOO_MANY_FRAGMENTS');
  await rejects(collect(new MessageAssemblerStream(), [frame(2, true, new Uint8Array(1_048_577))]), LimitError);
});
test.run();
