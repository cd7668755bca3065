// README says what the code does: its commands, its error codes, the close codes, and no more lines than one sits down for. (Its limits: spec/limits; its
// examples: spec/examples.)

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { flags } from '../../lib/cli/arguments.ts';
import { errorCodes } from '../../lib/error.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

const test = suite('README');

test('its commands exist', () => {
  for (const [, command = ''] of readme.matchAll(/npm (?:run )?(start|test)/g)) assert.ok(scripts[command]);
});

test('its table has every error code, and no other', () => {
  const [, table = ''] = readme.split('codes `ERR_WS_…`');
  const listed = [...(table.split('\n\n')[0] ?? '').matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(
    ([, code]) => `ERR_WS_${code}`,
  );
  assert.equal(listed.sort(), Object.keys(errorCodes).sort());
});

test('it names every flag of the command line', () => {
  for (const flag of Object.keys(flags)) if (flag !== 'version') assert.ok(readme.includes(`--${flag}`), flag);
});

test('it has under 400 lines', () => {
  assert.ok(readme.split('\n').length < 400);
});
test.run();
