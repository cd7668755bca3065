import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { close, RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';
import { Child } from './child.ts';

const test = suite('stop-signal');

test.before(() => Child.bundle());

async function connect(child: Child): Promise<RawClient> {
  const line = await child.firstLine();
  return RawClient.open(Number(line.slice(line.lastIndexOf(':') + 1)));
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`a second ${signal} ends a process at once that waits for a client to close`, async () => {
    await using child = Child.cli('echo', '--port', '0');
    using client = await connect(child);
    child.signal(signal);
    assert.is((await client.untilClose()).code, 1001);
    // The client does not answer. What comes very soon after the first signal counts as the first.
    await until(() => {
      if (child.isRunning) child.signal(signal);
      return !child.isRunning;
    }, 'the process has ended');
    assert.is((await child.exit()).code, code);
  });
}

test('a signal that comes twice at once, as npm sends it on, counts once', async () => {
  await using child = Child.cli('echo', '--port', '0');
  using client = await connect(child);
  child.signal('SIGINT');
  child.signal('SIGTERM');
  assert.is((await client.untilClose()).code, 1001);
  child.signal('SIGINT');
  client.send(close(1001));
  await client.finished();
  client.end();
  assert.is((await child.exit()).code, 0);
});

test.run();
