// README says what the code does: its table of limits, its commands, and no more lines than one page of each.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultLimits } from '../../lib/limits.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const scripts = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).scripts;
const rows = readme.split('\n').filter((line) => line.startsWith('| `'));

const test = suite('README');

for (const [name, value] of Object.entries(defaultLimits)) {
  test(`its table has the limit ${name} with its default, ${value}`, () => {
    const row = rows.find((line) => line.includes(`\`${name}\``));
    assert.ok(row, `no row for ${name}`);
    const figures = row
      .split('|')[2]
      ?.match(/\d[\d,]*/g)
      ?.map((figure) => Number(figure.replaceAll(',', '')));
    assert.ok(figures?.includes(value), row);
  });
}

test('its table has no limit that does not exist', () => {
  for (const row of rows) {
    for (const [, name] of (row.split('|')[1] ?? '').matchAll(/`(\w+)`/g))
      assert.ok(Object.hasOwn(defaultLimits, name ?? ''), name);
  }
});

test('its commands exist', () => {
  for (const [, command] of readme.matchAll(/npm (?:run )?(start|test)/g)) assert.ok(scripts[command ?? '']);
});
test.run();
