import { PassThrough } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StandardStreams } from '../../lib/cli/standard-streams.ts';
import { turns, until } from '../support/until.ts';

const test = suite('standard-streams');

// Control sequences, some behind one another.
const SEQUENCES = new RegExp(`(?:${'\\x1b'}\\[\\d*[A-Z])+`);

interface Given {
  /** Which of them are terminals. */
  readonly terminals?: readonly ('stdin' | 'stdout' | 'stderr')[];
  readonly isBinary?: boolean;
  readonly isQuiet?: boolean;
}

class Desk {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly told: string[] = [];
  readonly streams: StandardStreams;
  out = '';
  err = '';

  constructor({ terminals = [], isBinary = false, isQuiet = false }: Given = {}) {
    for (const name of terminals) Object.assign(this[name], { isTTY: true, columns: 80 });
    this.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    const { stdin, stdout, stderr } = this;
    const args = { isBinary, isQuiet, maxMessageSize: 100 };
    this.streams = new StandardStreams({ stdin, stdout, stderr, env: { NO_COLOR: '1' } }, args, {
      heldUp: () => this.told.push('held up'),
      released: () => this.told.push('released'),
      broken: () => this.told.push('broken'),
      interrupted: () => this.told.push('interrupted'),
    });
  }
}

test('through pipes messages come out as they are and notices beside them, and the input is read as bytes', async () => {
  const desk = new Desk();
  const messages = desk.streams.input[Symbol.asyncIterator]();
  desk.stdin.end('typed\n');
  assert.is((await messages.next()).value, 'typed');
  await desk.streams.print('hello\x1b');
  desk.streams.notices.note('closed');
  await until(() => desk.out !== '' && desk.err !== '', 'both are written');
  assert.equal([desk.out, desk.err], ['hello\x1b\n', 'millrace: closed\n']);
});

test('with a terminal at both ends there is a prompt, and what is printed stands before it, in its order', async () => {
  const desk = new Desk({ terminals: ['stdin', 'stdout', 'stderr'] });
  const messages = desk.streams.input[Symbol.asyncIterator]();
  const first = messages.next();
  await turns(3);
  void desk.streams.print('one');
  desk.streams.notices.note('ping');
  void desk.streams.print('two');
  await turns(3);
  assert.is(desk.err, '');
  const seen = desk.out.split(SEQUENCES);
  assert.equal(
    seen.filter((part) => part !== ''),
    ['> ', '< one\n', '> ', 'millrace: ping\n', '> ', '< two\n', '> '],
  );
  desk.stdin.write('\x03');
  await until(() => desk.told.length > 0, 'the interrupt');
  assert.equal(desk.told, ['interrupted']);
  desk.stdin.write('typed\r');
  assert.is((await first).value, 'typed');
  desk.streams.input.stop();
});

test('notices go to standard error where that is no terminal, though there is a prompt', async () => {
  const desk = new Desk({ terminals: ['stdin', 'stdout'] });
  desk.streams.notices.error('lost');
  await until(() => desk.err !== '', 'the notice');
  assert.is(desk.err, 'millrace: lost\n');
  desk.streams.input.stop();
});

test('there is no prompt with one terminal alone, or where bytes are sent', async () => {
  const cases: readonly Given[] = [
    { terminals: ['stdin'] },
    { terminals: ['stdout'] },
    { terminals: ['stdin', 'stdout', 'stderr'], isBinary: true },
  ];
  for (const given of cases) {
    const desk = new Desk(given);
    const messages = desk.streams.input[Symbol.asyncIterator]();
    desk.stdin.end('typed\n');
    const { value } = await messages.next();
    assert.is(String(value).trim(), 'typed');
    assert.is(desk.out, '');
  }
});

test('a slow reader is told of, until messages are given up', async () => {
  const desk = new Desk();
  desk.stdout.pause();
  const printing = desk.streams.print('x'.repeat(1024 * 1024));
  await turns(3);
  assert.equal(desk.told, ['held up']);
  desk.streams.abandon();
  await printing;
  assert.equal(desk.told, ['held up', 'released']);
});

test.run();
