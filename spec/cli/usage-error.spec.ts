import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { quote, UsageError, usage } from '../../lib/cli/usage-error.ts';

const test = suite('usage-error');

test('it says where help is, and what was typed stays on one line', () => {
  const error = usage(`unknown flag ${quote('a\nb')}`);
  assert.instance(error, UsageError);
  assert.is(error.message, 'unknown flag "a\\nb"; see millrace --help');
});

test.run();
