import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Notices } from '../../lib/cli/notices.ts';

const test = suite('notices');

function create(isQuiet: boolean): { notices: Notices; lines: string[] } {
  const lines: string[] = [];
  const notices = new Notices({
    write: (line) => lines.push(line),
    paint: (text, style) => `${style}(${text})`,
    isQuiet,
  });
  return { notices, lines };
}

test('each is a line that says who speaks, in which nothing steers a terminal', () => {
  const { notices, lines } = create(false);
  notices.note('closed with 4000: a\nb\x1b[2J');
  notices.error('lost');
  assert.equal(lines, ['dim(millrace: closed with 4000: a\\nb\\u{1b}[2J)', 'red(millrace: lost)']);
});

test('quiet, only errors are told', () => {
  const { notices, lines } = create(true);
  notices.note('connected');
  notices.error('lost');
  assert.equal(lines, ['red(millrace: lost)']);
});

test.run();
