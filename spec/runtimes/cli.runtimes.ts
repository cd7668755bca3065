// The command as it is built, in the runtime that RUNTIME tells of: what it prints where, its exit codes, signals, and its streams. Runs on Node.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { help } from '../../lib/cli/help.ts';
import { Child } from '../cli/child.ts';
import { until } from '../support/until.ts';

interface Program {
  readonly program: string;
  readonly words: readonly string[];
}

const { program, words } = JSON.parse(process.env['RUNTIME'] ?? 'null') as Program;
const test = suite('the built command');

/** Runs `dist/cli.js`, with a pipe for its input where `input` is asked for. */
function run(args: readonly string[], stdin?: 'pipe'): Child {
  return new Child([...words, 'dist/cli.js', ...args], {}, { program, ...(stdin === undefined ? {} : { stdin }) });
}

async function urlOf(child: Child): Promise<string> {
  return (await child.firstLine()).slice('listening on '.length);
}

test('its help is that of the sources, and its version that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  await using helping = run(['--help']);
  assert.equal(await helping.exit(), { code: 0, signal: null, stdout: `${help}\n`, stderr: '' });
  await using telling = run(['--version']);
  assert.equal(await telling.exit(), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
});

test('a wrong command line: one line on standard error, exit code 2', async () => {
  for (const args of [[], ['echo', '--port', '65536'], ['connect'], ['connect', 'http://[']]) {
    await using child = run(args);
    const { code, stdout, stderr } = await child.exit();
    assert.equal([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^millrace: [^\n]+\n$/);
  }
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`echo and connect: lines there and back; ${signal} closes with 1001, and both processes end by themselves`, async () => {
    await using server = run(['echo', '--port', '0']);
    const url = await urlOf(server);
    await using client = run(['connect', url], 'pipe');
    client.stdin.write('hello\ngrüße 🚀\n');
    await client.printed(/^hello\ngrüße 🚀\n/);
    server.signal(signal);
    assert.equal(await server.exit(), { code: 0, signal: null, stdout: `listening on ${url}\n`, stderr: '' });
    const { code, stdout, stderr } = await client.exit();
    assert.equal([code, stdout], [3, 'hello\ngrüße 🚀\n'], stderr);
    assert.match(stderr, '1001');
  });
}

test('connect ends when its input does: all answers are printed, exit code 0', async () => {
  await using server = run(['echo', '--port', '0', '--deflate']);
  const url = await urlOf(server);
  await using client = run(['connect', url, '-q', '--deflate'], 'pipe');
  const lines = Array.from({ length: 2000 }, (_, index) => `line ${index} ${'x'.repeat(index % 100)}\n`).join('');
  client.stdin.end(lines);
  assert.equal(await client.exit(), { code: 0, signal: null, stdout: lines, stderr: '' });
  assert.ok(server.isRunning);
});

test('connect: a signal closes the connection, and the process ends', async () => {
  await using server = run(['echo', '--port', '0']);
  await using client = run(['connect', await urlOf(server)], 'pipe');
  client.stdin.write('hello\n');
  await client.printed(/hello\n/);
  client.signal('SIGTERM');
  const { signal } = await client.exit();
  assert.is(signal, null);
  assert.ok(server.isRunning);
});

test('connect to nobody, and echo on a port that is taken: one line on standard error, exit code 1', async () => {
  await using server = run(['echo', '--port', '0']);
  const url = await urlOf(server);
  await using other = run(['echo', '--port', new URL(url).port]);
  const taken = await other.exit();
  assert.equal([taken.code, taken.stdout], [1, '']);
  // Bun has words of its own for EADDRINUSE.
  assert.match(taken.stderr, /^millrace: [^\n]*(EADDRINUSE|in use)[^\n]*\n$/);
  server.signal('SIGTERM');
  await until(() => !server.isRunning, 'the server has ended');
  await using client = run(['connect', url]);
  const { code, stdout, stderr } = await client.exit();
  assert.equal([code, stdout], [1, '']);
  assert.match(stderr, /^millrace: [^\n]+\n$/);
});

test.run();
