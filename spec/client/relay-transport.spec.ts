// One transport for two receivers in turn: what is told and asked goes to the one and from the one whose turn it is.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RelayTransport } from '../../lib/client/relay-transport.ts';
import type { TransportReceiver } from '../../lib/stream/transport.ts';
import { throws } from '../support/check.ts';
import { hex, toHex } from '../support/hex.ts';
import { TransportByHand } from '../support/transport-by-hand.ts';
import { turns } from '../support/until.ts';

const test = suite('relay transport');

/** Notes what it is told. */
class Listener implements TransportReceiver {
  readonly told: string[] = [];
  onChunk: (chunk: Uint8Array) => void = () => {};

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.told.push(`${isOwned ? 'own' : 'lent'} ${toHex(chunk)}`);
    this.onChunk(chunk);
  }

  endReceived(): void {
    this.told.push('end');
  }

  writeTaken(): void {
    this.told.push('taken');
  }

  endSent(): void {
    this.told.push('end sent');
  }

  transportClosed(error?: unknown): void {
    this.told.push(`closed ${String(error)}`);
  }
}

function make(): { transport: TransportByHand; first: Listener; second: Listener; relay: RelayTransport } {
  const transport = new TransportByHand();
  const first = new Listener();
  return { transport, first, second: new Listener(), relay: new RelayTransport(transport, first) };
}

test('it starts the transport once, and passes all of it on to the first receiver', () => {
  const { transport, first, relay } = make();
  transport.give(hex('01'), true);
  relay.write([hex('0a'), hex('0b')]);
  transport.take();
  transport.giveEnd();
  relay.end();
  transport.takeEnd();
  transport.close(new Error('x'));
  assert.equal(first.told, ['own 01', 'taken', 'end', 'end sent', 'closed Error: x']);
  assert.equal(transport.asked, ['start', 'write 2', 'end']);
});

test('the second receiver has first what the first one left over, and then all that comes', () => {
  const { transport, first, second, relay } = make();
  first.onChunk = (chunk) => relay.handOver(chunk.subarray(1)).start(second);
  transport.give(hex('01 02 03'), true);
  transport.give(hex('04'), true);
  transport.giveEnd();
  transport.close();
  assert.equal(first.told, ['own 01 02 03']);
  // Others may hold the chunk that the rest is a part of.
  assert.equal(second.told, ['lent 02 03', 'own 04', 'end', 'closed undefined']);
  assert.equal(transport.asked, ['start'], 'it is not started again');
});

test('no empty chunk is made of nothing that was left over', () => {
  const { transport, first, second, relay } = make();
  first.onChunk = () => relay.handOver(new Uint8Array(0)).start(second);
  transport.give(hex('01'));
  assert.equal(second.told, []);
});

test('what the second receiver asks goes to the transport, from inside its start too', () => {
  const { transport, second, relay } = make();
  second.onChunk = () => {
    relay.pause();
    relay.resume();
    relay.destroy(new Error('enough'));
  };
  relay.handOver(hex('01')).start(second);
  assert.equal(transport.asked, ['start', 'pause', 'resume', 'destroy']);
  assert.match(String(transport.reason), /enough/);
});

test('the first write of the second receiver waits until the last of the first was taken, and only that is told to it', () => {
  const { transport, first, second, relay } = make();
  relay.write([hex('01')]);
  relay.handOver(new Uint8Array(0)).start(second);
  relay.write([hex('02'), hex('03')]);
  assert.equal(transport.asked, ['start', 'write 1']);
  transport.take();
  assert.equal(transport.asked, ['start', 'write 1', 'write 2']);
  assert.equal(second.told, []);
  transport.take();
  assert.equal(second.told, ['taken']);
  assert.equal(first.told, [], 'its turn is over');
  relay.write([hex('04')]);
  transport.take();
  assert.equal(second.told, ['taken', 'taken']);
});

test('a write of the first receiver that is taken in the turn of the second is not told to the second, who has written nothing', () => {
  const { transport, second, relay } = make();
  relay.write([hex('01')]);
  relay.handOver(new Uint8Array(0)).start(second);
  transport.take();
  assert.equal(second.told, []);
  relay.write([hex('02')]);
  transport.take();
  assert.equal(second.told, ['taken']);
});

test('a transport that has closed tells it to the second receiver too, later', async () => {
  const { transport, second, relay } = make();
  const cause = new Error('reset');
  transport.close(cause);
  relay.handOver(new Uint8Array(0)).start(second);
  assert.equal(second.told, []);
  await turns(1);
  assert.equal(second.told, ['closed Error: reset']);
});

test('a transport that was closed while the second receiver waited for a write tells it that alone', () => {
  const { transport, second, relay } = make();
  relay.write([hex('01')]);
  relay.handOver(new Uint8Array(0)).start(second);
  relay.write([hex('02')]);
  transport.close();
  assert.equal(second.told, ['closed undefined']);
  assert.equal(transport.asked, ['start', 'write 1']);
});

test('the transport by hand of this spec finds writes that overlap', () => {
  const transport = new TransportByHand();
  transport.start(new Listener());
  transport.write([hex('01')]);
  throws(() => transport.write([hex('02')]), Error, /before the last write was taken/);
});

test.run();
