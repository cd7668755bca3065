import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits, ITEM_OVERHEAD, resolveLimits } from '../lib/limits.ts';
import { throws } from './support/check.ts';

const test = suite('limits · RFC 6455 §10.4');

const names = Object.keys(defaultLimits) as (keyof typeof defaultLimits)[];
const mayBeZero = ['lookAhead', 'maxUnsentPongs', 'closeTimeout', 'handlerTimeout', 'handshakeTimeout'];
const mayBeInfinite = [
  'maxMessageSize',
  'maxFrameSize',
  'maxFragments',
  'pingInterval',
  'pingTimeout',
  'idleTimeout',
  'stallTimeout',
  'maxMessageRate',
  'maxByteRate',
  'maxControlFrameRate',
  'maxConnections',
  'maxRetained',
];

test('the defaults are these', () => {
  assert.equal(defaultLimits, {
    maxMessageSize: 1_048_576,
    maxFrameSize: 1_048_576,
    maxFragments: 4096,
    maxUnsentPongs: 16,
    queueSize: 65_536,
    lookAhead: 65_536,
    closeTimeout: 5000,
    handlerTimeout: 5000,
    pingInterval: 20_000,
    pingTimeout: 20_000,
    idleTimeout: Number.POSITIVE_INFINITY,
    stallTimeout: 60_000,
    maxMessageRate: Number.POSITIVE_INFINITY,
    maxByteRate: Number.POSITIVE_INFINITY,
    maxControlFrameRate: Number.POSITIVE_INFINITY,
    handshakeTimeout: 10_000,
    maxHeadSize: 16_384,
    maxHeaders: 100,
    maxConnections: Number.POSITIVE_INFINITY,
    maxRetained: 268_435_456,
  });
  assert.is(ITEM_OVERHEAD, 64);
});

test('the table of the README has each limit with its default, and no other', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, table = ''] = readme.split('| limit | default |');
  const rows = (table.split('\n\n')[0] ?? '').split('\n').filter((line) => /^\| `\w+`/.test(line));
  const listed: string[] = [];
  for (const row of rows) {
    const [, name = '', value = ''] = row.split('|');
    const limits = names.filter((limit) => name.includes(`\`${limit}\``));
    const numbers = (value.match(/[\d,]+/g) ?? []).map((digits) => Number(digits.replaceAll(',', '')));
    for (const limit of limits) {
      const isListed =
        numbers.includes(defaultLimits[limit]) || (defaultLimits[limit] === Infinity && /off/.test(value));
      assert.ok(isListed, `${limit} in "${row}"`);
    }
    listed.push(...(name.match(/`(\w+)`/g) ?? []).map((quoted) => quoted.slice(1, -1)));
  }
  assert.equal(listed.sort(), [...names].sort());
});

test('what is left out or undefined is the default', () => {
  assert.equal(resolveLimits(), defaultLimits);
  assert.equal(resolveLimits({}), defaultLimits);
  const nothing = Object.fromEntries(names.map((name) => [name, undefined]));
  assert.equal(resolveLimits(nothing as object), defaultLimits);
});

test('what is set is taken, and the defaults are not changed by it', () => {
  const before = { ...defaultLimits };
  for (const name of names) {
    assert.is(resolveLimits({ [name]: 7 })[name], 7);
    assert.is(resolveLimits({ [name]: Number.MAX_SAFE_INTEGER })[name], Number.MAX_SAFE_INTEGER);
  }
  assert.equal(defaultLimits, before);
});

test('a frame may be as long as a message unless it has a limit of its own', () => {
  const sizes = ({ maxMessageSize, maxFrameSize }: typeof defaultLimits): number[] => [maxMessageSize, maxFrameSize];
  assert.equal(sizes(resolveLimits({ maxMessageSize: 5_000_000 })), [5_000_000, 5_000_000]);
  assert.equal(sizes(resolveLimits({ maxMessageSize: 10 })), [10, 10]);
  assert.equal(sizes(resolveLimits({ maxMessageSize: 10, maxFrameSize: 5 })), [10, 5]);
  assert.equal(sizes(resolveLimits({ maxFrameSize: 5 })), [1_048_576, 5]);
});

test('what the connections of a server retain has room for one message at least, unless it is set', () => {
  assert.is(resolveLimits({ maxMessageSize: 1e9 }).maxRetained, 1e9);
  assert.is(resolveLimits({ maxMessageSize: 10 }).maxRetained, 268_435_456);
  assert.is(resolveLimits({ maxMessageSize: 1e9, maxRetained: 5 }).maxRetained, 5);
});

test('Infinity turns off what can be turned off, and is a RangeError elsewhere', () => {
  for (const name of names) {
    const limits = { [name]: Number.POSITIVE_INFINITY };
    if (mayBeInfinite.includes(name)) assert.is(resolveLimits(limits)[name], Number.POSITIVE_INFINITY);
    else throws(() => resolveLimits(limits), RangeError, new RegExp(`"${name}"`));
  }
});

test('limits that were resolved may be resolved again', () => {
  const limits = resolveLimits({ maxMessageSize: 10, maxFrameSize: 5, lookAhead: 0 });
  assert.is(resolveLimits(limits), limits);
  assert.is(resolveLimits(), resolveLimits());
  throws(() => Object.assign(limits, { queueSize: 1 }), TypeError, /read.?only/);
});

test('a limit that is no integer is a RangeError that names it', () => {
  for (const name of names) {
    for (const value of [-1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53, '10', null, true, 10n]) {
      throws(() => resolveLimits({ [name]: value }), RangeError, new RegExp(`"${name}"`));
    }
  }
});

test('only the look-ahead, the pongs and the times of an end may be 0: elsewhere 0 would mean at once, not off', () => {
  for (const name of names) {
    if (mayBeZero.includes(name)) assert.is(resolveLimits({ [name]: 0 })[name], 0);
    else
      throws(
        () => resolveLimits({ [name]: 0 }),
        RangeError,
        new RegExp(`"${name}": 0 is not an integer of at least 1`),
      );
  }
});

test('a limit that does not exist is a TypeError that names it, one of Object.prototype too', () => {
  for (const name of ['maxPayload', 'constructor', 'toString', '']) {
    throws(() => resolveLimits({ [name]: 1 } as object), TypeError, new RegExp(`"${name}"`));
  }
  throws(() => resolveLimits(JSON.parse('{"__proto__": 1}')), TypeError, /"__proto__"/);
});

test.run();
