import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { toMessageLimits } from '../../lib/cli/message-limits.ts';

const test = suite('message-limits');

test('the fragments that are allowed grow with the messages, and shrink not', () => {
  assert.equal(toMessageLimits(10), { maxMessageSize: 10, maxFragments: 4096 });
  assert.equal(toMessageLimits(1024 ** 2), { maxMessageSize: 1024 ** 2, maxFragments: 4096 });
  assert.equal(toMessageLimits(1024 ** 3), { maxMessageSize: 1024 ** 3, maxFragments: 1024 ** 3 / 64 });
});

test.run();
