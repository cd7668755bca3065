import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertNothingEscaped } from '../support/server.ts';
import { until, within } from '../support/until.ts';
import { Client, ID, start, visit } from './visitor.ts';

const test = suite('visit');

test('a page sees the frames of its talk, and its commands change the transform', async () => {
  await using running = await start();
  const { watch, talk } = await visit(running.url);
  await watch.isTold({ type: 'settings', transform: 'upper', bytesPerSecond: null });
  talk.socket.send('alone');
  await talk.hears('ALONE');
  watch.say({ type: 'transform', name: 'rot13' });
  await watch.isTold({ type: 'settings', transform: 'rot13' });
  talk.socket.send('alone');
  await talk.hears('nybar');
  const rows = (): string[] =>
    watch.told
      .flatMap(({ frames = [] }) => frames as { direction: string; preview: string }[])
      .map(({ direction, preview }) => `${direction} ${preview}`);
  await until(() => rows().length === 4, 'four rows');
  assert.equal(rows(), ['to-server "alone"', 'to-client "ALONE"', 'to-server "alone"', 'to-client "nybar"']);
  assert.ok(
    running.lines.every((line) => !line.includes('watch')),
    'what is told is not told of',
  );
});

test('a reader that a page has stopped holds its messages back, and the gauges tell', async () => {
  await using running = await start();
  const { watch, talk } = await visit(running.url);
  watch.say({ type: 'speed', bytesPerSecond: 0 });
  await watch.isTold({ type: 'settings', bytesPerSecond: 0 });
  for (const text of ['one', 'two', 'three']) talk.socket.send(text);
  const unread = (): number =>
    Math.max(0, ...watch.told.map(({ gauges }) => (gauges as { unread: number } | undefined)?.unread ?? 0));
  await until(() => unread() >= 128, 'two messages wait');
  assert.equal(talk.texts, []);
  watch.say({ type: 'speed', bytesPerSecond: null });
  await talk.hears('THREE');
});

test('a page lets the server ping, close with a code, and hang up', async () => {
  await using running = await start();
  const { watch, talk } = await visit(running.url);
  watch.say({ type: 'ping' });
  await within(once(talk.socket, 'ping'), 'a ping');
  await until(
    () => watch.told.some(({ type, roundTrip }) => type === 'pong' && Number(roundTrip) >= 0),
    'its round trip',
  );
  watch.say({ type: 'close', code: 4001, reason: 'enough' });
  assert.is(await talk.closed(), 4001);
  await until(
    () => watch.told.some(({ end }) => (end as { initiator: string } | undefined)?.initiator === 'local'),
    'the end',
  );
  const again = await Client.open(`${running.url}/echo?id=${ID}`);
  watch.say({ type: 'drop' });
  assert.is(await again.closed(), 1006);
  await until(
    () => watch.told.some(({ end }) => (end as { state: string } | undefined)?.state === 'failed'),
    'the end',
  );
});

test('what is no command closes the page’s second connection with 1008, and nothing else', async () => {
  await using running = await start();
  for (const bad of [
    'hello',
    '{',
    '1',
    'null',
    '{}',
    '{"type":"toString"}',
    '{"type":"transform","name":"toString"}',
    '{"type":"speed","bytesPerSecond":-1}',
    '{"type":"speed"}',
    '{"type":"close","code":1005,"reason":""}',
    '{"type":"close","code":1000}',
    `{"type":"close","code":1000,"reason":"${'x'.repeat(124)}"}`,
  ]) {
    const { watch, talk } = await visit(running.url);
    watch.socket.send(bad);
    assert.is(await watch.closed(), 1008, bad);
    talk.socket.send('still here');
    await talk.hears('STILL HERE');
    talk.socket.terminate();
    await until(() => running.visits.size === 0, 'the visit is over');
  }
  const { watch } = await visit(running.url);
  watch.socket.send('x'.repeat(5000));
  assert.is(await watch.closed(), 1009);
});

test('stopping ends a talk whose reader stands still, and nothing escapes', async () => {
  {
    await using running = await start();
    const { watch, talk } = await visit(running.url);
    watch.say({ type: 'speed', bytesPerSecond: 0 });
    await watch.isTold({ type: 'settings', bytesPerSecond: 0 });
    talk.socket.send('never read');
    await until(
      () =>
        watch.told.some(({ gauges }) => (gauges as { payloadReceived: number } | undefined)?.payloadReceived === 10),
      'it has come',
    );
    const closes = [watch.closed(), talk.closed()];
    await running[Symbol.asyncDispose]();
    assert.equal(await Promise.all(closes), [1001, 1001]);
  }
  await assertNothingEscaped();
});

test.run();
