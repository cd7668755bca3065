// The example of many processes: spec/examples/cluster.ts.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type Session } from '../../lib/node.ts';
import { Example } from '../support/example.ts';
import { assertNothingEscaped, endOf } from '../support/server.ts';
import { within } from '../support/until.ts';

const test = suite('examples · cluster');

const hear = async (session: Session): Promise<string> => String(await within(session.receive(), 'a message'));

/** Connects until there are sessions of both processes. */
async function openBoth(example: Example): Promise<Map<number, Session>> {
  const sessions = new Map<number, Session>();
  for (let count = 0; sessions.size < 2 && count < 10_000; count++) {
    const session = await connect(example.url());
    const pid = Number((await hear(session)).replace('process ', ''));
    if (sessions.has(pid)) await session.close();
    else sessions.set(pid, session);
  }
  assert.is(sessions.size, 2);
  return sessions;
}

test('what is said in one process is heard in all; one that falls is replaced; told to stop, all close with 1001', async () => {
  await using example = await Example.start('cluster', { WORKERS: '2' });
  const [[pid, one], [, other]] = [...(await openBoth(example))] as [[number, Session], [number, Session]];
  await one.send('hello');
  assert.equal([await hear(one), await hear(other)], ['hello', 'hello']);
  process.kill(pid, 'SIGKILL');
  assert.is((await endOf(one)).closeCode, 1006);
  await other.send('still here');
  assert.is(await hear(other), 'still here');
  // Its end is seen by its peers before the primary sees it, which may still hand it a connection until then.
  await example.printed(new RegExp(`^process ${pid} has fallen$`, 'm'));
  const again = await openBoth(example);
  assert.not(again.has(pid));
  await example.stop();
  for (const session of [other, ...again.values()]) assert.is((await endOf(session)).closeCode, 1001);
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
