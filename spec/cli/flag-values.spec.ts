import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FlagValues } from '../../lib/cli/flag-values.ts';
import { UsageError } from '../../lib/cli/usage-error.ts';
import { throws } from '../support/check.ts';

const test = suite('flag-values');

function of(...texts: readonly string[]): FlagValues {
  const values = new FlagValues();
  for (const text of texts) values.add('flag', text);
  return values;
}

test('all values are kept in their order, and the last one is known', () => {
  const values = of('a', 'b');
  assert.is(values.last('flag'), 'b');
  assert.equal(values.all('flag'), ['a', 'b']);
  assert.ok(values.has('flag'));
});

test('a flag that was not given has no value of any kind', () => {
  const values = of();
  assert.is(values.has('flag'), false);
  assert.is(values.last('flag'), undefined);
  assert.equal(values.all('flag'), []);
  assert.is(values.integer('flag', 0, 1), undefined);
  assert.is(values.seconds('flag', 0, 1), undefined);
});

test('integers and seconds are taken within their bounds, seconds as milliseconds', () => {
  for (const text of ['0', '7', '10', '010']) assert.is(of(text).integer('flag', 0, 10), Number(text));
  for (const text of ['0', '0.25', '10']) assert.is(of(text).seconds('flag', 0, 10), Number(text) * 1000);
});

test('what is no number, or beyond the bounds, is a UsageError that names both', () => {
  for (const text of ['', 'x', '-1', '11', '1.5', '1e1', '0x1', ' 1', '+1', '١']) {
    throws(() => of(text).integer('flag', 0, 10), UsageError, /--flag must be an integer from 0 to 10/);
  }
  for (const text of ['', 'x', '-1', '10.1', '1.', '.5', '1e1', ' 1', 'Infinity']) {
    throws(() => of(text).seconds('flag', 0, 10), UsageError, /--flag must be seconds from 0 to 10/);
  }
});

test.run();
