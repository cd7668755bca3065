import { PassThrough } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeConnection } from '../../lib/adapter/node-site.ts';
import { WaitingConnections } from '../../lib/adapter/waiting-connections.ts';
import { turns } from '../support/until.ts';

const test = suite('waiting connections');

function sockets(count: number): PassThrough[] {
  return Array.from({ length: count }, () => new PassThrough());
}

function alive(all: readonly PassThrough[]): number[] {
  return all.flatMap(({ destroyed }, index) => (destroyed ? [] : [index]));
}

test('holds as many as there are places, and cuts the oldest beyond that', () => {
  const waiting = new WaitingConnections(20);
  const all = sockets(23);
  for (const socket of all) waiting.add(new NodeConnection(socket));
  assert.equal(alive(all)[0], 3);
  assert.equal([alive(all).length, waiting.size], [20, 20]);
});

test('holds sixteen at least', () => {
  const waiting = new WaitingConnections(1);
  const all = sockets(17);
  for (const socket of all) waiting.add(new NodeConnection(socket));
  assert.equal([alive(all).length, waiting.size], [16, 16]);
});

test('one that is added again is the youngest', () => {
  const waiting = new WaitingConnections(1);
  const all = sockets(17);
  for (const socket of all.slice(0, 16)) waiting.add(new NodeConnection(socket));
  waiting.add(new NodeConnection(all[0] as PassThrough));
  waiting.add(new NodeConnection(all[16] as PassThrough));
  assert.equal(all[1]?.destroyed, true);
  assert.equal([alive(all).length, waiting.size], [16, 16]);
});

test('one that was deleted or has closed waits no more', async () => {
  const waiting = new WaitingConnections(1);
  const [first, second, third] = sockets(3) as [PassThrough, PassThrough, PassThrough];
  for (const socket of [first, second, third]) waiting.add(new NodeConnection(socket));
  waiting.delete(new NodeConnection(first));
  second.destroy();
  await turns(1);
  assert.is(waiting.size, 1);
  waiting.add(new NodeConnection(second));
  assert.is(waiting.size, 1, 'one that is destroyed already is not added');
  assert.not(first.destroyed);
});

test('two sockets of one connection are one: the later stands for both, and the close of the earlier does not take it away', async () => {
  const waiting = new WaitingConnections(1);
  const peer = { remoteAddress: '192.0.2.1', remotePort: 1234 };
  const raw = Object.assign(new PassThrough(), peer);
  const secure = Object.assign(new PassThrough(), peer);
  waiting.add(new NodeConnection(raw));
  waiting.add(new NodeConnection(secure));
  assert.is(waiting.size, 1);
  raw.destroy();
  await turns(1);
  assert.is(waiting.size, 1);
  waiting.delete(new NodeConnection(raw));
  assert.is(waiting.size, 0);
});

test('without a limit of places nothing is held', () => {
  const waiting = new WaitingConnections(Number.POSITIVE_INFINITY);
  const all = sockets(100);
  for (const socket of all) waiting.add(new NodeConnection(socket));
  assert.equal([alive(all).length, waiting.size], [100, 0]);
});

test.run();
