// A transport between its receivers: what is held, what is told, and what is written before the receiver is there.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HoldingTransport } from '../../lib/adapter/holding-transport.ts';
import type { TransportReceiver } from '../../lib/stream/transport.ts';
import { fromLatin1, latin1 } from '../support/deliver-response.ts';
import { TransportByHand } from '../support/transport-by-hand.ts';
import { turns } from '../support/until.ts';

const test = suite('holding transport');

interface Told extends TransportReceiver {
  readonly told: string[];
}

function receiver(): Told {
  const told: string[] = [];
  return {
    told,
    chunkReceived: (chunk, isOwned) => void told.push(`${fromLatin1(chunk)}${isOwned ? ' owned' : ''}`),
    endReceived: () => void told.push('end'),
    writeTaken: () => void told.push('taken'),
    endSent: () => void told.push('end sent'),
    transportClosed: (error) => void told.push(`closed ${error ?? ''}`),
  };
}

function create(...held: string[]): { inner: TransportByHand; holding: HoldingTransport; closed: string[] } {
  const inner = new TransportByHand(...held.map(latin1));
  const closed: string[] = [];
  return { inner, holding: new HoldingTransport(inner, () => void closed.push('closed')), closed };
}

const watcher = { held: (): void => {}, gone: (): void => {} };

test('started at once it is the transport underneath', () => {
  const { inner, holding } = create('head');
  const first = receiver();
  holding.start(first);
  inner.give(latin1('a'), true);
  holding.write([latin1('b')]);
  inner.take();
  holding.pause();
  holding.resume();
  inner.giveEnd();
  holding.end();
  inner.takeEnd();
  inner.close(new Error('lost'));
  assert.equal(first.told, ['head', 'a owned', 'taken', 'end', 'end sent', 'closed Error: lost']);
  assert.equal(inner.asked, ['start', 'write 1', 'pause', 'resume', 'end']);
});

test('what comes between two receivers is the second’s, behind what the first did not use', () => {
  const { inner, holding } = create();
  const [first, second] = [receiver(), receiver()];
  holding.start(first);
  inner.give(latin1('for both'));
  holding.detach(latin1('both'), true);
  inner.give(latin1('more'));
  assert.is(holding.held, 8);
  holding.start(second);
  inner.give(latin1('last'));
  assert.equal([first.told, second.told], [['for both'], ['both owned', 'more', 'last']]);
  assert.equal([inner.asked, holding.held], [['start'], 0]);
});

test('while it is watched the peer waits beyond the size, and goes on when it is started', () => {
  const { inner, holding } = create();
  let held = 0;
  holding.watch(10, { ...watcher, held: () => held++ });
  inner.give(latin1('12345'));
  assert.equal(inner.asked, ['start']);
  inner.give(latin1('67890'));
  assert.equal([inner.asked, held], [['start', 'pause'], 2]);
  const last = receiver();
  holding.start(last);
  assert.equal(
    [inner.asked, last.told],
    [
      ['start', 'pause', 'resume'],
      ['12345', '67890'],
    ],
  );
});

test('a receiver that was paused leaves no paused transport behind', () => {
  const { inner, holding } = create();
  holding.start(receiver());
  holding.pause();
  holding.detach();
  holding.watch(10, watcher);
  assert.equal(inner.asked, ['start', 'pause', 'resume']);
});

for (const [how, gone] of [
  ['ends without having sent anything', true],
  ['ends behind what it sent', false],
  ['closes', true],
] as const) {
  test(`a peer that ${how} is ${gone ? 'gone' : 'still to be answered'}`, async () => {
    const { inner, holding } = create();
    let isGone = false;
    const start = (): void =>
      holding.watch(10, {
        ...watcher,
        gone: () => {
          isGone = true;
        },
      });
    start();
    if (how.includes('behind')) inner.give(latin1('x'));
    if (how === 'closes') inner.close();
    else inner.giveEnd();
    assert.is(isGone, gone);
    isGone = false;
    start();
    await turns(1);
    assert.is(isGone, gone, 'who watches later is told too');
    const last = receiver();
    holding.start(last);
    await turns(1);
    assert.equal(last.told.slice(-1), [how === 'closes' ? 'closed ' : 'end']);
  });
}

test('the end that comes while it is started is told once', async () => {
  const { inner, holding } = create();
  holding.watch(10, watcher);
  inner.giveEnd();
  const first = receiver();
  holding.start(first);
  holding.detach();
  const second = receiver();
  holding.start(second);
  await turns(1);
  assert.equal([first.told, second.told], [[], ['end']]);
});

test('bytes that lead go first; the receiver is not told of them, and its write waits for them', () => {
  const { inner, holding } = create();
  const first = receiver();
  holding.watch(10, watcher);
  holding.lead(latin1('lead'));
  holding.start(first);
  holding.write([latin1('a'), latin1('b')]);
  holding.end();
  assert.equal(inner.asked, ['start', 'write 4']);
  inner.take();
  assert.equal([inner.asked.slice(2), first.told], [['write 2'], []]);
  inner.take();
  assert.equal([inner.asked.slice(3), first.told], [['end'], ['taken']]);
  assert.is(fromLatin1(inner.written), 'leadab');
});

test('a lead that is taken before the receiver writes is told to nobody', () => {
  const { inner, holding } = create();
  const first = receiver();
  holding.lead(latin1('lead'));
  inner.asked.length = 0;
  holding.start(first);
  inner.take();
  assert.equal(first.told, []);
  holding.write([latin1('a')]);
  inner.take();
  assert.equal(first.told, ['taken']);
});

test('it concludes behind a write that is on its way; what was held and what comes is thrown away', () => {
  const { inner, holding } = create();
  const first = receiver();
  holding.start(first);
  holding.write([latin1('first')]);
  holding.pause();
  holding.conclude(latin1('last'));
  inner.give(latin1('ignored'));
  assert.equal([inner.asked, holding.held], [['start', 'write 5', 'pause', 'resume'], 0]);
  inner.take();
  inner.take();
  assert.equal(inner.asked.slice(4), ['write 4', 'end']);
  inner.takeEnd();
  assert.not(inner.isDestroyed, 'the peer has not ended');
  inner.giveEnd();
  assert.ok(inner.isDestroyed);
  assert.equal(first.told, []);
});

test('it concludes with nothing to write; one in haste does not wait for the peer', () => {
  const { inner, holding } = create();
  holding.start(receiver());
  holding.conclude(new Uint8Array(0), true);
  assert.equal(inner.asked, ['start', 'end']);
  inner.takeEnd();
  assert.ok(inner.isDestroyed);
});

test('destroyed before it was started it still tells of its end', () => {
  const { inner, holding, closed } = create();
  holding.destroy();
  assert.equal(inner.asked, ['start', 'destroy']);
  inner.close();
  assert.equal([closed, holding.isClosed], [['closed'], true]);
  holding.write([latin1('x')]);
  holding.lead(latin1('x'));
  holding.conclude(latin1('x'));
  holding.destroy();
  assert.equal(inner.asked, ['start', 'destroy'], 'nothing is asked of one that is closed');
});

test.run();
