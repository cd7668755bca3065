// When extensions may rest: no message has come or gone for a while. On the watchdog alone, and over a connection.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import { Watchdog, type WatchdogOwner } from '../../lib/connection/watchdog.ts';
import { PermessageDeflate } from '../../lib/extension/permessage-deflate.ts';
import { createPair } from '../../lib/testing/pair.ts';
import { installable } from '../support/extensions.ts';
import { JumpingClock } from '../support/jumping-clock.ts';

const NEVER = Number.POSITIVE_INFINITY;
const off = { pingInterval: NEVER, pingTimeout: NEVER, stallTimeout: NEVER, idleTimeout: NEVER, restAfter: NEVER };

function createWatchdog(limits: Partial<typeof off>, more: Partial<WatchdogOwner> = {}) {
  const clock = new JumpingClock();
  const calls: string[] = [];
  const note = (call: string) => () => void calls.push(`${call} ${clock.now()}`);
  const owner: WatchdogOwner = {
    isReadingHeldUp: false,
    isBusy: false,
    writingSince: undefined,
    tooOldAt: NEVER,
    sendPing: note('ping'),
    sendProbe: note('probe'),
    pingTimedOut: note('dead'),
    writeStalled: note('stalled'),
    queueTooOld: note('too old'),
    sessionIdle: () => {
      note('idle')();
      watchdog.stop();
    },
    rest: note('rest'),
    ...more,
  };
  const scheduler = { schedule: (task: () => void) => void setImmediate(task) };
  const all = { ...off, ...limits };
  const watchdog = new Watchdog(owner, { clock, scheduler }, all, all.restAfter);
  return { clock, calls, watchdog };
}

const test = suite('watchdog · rest');

test('after the time without a message extensions rest, once; then no timer is left', async () => {
  const { clock, calls } = createWatchdog({ restAfter: 100 });
  await clock.turn(99);
  assert.equal(calls, []);
  await clock.turn(1);
  assert.equal([calls, clock.pending], [['rest 100'], 0]);
  await clock.turn(10_000);
  assert.equal(calls, ['rest 100']);
});

test('each message begins the time anew, and after a rest the next one', async () => {
  const { clock, calls, watchdog } = createWatchdog({ restAfter: 100 });
  for (let count = 0; count < 10; count++) {
    await clock.turn(60);
    watchdog.dataMoved();
  }
  assert.equal(calls, []);
  await clock.turn(100);
  assert.equal(calls, ['rest 700']);
  await clock.turn(1000);
  watchdog.dataMoved();
  await clock.turn(99);
  assert.equal(calls, ['rest 700']);
  await clock.turn(1);
  assert.equal(calls, ['rest 700', 'rest 1800']);
});

test('bytes and pings are no messages', async () => {
  const { clock, calls, watchdog } = createWatchdog({ restAfter: 100, pingInterval: 40, pingTimeout: 1000 });
  for (let count = 0; count < 4; count++) {
    await clock.turn(30);
    watchdog.heard();
  }
  assert.equal(calls, ['rest 100']);
});

test('it rests while messages wait, and beside the other times', async () => {
  const { clock, calls } = createWatchdog({ restAfter: 100, idleTimeout: 150, pingInterval: 100 }, { isBusy: true });
  await clock.turn(100);
  assert.equal(calls, ['rest 100', 'ping 100']);
  await clock.turn(1000);
  assert.equal(
    calls.filter((call) => call.startsWith('rest')),
    ['rest 100'],
  );
});

test('where it rests as late as it is idle, it rests first and then the session ends', async () => {
  const { clock, calls } = createWatchdog({ restAfter: 100, idleTimeout: 100 });
  await clock.turn(100);
  assert.equal(calls, ['rest 100', 'idle 100']);
});

test('without extensions that rest nothing is armed', () => {
  assert.is(createWatchdog({}).clock.pending, 0);
});

test('stopped, it does not call any more', async () => {
  const { clock, calls, watchdog } = createWatchdog({ restAfter: 100 });
  watchdog.stop();
  await clock.turn(1000);
  assert.equal([calls, clock.pending], [[], 0]);
});
test.run();

const connection = suite('watchdog · rest of a connection');

function deflate(contextTimeout: number): PermessageDeflate {
  return new PermessageDeflate(chooseDeflateCodec(), { contextTimeout, threshold: 0 });
}

connection('a connection that is silent gives its contexts up, and goes on when the next message comes', async () => {
  const [server, client] = [deflate(500), deflate(5000)];
  await using pair = createPair({ server: { extensions: [server] }, client: { extensions: [client] } });
  const text = 'the same again, '.repeat(20);
  /** How many bytes the text takes, sent by one to the other. */
  const sizeOf = async (from: 'server' | 'client'): Promise<number> => {
    const { session } = pair[from];
    const before = session.counters.bytesSent;
    await session.send(text);
    assert.is(await pair[from === 'server' ? 'client' : 'server'].session.receive(), text);
    await session.flush();
    return session.counters.bytesSent - before;
  };
  const full = { server: await sizeOf('server'), client: await sizeOf('client') };
  for (let count = 0; count < 3; count++) {
    assert.ok((await sizeOf('server')) < full.server && (await sizeOf('client')) < full.client, 'it refers back');
    await pair.clock.turn(600);
    assert.is(await sizeOf('server'), full.server, 'it has rested');
    assert.ok((await sizeOf('client')) < full.client, 'not yet');
  }
  pair.client.session.close(1000);
  await pair.ended();
  assert.equal(
    [server.contexts, client.contexts],
    [
      { deflaters: 0, inflaters: 0 },
      { deflaters: 0, inflaters: 0 },
    ],
  );
});

connection('a rest while a long message is under way takes nothing from it', async () => {
  const [server, client] = [deflate(500), deflate(500)];
  await using pair = createPair({ server: { extensions: [server] }, client: { extensions: [client] } });
  const half = 'half of it, '.repeat(100);
  const slow = (async function* () {
    yield half;
    await new Promise((resolve) => pair.clock.setTimeout(() => resolve(undefined), 5000));
    yield half;
  })();
  const sent = pair.client.session.send(slow);
  const received = pair.server.session.receive();
  await pair.clock.turn(6000);
  assert.is(await received, half + half);
  await sent;
});

connection('what an extension throws when it rests or is closed is reported, and ends nothing', async () => {
  const reported: string[] = [];
  const onError = (error: unknown) => void reported.push(`${(error as Error).message}: ${(error as Error).cause}`);
  const throwing = (name: string) => () => {
    throw new RangeError(name);
  };
  const bad = installable('x-bad', () => ({ restAfter: 100, rest: throwing('rest'), close: throwing('close') }));
  const good = installable('x-bad', () => ({}));
  await using pair = createPair({
    server: { extensions: [bad], userContext: { onError } },
    client: { extensions: [good] },
  });
  await pair.clock.turn(150);
  assert.equal(reported, ['Extension "x-bad" failed: RangeError: rest']);
  await pair.client.session.send('still here?');
  assert.is(await pair.server.session.receive(), 'still here?');
  pair.client.session.close(1000);
  const { server } = await pair.ended();
  assert.ok(server.wasClean);
  assert.equal(reported, ['Extension "x-bad" failed: RangeError: rest', 'Extension "x-bad" failed: RangeError: close']);
});
connection.run();
