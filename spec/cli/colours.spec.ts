import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createPaint } from '../../lib/cli/colours.ts';

const test = suite('colours');

test('a terminal has colours, and nothing else has', () => {
  assert.is(createPaint({ isTerminal: true, environment: {} })('a', 'red'), '\x1b[31ma\x1b[0m');
  assert.is(
    createPaint({ isTerminal: true, environment: { NO_COLOR: '', TERM: 'xterm' } })('a', 'dim'),
    '\x1b[2ma\x1b[0m',
  );
  assert.is(createPaint({ isTerminal: false, environment: {} })('a', 'red'), 'a');
});

test('NO_COLOR that is not empty turns them off, and so does a terminal that has none', () => {
  for (const environment of [{ NO_COLOR: '1' }, { NO_COLOR: '0' }, { TERM: 'dumb' }]) {
    assert.is(createPaint({ isTerminal: true, environment })('a', 'red'), 'a');
  }
});

test.run();
