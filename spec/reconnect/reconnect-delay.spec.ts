// How long is waited before the next try: at random, longer and longer, and as the server wants it. RFC 6455 §7.2.3.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { HandshakeError } from '../../lib/error.ts';
import { ReconnectDelay, retryAfter } from '../../lib/reconnect/reconnect-delay.ts';
import type { Loss } from '../../lib/reconnect/reconnect-state.ts';
import { Random } from '../support/random.ts';

const test = suite('reconnect delay');
const bounds = { firstDelay: 5_000, maxDelay: 60_000, maxRetryAfter: 3_600_000 };
const lost: Pick<Loss, 'closeInfo' | 'error'> = { closeInfo: undefined, error: undefined };
const random = new Random();
const entropy = (bytes: Uint8Array): void => bytes.set(random.bytes(bytes.byteLength));
const ones = (bytes: Uint8Array): void => void bytes.fill(0xff);
const zeros = (bytes: Uint8Array): void => void bytes.fill(0);

function refused(...headers: [string, string][]): Pick<Loss, 'closeInfo' | 'error'> {
  return { closeInfo: undefined, error: new HandshakeError('ERR_WS_NOT_UPGRADED', 'no', 503, { headers }) };
}

function closed(closeCode: number): Pick<Loss, 'closeInfo' | 'error'> {
  return { closeInfo: { initiator: 'remote', closeCode } as CloseInfo, error: undefined };
}

/** Where the delays of so many clients fall, in tenths of the longest. */
function spread(tries: number, longest: number): number[] {
  const tenths = new Array<number>(10).fill(0);
  for (let client = 0; client < 2_000; client++) {
    const delay = new ReconnectDelay(bounds, entropy);
    let last = 0;
    for (let index = 0; index < tries; index++) last = delay.next(lost);
    const tenth = Math.floor((last / longest) * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  return tenths;
}

test('the first delay is anywhere from 0 to 5 s, each place as likely; so is each further one, from 0 to twice as much', () => {
  for (const [tries, longest] of [
    [1, 5_000],
    [2, 10_000],
    [5, 60_000],
  ] as const) {
    const tenths = spread(tries, longest);
    assert.is(tenths.length, 10, `none is beyond ${longest}`);
    // 200 are expected, with a deviation of 13: these bounds are six of them away.
    for (const count of tenths) assert.ok(count > 120 && count < 280, `${tenths}`);
  }
});

test('the longest delay doubles up to its bound, for ever, and is the first again after a reset', () => {
  const delay = new ReconnectDelay(bounds, ones);
  const next = (): number => Math.round(delay.next(lost));
  assert.equal([next(), next(), next(), next(), next()], [5_000, 10_000, 20_000, 40_000, 60_000]);
  for (let index = 0; index < 2_000; index++) assert.is(next(), 60_000);
  delay.reset();
  assert.is(next(), 5_000);
});

test('no first delay makes no delay at all', () => {
  const delay = new ReconnectDelay({ ...bounds, firstDelay: 0 }, ones);
  for (let index = 0; index < 2_000; index++) assert.is(delay.next(lost), 0);
});

test('1012 and 1013 are waited for from 5 to 30 s, as the registry of close codes says it of 1012', () => {
  for (const code of [1012, 1013]) {
    assert.is(new ReconnectDelay(bounds, zeros).next(closed(code)), 5_000);
    assert.is(Math.round(new ReconnectDelay(bounds, ones).next(closed(code))), 30_000);
  }
  assert.is(new ReconnectDelay(bounds, zeros).next(closed(1001)), 0);
  assert.is(new ReconnectDelay({ ...bounds, maxDelay: 9_000 }, ones).next(closed(1012)), 9_000);
});

test('Retry-After is waited for, with the delay on top, up to its bound', () => {
  assert.is(new ReconnectDelay(bounds, zeros).next(refused(['retry-after', '7'])), 7_000);
  assert.is(Math.round(new ReconnectDelay(bounds, ones).next(refused(['Retry-After', ' 7 ']))), 12_000);
  assert.is(new ReconnectDelay(bounds, zeros).next(refused(['Retry-After', '9999999999'])), 3_600_000);
});

test('Retry-After may be a date, by the server’s own clock where it tells that', () => {
  const date = (value: string, ...more: [string, string][]): number | undefined =>
    retryAfter({ headers: [['Retry-After', value], ...more] }, Date.UTC(2026, 0, 1));
  assert.is(date('Thu, 01 Jan 2026 00:01:00 GMT'), 60_000);
  assert.is(date('Thu, 01 Jan 2026 00:01:00 GMT', ['Date', 'Thu, 01 Jan 2026 00:00:50 GMT']), 10_000);
  assert.is(date('Wed, 31 Dec 2025 00:00:00 GMT'), 0);
});

test('what is no Retry-After says nothing', () => {
  for (const value of ['', '-1', '1.5', '1e3', 'soon', '99999999999', '2026-01-01', 'Thu, nonsense', '0x10']) {
    assert.is(retryAfter({ headers: [['Retry-After', value]] }), undefined, value);
  }
  assert.is(retryAfter({ headers: [] }), undefined);
});

test.run();
