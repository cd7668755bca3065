// The HTML documentation of every entry can be made, and typedoc has nothing to warn of: no broken link, nothing named that is not there.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { described, root } from '../support/entries.ts';
import { BOUND } from '../support/until.ts';
import { use } from '../support/using.ts';

const test = suite('package · typedoc');

test('typedoc reads every entry, and warns of nothing', async () => {
  const { default: config } = await import(join(root, 'typedoc.config.js'));
  const sources = new Set(described.map(({ source }) => source).filter((source) => source !== 'lib/index.ts'));
  assert.equal([...config.entryPoints].sort(), [...sources].sort());
  assert.is(config.treatWarningsAsErrors, true);
  const args = ['node_modules/typedoc/bin/typedoc', '--emit', 'none'];
  // A compiler's work: longer than what a program of ours may take.
  const { code, stdout, stderr } = await use(root, args, { FORCE_COLOR: '0' }, 3 * BOUND);
  assert.is(code, 0, `${stdout}${stderr}`);
});
test.run();
