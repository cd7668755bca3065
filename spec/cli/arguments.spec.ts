import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../lib/cli/arguments.ts';
import { UsageError } from '../../lib/cli/usage-error.ts';
import { throws } from '../support/check.ts';

const test = suite('arguments');

test('echo without flags has the documented defaults', () => {
  assert.equal(parseArguments(['echo']), {
    command: 'echo',
    port: 8080,
    host: '127.0.0.1',
    maxMessageSize: 1024 * 1024,
    origins: [],
    deflate: false,
  });
});

test('every flag of echo is taken, before the command and behind it, with a space or with =', () => {
  const expected = { command: 'echo', port: 9000, host: '::1', maxMessageSize: 1, origins: [], deflate: true };
  const spaced = ['echo', '--port', '9000', '--host', '::1', '--max-message-size', '1', '--deflate'];
  assert.equal(parseArguments(spaced), expected);
  assert.equal(parseArguments(['--deflate', '--port=9000', '--host=::1', '--max-message-size=1', 'echo']), expected);
});

test('the last one of a repeated flag holds', () => {
  const parsed = parseArguments(['echo', '--port', '1', '--port', '2']);
  assert.is(parsed.command === 'echo' && parsed.port, 2);
});

test('--allow-origin may be repeated: all of them are admitted', () => {
  const parsed = parseArguments(['echo', '--allow-origin', 'https://*.example.com', '--allow-origin=*']);
  assert.equal(parsed.command === 'echo' && parsed.origins, ['https://*.example.com', '*']);
});

test('the least and the greatest numbers are taken', () => {
  for (const port of [0, 65_535]) {
    const parsed = parseArguments(['echo', '--port', String(port)]);
    assert.is(parsed.command === 'echo' && parsed.port, port);
  }
  for (const size of [1, 1024 ** 3]) {
    const parsed = parseArguments(['echo', '--max-message-size', String(size)]);
    assert.is(parsed.command === 'echo' && parsed.maxMessageSize, size);
  }
});

test('--help and -h ask for help and --version for the version, with a command and without', () => {
  for (const words of [['--help'], ['-h'], ['echo', '--help'], ['-h', 'echo', '--port', 'wrong']]) {
    assert.equal(parseArguments(words), { command: 'help' });
  }
  for (const words of [['--version'], ['echo', '--version']]) {
    assert.equal(parseArguments(words), { command: 'version' });
  }
});

const wrong: readonly (readonly [readonly string[], RegExp])[] = [
  [[], /no command/],
  [['serve'], /unknown command "serve"/],
  [[''], /unknown command ""/],
  [['echo', 'more'], /unexpected argument "more"/],
  [['echo', '--', '--port'], /unexpected argument "--port"/],
  [['echo', '--prot', '80'], /unknown flag "--prot"/],
  [['echo', '--__proto__', '80'], /unknown flag "--__proto__"/],
  [['echo', '-p', '80'], /unknown flag "-p"/],
  [['echo', '--no-port'], /unknown flag "--no-port"/],
  [['echo', '--port'], /--port needs a value/],
  [['echo', '--host', '--port', '80'], /--host needs a value/],
  [['echo', '--help=yes'], /--help takes no value/],
  [['echo', '--deflate=yes'], /--deflate takes no value/],
  [['echo', '--allow-origin'], /--allow-origin needs a value/],
  [['echo', '--allow-origin', 'example.com'], /--allow-origin is wrong: .*example\.com/],
  ...['', 'x', '-1', '65536', '80.5', '1e3', '0x50', ' 80', '+80', '９'].map(
    (port) => [['echo', `--port=${port}`], /--port must be an integer from 0 to 65535/] as const,
  ),
  [['echo', '--port', '-1'], /--port must be an integer/],
  ...['', '0', '-1', '1073741825', '1MiB', '1.5', 'Infinity', '9'.repeat(400)].map(
    (size) =>
      [['echo', `--max-message-size=${size}`], /--max-message-size must be an integer from 1 to 1073741824/] as const,
  ),
  [['echo', '--header', 'a: b'], /--header is not one of echo/],
  [['connect', 'ws://host', '--port', '80'], /--port is not one of connect/],
  [['echo', '--host='], /--host must not be empty/],
  [['echo', '--host', ' '], /--host must not be empty/],
];

test('a wrong command line is a UsageError of one line that says what is wrong and where help is', () => {
  for (const [words, message] of wrong) {
    throws(() => parseArguments(words), UsageError, message);
    throws(() => parseArguments(words), UsageError, /^[^\n]*; see millrace --help$/);
  }
});

test('line breaks and escape sequences that were typed do not get into the message', () => {
  throws(() => parseArguments(['a\nb\x1b[2J']), UsageError, /^unknown command "a\\nb\\u001b\[2J"; /);
});

test.run();
