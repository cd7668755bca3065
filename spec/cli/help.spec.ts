import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { flags } from '../../lib/cli/arguments.ts';
import { connectFlags } from '../../lib/cli/connect-arguments.ts';
import { help } from '../../lib/cli/help.ts';

const test = suite('help');

test('it lists every flag and every command, and fits into 80 columns', () => {
  for (const name of Object.keys({ ...flags, ...connectFlags })) {
    assert.match(help, new RegExp(`^ +(-., )?--${name} `, 'm'), name);
  }
  for (const command of ['echo', 'connect']) assert.match(help, new RegExp(`^  ${command} +[A-Z]`, 'm'));
  for (const line of help.split('\n')) assert.ok(line.length < 80, line);
});

test('a flag with a letter is listed with its letter', () => {
  for (const [name, { short }] of Object.entries(connectFlags)) {
    if (short !== undefined) assert.match(help, new RegExp(`^ +-${short}, --${name} `, 'm'));
  }
  assert.match(help, /^ +-h, --help /m);
});

test.run();
