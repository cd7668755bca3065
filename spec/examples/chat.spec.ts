// The example of a chat: spec/examples/chat.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type Session } from '../../lib/node.ts';
import { Example } from '../support/example.ts';
import { RawClient } from '../support/raw-client.ts';
import { assertNothingEscaped, endOf } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('examples · chat');

const hear = (session: Session): Promise<unknown> => within(session.receive(), 'a line');

test('everybody hears everybody, who comes later gets the history, and who leaves is missed', async () => {
  await using example = await Example.start('chat');
  const ada = await connect(example.url('/chat/Ada'));
  assert.is(await hear(ada), '* Ada has come');
  await ada.send('hello');
  assert.is(await hear(ada), 'Ada: hello');
  const bob = await connect(example.url('/chat/Bob'));
  for (const line of ['* Ada has come', 'Ada: hello', '* Bob has come']) assert.is(await hear(bob), line);
  assert.is(await hear(ada), '* Bob has come');
  await bob.close();
  assert.is(await hear(ada), '* Bob has left');
  await ada.send(Uint8Array.of(1));
  assert.equal([(await endOf(ada)).closeCode, (await endOf(ada)).reason], [1003, 'Text only']);
  await example.stop();
});

test('one that reads nothing misses the oldest and holds up nobody; it sees the latest, and is told what it has missed', async () => {
  await using example = await Example.start('chat');
  const ada = await connect(example.url('/chat/Ada'));
  assert.is(await hear(ada), '* Ada has come');
  using slow = await RawClient.open(example.port, { target: '/chat/Slow' });
  assert.is(await hear(ada), '* Slow has come');
  slow.pause();
  const count = 1_500;
  for (let index = 0; index < count; index++) {
    await ada.send(`${index} ${'x'.repeat(16_000)}`);
    assert.match(String(await hear(ada)), new RegExp(`^Ada: ${index} x`));
  }
  slow.resume();
  const lines: string[] = [];
  const isLast = (): boolean => lines.at(-1)?.startsWith(`Ada: ${count - 1} `) === true;
  while (!isLast()) lines.push((await slow.frame()).payload.toString());
  const numbers = lines.flatMap((line) => /^Ada: (\d+) /.exec(line)?.[1] ?? []).map(Number);
  assert.equal(
    numbers,
    [...numbers].sort((left, right) => left - right),
  );
  assert.ok(numbers.length < count, `${numbers.length} lines of ${count}`);
  slow.send(Buffer.from('818200000000', 'hex'), Buffer.from('hi'));
  await until(() => slow.buffered > 0, 'an answer');
  assert.is((await slow.frame()).payload.toString(), `* you have missed ${count - numbers.length} messages`);
  assert.is((await slow.frame()).payload.toString(), 'Slow: hi');
  await ada.close();
  slow.socket.destroy();
  await example.stop();
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
