import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readEchoArguments } from '../../lib/cli/echo-arguments.ts';
import { FlagValues } from '../../lib/cli/flag-values.ts';
import { UsageError } from '../../lib/cli/usage-error.ts';
import { throws } from '../support/check.ts';

// How they are written is shown by arguments.spec.ts.
const test = suite('echo-arguments');

test('the flags that were given stand beside the defaults of the others', () => {
  const values = new FlagValues();
  values.add('host', '::1');
  const expected = { port: 8080, host: '::1', maxMessageSize: 1024 * 1024, origins: [], deflate: false };
  assert.equal(readEchoArguments(values, []), { command: 'echo', ...expected });
});

test('echo takes no argument', () => {
  throws(() => readEchoArguments(new FlagValues(), ['more']), UsageError, /unexpected argument "more"/);
});

test.run();
