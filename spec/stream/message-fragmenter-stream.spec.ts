import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Message } from '../../lib/message/message.ts';
import { FrameDecoderStream } from '../../lib/stream/frame-decoder-stream.ts';
import { FrameEncoderStream } from '../../lib/stream/frame-encoder-stream.ts';
import { MessageAssemblerStream } from '../../lib/stream/message-assembler-stream.ts';
import { MessageFragmenterStream } from '../../lib/stream/message-fragmenter-stream.ts';
import { rejects, throws } from '../support/check.ts';
import { collect } from '../support/collect.ts';

const test = suite('MessageFragmenterStream · RFC 6455 §5.4');

test('makes one frame of each message, or fragments of a size', async () => {
  const whole = await collect(new MessageFragmenterStream(), ['abc', Uint8Array.of(1)]);
  assert.equal(
    whole.map(({ opcode, fin }) => [opcode, fin]),
    [
      [1, true],
      [2, true],
    ],
  );
  const cut = await collect(new MessageFragmenterStream({ fragmentSize: 2 }), ['abcde']);
  assert.equal(
    cut.map(({ opcode, fin, payload }) => [opcode, fin, payload.byteLength]),
    [
      [1, false, 2],
      [0, false, 2],
      [0, true, 1],
    ],
  );
});

test('a wrong size is a RangeError, a wrong message a TypeError', async () => {
  throws(() => new MessageFragmenterStream({ fragmentSize: 0 }), RangeError);
  await rejects(collect(new MessageFragmenterStream(), [5 as never]), TypeError);
});

test('all four transforms in a row give back what went in: messages, frames, bytes, frames, messages', async () => {
  const messages: Message[] = ['', 'hé', 'x'.repeat(5000), new Uint8Array(0), new Uint8Array(3000).fill(9)];
  for (const [from, to] of [
    ['client', 'server'],
    ['server', 'client'],
  ] as const) {
    const source = new ReadableStream<Message>({
      start(controller) {
        for (const message of messages) controller.enqueue(message);
        controller.close();
      },
    });
    const out: Message[] = [];
    const pipe = source
      .pipeThrough(new MessageFragmenterStream({ fragmentSize: 100 }))
      .pipeThrough(new FrameEncoderStream({ role: from }))
      .pipeThrough(new FrameDecoderStream({ role: to }))
      .pipeThrough(new MessageAssemblerStream());
    for await (const message of pipe) out.push(message);
    assert.equal(out, messages);
  }
});
test.run();
