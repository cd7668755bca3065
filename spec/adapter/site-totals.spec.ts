import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SiteTotals } from '../../lib/adapter/site-totals.ts';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Counters } from '../../lib/connection/counters.ts';

const test = suite('totals of the sessions of a server');

function counters(factor: number): Counters {
  return {
    messagesReceived: factor,
    messagesSent: 2 * factor,
    bytesReceived: 3 * factor,
    bytesSent: 4 * factor,
    unread: 5 * factor,
    queued: 6 * factor,
    dropped: { messages: 7 * factor, bytes: 8 * factor },
    roundTrip: 9,
  };
}

function end(initiator: 'local' | 'remote', received: number | undefined, sent: number | undefined): CloseInfo {
  const status = (closeCode: number | undefined) => (closeCode === undefined ? undefined : { closeCode, reason: '' });
  return {
    closeCode: received ?? 1006,
    reason: '',
    wasClean: received !== undefined && sent !== undefined,
    initiator,
    received: status(received),
    sent: status(sent),
    error: undefined,
    abandoned: { messages: 0, bytes: 0, handler: false },
  };
}

test('sums closed and open sessions; what waits is that of the open ones alone', () => {
  const totals = new SiteTotals();
  totals.fold(counters(1), end('remote', 1000, 1000));
  totals.fold(counters(10), end('remote', 1000, 1000));
  assert.equal(totals.with([{ counters: counters(100) }, { counters: counters(1000) }]), {
    messagesReceived: 1111,
    messagesSent: 2222,
    bytesReceived: 3333,
    bytesSent: 4444,
    dropped: { messages: 7777, bytes: 8888 },
    unread: 5500,
    queued: 6600,
    closed: { 1000: 2 },
  });
  const { messagesReceived, unread } = totals.with([]);
  assert.equal([messagesReceived, unread], [11, 0], 'the open ones are not kept');
});

const ends: readonly (readonly [string, number, CloseInfo])[] = [
  ['the peer’s code when the peer began', 3000, end('remote', 3000, 3000)],
  ['the peer’s code although our answer never went out', 3000, end('remote', 3000, undefined)],
  ['1005 when the peer began without a code', 1005, end('remote', 1005, 1005)],
  ['1006 when the peer was gone without a close frame', 1006, end('remote', undefined, undefined)],
  ['our code when we began, whatever the peer answered', 1011, end('local', 1005, 1011)],
  ['our code when we began and the peer never answered', 1001, end('local', undefined, 1001)],
  ['1006 when we cut without a close frame', 1006, end('local', undefined, undefined)],
];

for (const [what, code, info] of ends) {
  test(`counts ${what}`, () => {
    const totals = new SiteTotals();
    totals.fold(counters(0), info);
    assert.equal(totals.with([]).closed, { [code]: 1 });
  });
}

test('what was read before does not change', () => {
  const totals = new SiteTotals();
  const before = totals.with([]);
  totals.fold(counters(1), end('remote', 1000, 1000));
  assert.equal([before.messagesSent, before.closed], [0, {}]);
});

test.run();
