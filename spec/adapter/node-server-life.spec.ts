// Nothing is left behind: connections open, live and end in every way, by the thousand, and handles, timers, listeners, sessions and heap are back where they
// were. CONNECTIONS says how many.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listeners } from '../support/left-behind.ts';
import { LifeClient } from '../support/life-client.ts';
import { FAILURE } from '../support/lives.ts';
import { inMiB, MiB, retainedMemory } from '../support/memory.ts';
import { text } from '../support/raw-client.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { Town } from '../support/town.ts';
import { turns, within } from '../support/until.ts';

const test = suite('node-server · life');

const CONNECTIONS = Number(process.env['CONNECTIONS'] ?? sized(500, 10_000));

test(`${CONNECTIONS} connections that live and end in every way leave nothing behind`, async () => {
  const processBefore = listeners(process);
  await using town = await new Town().open();
  // The first half is for what is compiled, cached and grown with the first connections.
  const half = CONNECTIONS / 2;
  await town.live(0, half);
  await town.settle();
  const before = await retainedMemory();
  await town.live(half, CONNECTIONS);
  assert.ok(town.shared.noted > half * 0.85, `${town.shared.noted} sessions`);
  await town.settle();
  const kept = (await retainedMemory()) - before;
  console.log(`life: ${half} connections behind ${half}: ${inMiB(kept)} more are retained`);
  // No session is held, that is known by now. What comes by itself (compiled code, tables of the platform) is less than this; some KiB of each of the
  // quick run's, 200 bytes of each of the whole battery's, would be more.
  assert.ok(kept < MiB, `${inMiB(kept)} more are retained`);
  const { reported } = town.shared;
  assert.ok(reported.length > 0);
  assert.ok(
    reported.every((error) => error === FAILURE),
    `reported: ${reported.find((error) => error !== FAILURE)}`,
  );
  await town.close();
  assert.equal(listeners(process), processBefore);
});

/** Opens a connection for each behaviour on each server, and leaves it as it is. */
async function openAll(town: Town): Promise<LifeClient[]> {
  const clients = town.houses.flatMap(({ port, behaviours }) =>
    behaviours.map(async (behaviour) => {
      const client = new LifeClient(port, true);
      assert.is(await client.ask(`/open/${behaviour}`), 101);
      client.send(text('one'), text('two', false));
      return client;
    }),
  );
  return Promise.all(clients);
}

const endings: readonly (readonly [string, (town: Town) => unknown])[] = [
  ['the signal of their engine context', (town) => town.shared.engine.abort()],
  ['the signal of their user context', (town) => town.shared.user.abort(new Error('enough'))],
  ['both signals at once', (town) => [town.shared.user, town.shared.engine].map((controller) => controller.abort())],
  ['a stop of their servers', () => {}],
];

for (const [what, end] of endings) {
  test(`connections in every state that are ended by ${what} leave nothing behind`, async () => {
    await using town = await new Town().open();
    const clients = await openAll(town);
    await turns(3);
    assert.ok(town.sessions.length > 20, `${town.sessions.length} are open`);
    await end(town);
    await town.close();
    for (const { gone } of clients) await within(gone, 'the end of a client');
  });
}

test('connections in every state that are cut by a stop without time leave nothing behind', async () => {
  await using town = await new Town().open();
  const clients = await openAll(town);
  await town.close({ timeout: 0 });
  for (const { gone } of clients) await within(gone, 'the end of a client');
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
