import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { upperCase } from '../../lib/demo/upper-case.ts';
import type { Message } from '../../lib/node.ts';

const test = suite('upper-case');

test('text is upper-cased, binary messages are passed on as they are, and none is lost', async () => {
  const bytes = new TextEncoder().encode('stays small');
  const source = new ReadableStream<Message>({
    start(controller) {
      for (const message of ['hello', bytes, '', 'Grüße 🚀']) controller.enqueue(message);
      controller.close();
    },
  });
  const received: Message[] = [];
  for await (const message of source.pipeThrough(upperCase())) received.push(message);
  assert.equal(received, ['HELLO', bytes, '', 'GRÜSSE 🚀']);
  assert.is(received[1], bytes);
});

test.run();
