import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/until.ts';
import { Client, ID, start, visit } from './visitor.ts';

const test = suite('visits');

test('a guest without a page is echoed in upper case, or through the transform that it names', async () => {
  await using running = await start();
  for (const [path, answer, name] of [
    ['/ws', 'ABC', 'ws '],
    ['/ws', 'ABC', 'guest 1'],
    ['//?transform=reverse', 'cba', 'guest 2'],
    [`/echo?id=${ID}&transform=rot13`, 'nop', 'guest 3'],
    ['/?transform=toString', 'ABC', 'guest 4'],
  ] as const) {
    const { socket, ...client } = await Client.open(running.url + path);
    socket.send('abc');
    await until(() => client.texts.length === 1, 'the echo');
    assert.equal(client.texts, [answer]);
    assert.ok(
      running.lines.some((line) => line.includes(`  ${name}`) && line.includes('text')),
      name,
    );
    socket.terminate();
  }
});

test('an id is one page’s, as long as that is open, and must look like one', async () => {
  await using running = await start();
  const { watch } = await visit(running.url);
  assert.is(await (await Client.open(`${running.url}/watch?id=${ID}`)).closed(), 1008);
  assert.is(await (await Client.open(`${running.url}/watch?id=short`)).closed(), 1008);
  assert.is(await (await Client.open(`${running.url}/watch`)).closed(), 1008);
  assert.is(running.visits.size, 1);
  watch.socket.close(1000);
  assert.is(await watch.closed(), 1000);
  await until(() => running.visits.size === 0, 'the visit is over');
  await visit(running.url);
});

test.run();
