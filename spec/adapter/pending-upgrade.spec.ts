import type { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HoldingTransport } from '../../lib/adapter/holding-transport.ts';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import { PendingUpgrade } from '../../lib/adapter/pending-upgrade.ts';
import { RetainedBudget } from '../../lib/connection/retained-budget.ts';
import { destroyAllDuplexes, socketPair } from '../support/duplexes.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { standstill, until } from '../support/until.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

interface Made {
  readonly pending: PendingUpgrade;
  readonly transport: HoldingTransport;
  readonly ours: Duplex;
  readonly peer: Duplex;
  isShed: boolean;
}

async function create(budget?: RetainedBudget): Promise<Made> {
  const [ours, peer] = await socketPair();
  const transport = new HoldingTransport(new NodeTransport(ours));
  const onShed = (): void => {
    made.isShed = true;
    made.pending.refuse(new Error('too much'));
  };
  const pending = new PendingUpgrade(ours, transport, { size: 64 * KiB, budget, onShed });
  const made: Made = { pending, transport, ours, peer, isShed: false };
  pending.begin();
  return made;
}

const test = suite('pending upgrade');

test('what comes is held up to its size and about a chunk, then the client waits', async () => {
  const { pending, ours, peer } = await create();
  for (let count = 0; count < 64; count++) peer.write(new Uint8Array(MiB));
  const held = await standstill(() => pending.retained, 'what is held');
  assert.ok(held >= 64 * KiB && held <= 192 * KiB, `${held} bytes are held`);
  assert.ok(peer.writableLength > 16 * MiB, 'the rest waits at the client');
  ours.destroy();
  peer.destroy();
});

test('what is held counts in the budget until it is decided on, and is handed on then', async () => {
  const budget = new RetainedBudget(MiB);
  const { pending, transport, ours, peer } = await create(budget);
  peer.write('held');
  await until(() => budget.retained === 4, 'it counts');
  pending.release();
  assert.is(budget.retained, 0);
  const received: string[] = [];
  const ignore = (): void => {};
  const chunkReceived = (chunk: Uint8Array): void => void received.push(Buffer.from(chunk).toString());
  transport.start({ chunkReceived, endReceived: ignore, writeTaken: ignore, endSent: ignore, transportClosed: ignore });
  assert.equal([received, transport.held], [['held'], 0]);
  ours.destroy();
  peer.destroy();
});

for (const leave of ['end', 'destroy'] as const) {
  test(`a client that goes away (${leave}) ends the hooks, and nothing counts any more`, async () => {
    const budget = new RetainedBudget(MiB);
    const { pending, ours, peer } = await create(budget);
    if (leave === 'destroy') peer.write('held');
    await until(() => budget.retained > 0 || leave === 'end', 'it counts');
    peer[leave]();
    if (leave === 'destroy') ours.destroy();
    await until(() => pending.signal.aborted, 'the signal is aborted');
    assert.match(String(pending.signal.reason), /gone away/);
    await until(() => ours.destroyed, 'our side is gone too');
    assert.equal([budget.retained, pending.retained], [0, 0]);
    peer.destroy();
  });
}

test('over the budget the one that holds most is shed, and the others are not', async () => {
  const budget = new RetainedBudget(20 * KiB);
  const all = [await create(budget), await create(budget), await create(budget)];
  for (const [index, { pending, peer }] of all.entries()) {
    const size = (index === 1 ? 12 : 6) * KiB;
    peer.write(new Uint8Array(size));
    await until(
      () => pending.retained === size || pending.signal.aborted || all.some(({ isShed }) => isShed),
      'it is held',
    );
  }
  assert.equal(
    all.map(({ isShed }) => isShed),
    [false, true, false],
  );
  assert.is(budget.retained, 12 * KiB);
  for (const { ours, peer } of all) {
    ours.destroy();
    peer.destroy();
  }
});

test('one that was refused holds nothing, and reads what still comes, so that its client sees the answer and the end', async () => {
  const { pending, ours, peer } = await create();
  for (let count = 0; count < 16; count++) peer.write(new Uint8Array(MiB));
  await standstill(() => pending.retained, 'what is held');
  pending.refuse(new Error('no'));
  assert.ok(pending.signal.aborted);
  assert.is(pending.retained, 0);
  ours.resume();
  await until(() => peer.writableLength === 0, 'all has been read');
  assert.is(pending.retained, 0);
  ours.destroy();
  peer.destroy();
});

test('nothing has escaped', () => {
  destroyAllDuplexes();
  return assertNothingEscaped();
});

test.run();
