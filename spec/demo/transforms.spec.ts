import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isTransformName, type TransformName, transformText } from '../../lib/demo/transforms.ts';
import type { Message } from '../../lib/node.ts';

const test = suite('transforms');

async function transform(nameOf: () => TransformName, messages: readonly Message[]): Promise<Message[]> {
  const source = new ReadableStream<Message>({
    start(controller) {
      for (const message of messages) controller.enqueue(message);
      controller.close();
    },
  });
  const received: Message[] = [];
  for await (const message of source.pipeThrough(transformText(nameOf))) received.push(message);
  return received;
}

const expected: readonly [TransformName, string, string][] = [
  ['none', 'Grüße 🚀', 'Grüße 🚀'],
  ['upper', 'Grüße 🚀', 'GRÜSSE 🚀'],
  ['reverse', 'one 👩‍🚀 e\u0301!', '!e\u0301 👩‍🚀 eno'],
  ['reverse', '', ''],
  ['rot13', 'Nop, az ü 1!', 'Abc, nm ü 1!'],
];

for (const [name, text, result] of expected) {
  test(`"${name}" makes "${result}" of "${text}"`, async () => {
    assert.equal(await transform(() => name, [text]), [result]);
  });
}

test('binary messages are passed on as they are, and none is lost', async () => {
  const bytes = new TextEncoder().encode('stays small');
  const received = await transform(() => 'upper', ['hello', bytes, '']);
  assert.equal(received, ['HELLO', bytes, '']);
  assert.is(received[1], bytes);
});

test('the name is asked for at each message', async () => {
  const names: TransformName[] = ['upper', 'reverse', 'none'];
  assert.equal(await transform(() => names.shift() ?? 'none', ['ab', 'ab', 'ab']), ['AB', 'ba', 'ab']);
});

test('only names of transforms are names of transforms', () => {
  for (const name of ['none', 'upper', 'reverse', 'rot13']) assert.ok(isTransformName(name));
  for (const name of ['', 'UPPER', 'toString', '__proto__', 'constructor', null, undefined, 1, {}])
    assert.not(isTransformName(name));
});

test.run();
