// A terminal whose screen is the test's: what is written to it is kept, and what is typed is pushed.

import { PassThrough } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Prompt } from '../../lib/cli/prompt.ts';
import { turns, until } from '../support/until.ts';

const test = suite('prompt');

// Control sequences, and characters.
const CODES = new RegExp(`${'\\x1b'}\\[(\\d*)([A-Z])|.|\\s`, 'gu');

/** A terminal of so many columns, as far as a prompt needs one. */
class Terminal {
  readonly keys = new PassThrough();
  readonly screen = new PassThrough();
  interrupts = 0;
  readonly prompt: Prompt;
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  #rows: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(columns = 20) {
    Object.assign(this.screen, { columns: columns, rows: 24, isTTY: true });
    this.screen.setEncoding('utf8').on('data', (text: string) => this.#draw(text, columns));
    this.prompt = new Prompt({ input: this.keys, output: this.screen, interrupted: () => this.interrupts++ });
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    for await (const line of this.prompt) this.lines.push(line);
  }

  type(keys: string): void {
    this.keys.write(keys);
  }

  /** What can be seen. */
  get rows(): string[] {
    return this.#rows.map((row) => row.trimEnd());
  }

  async shows(...rows: readonly string[]): Promise<void> {
    await until(
      () => this.rows.join('\n') === rows.join('\n'),
      `the screen shows ${JSON.stringify(rows)}, not ${JSON.stringify(this.rows)}`,
      5000,
    );
  }

  #draw(text: string, columns: number): void {
    for (const [part, parameter = '', command] of text.matchAll(CODES)) {
      const count = Number(parameter || 1);
      if (command === 'A') this.#row = Math.max(0, this.#row - count);
      else if (command === 'B') this.#row += count;
      else if (command === 'C') this.#column += count;
      else if (command === 'D') this.#column -= count;
      else if (command === 'G') this.#column = count - 1;
      else if (command === 'J' || command === 'K') this.#clear(command === 'J');
      else if (command !== undefined) throw new Error(`The terminal knows no ${JSON.stringify(part)}`);
      else this.#put(part, columns);
    }
  }

  #put(character: string, columns: number): void {
    if (character === '\r') this.#column = 0;
    else if (character === '\n') this.#goDown();
    else {
      if (this.#column === columns) this.#goDown();
      const row = (this.#rows[this.#row] ?? '').padEnd(this.#column);
      this.#rows[this.#row] = row.slice(0, this.#column) + character + row.slice(this.#column + 1);
      this.#column++;
    }
  }

  #goDown(): void {
    this.#row++;
    this.#column = 0;
    this.#rows[this.#row] ??= '';
  }

  #clear(isBelowToo: boolean): void {
    this.#rows[this.#row] = (this.#rows[this.#row] ?? '').slice(0, this.#column);
    if (isBelowToo) this.#rows.length = this.#row + 1;
  }
}

test('it asks for a line, and again behind each', async () => {
  const terminal = new Terminal();
  await terminal.shows('>');
  terminal.type('hello\r');
  await terminal.shows('> hello', '>');
  assert.equal(terminal.lines, ['hello']);
  terminal.prompt.stop();
  await terminal.ended;
});

test('what is printed while somebody types appears above, and what was typed stays', async () => {
  const terminal = new Terminal();
  terminal.type('half');
  await terminal.shows('> half');
  terminal.prompt.aside(() => terminal.screen.write('< message\n'));
  await terminal.shows('< message', '> half');
  terminal.type(' done\r');
  await terminal.shows('< message', '> half done', '>');
  assert.equal(terminal.lines, ['half done']);
  terminal.prompt.stop();
  await terminal.ended;
});

test('a line of several rows is taken away and comes back whole, as often as something is printed', async () => {
  const terminal = new Terminal(10);
  terminal.type('0123456789abcdefghij');
  await terminal.shows('> 01234567', '89abcdefgh', 'ij');
  for (const name of ['a', 'b', 'c']) terminal.prompt.aside(() => terminal.screen.write(`< ${name}\n`));
  await terminal.shows('< a', '< b', '< c', '> 01234567', '89abcdefgh', 'ij');
  terminal.type('\r');
  await until(() => terminal.lines.length === 1, 'the line');
  assert.equal(terminal.lines, ['0123456789abcdefghij']);
  terminal.prompt.stop();
  await terminal.ended;
});

test('Ctrl-D ends the lines and takes the prompt away', async () => {
  const terminal = new Terminal();
  terminal.type('a\r');
  await terminal.shows('> a', '>');
  terminal.type('\x04');
  await terminal.ended;
  await terminal.shows('> a', '');
  terminal.prompt.aside(() => terminal.screen.write('closed\n'));
  await terminal.shows('> a', 'closed', '');
  terminal.prompt.stop();
});

test('Ctrl-C is told and ends nothing by itself', async () => {
  const terminal = new Terminal();
  terminal.type('\x03');
  await until(() => terminal.interrupts === 1, 'the interrupt');
  terminal.type('a\r');
  await until(() => terminal.lines.length === 1, 'the line');
  terminal.prompt.stop();
  await terminal.ended;
});

test('stopped, it takes what is being typed away, and nothing is asked for again', async () => {
  const terminal = new Terminal();
  terminal.type('half');
  await terminal.shows('> half');
  terminal.prompt.stop();
  await terminal.ended;
  await turns(3);
  await terminal.shows('');
  terminal.prompt.stop();
});

test.run();
