// The command as it is published. `npm test` builds it first.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { help } from '../../lib/cli/help.ts';
import { Child } from '../cli/child.ts';
import { openWs } from '../support/peers.ts';

const test = suite('bin');

const root = new URL('../../', import.meta.url);

test('the package has one bin, which starts with the line that makes Node run it', () => {
  const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  assert.equal(bin, { millrace: 'dist/cli.js' });
  assert.match(readFileSync(new URL('dist/cli.js', root), 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

test('the built command prints its help, which is that of the sources', async () => {
  await using child = new Child(['dist/cli.js', '--help']);
  assert.equal(await child.exit(), { code: 0, signal: null, stdout: `${help}\n`, stderr: '' });
});

test('the built command listens and stops', async () => {
  await using child = new Child(['dist/cli.js', 'echo', '--port', '0']);
  assert.match(await child.firstLine(), /^listening on ws:\/\/127\.0\.0\.1:\d+$/);
  child.signal('SIGTERM');
  assert.is((await child.exit()).code, 0);
});

test('the built command connects to itself', async () => {
  await using server = new Child(['dist/cli.js', 'echo', '--port', '0']);
  const url = (await server.firstLine()).slice('listening on '.length);
  await using child = new Child(['dist/cli.js', 'connect', url, '-q'], {}, { stdin: 'pipe' });
  child.stdin.end('hello\n');
  assert.equal(await child.exit(), { code: 0, signal: null, stdout: 'hello\n', stderr: '' });
});

test('the built command compresses where it is told to', async () => {
  await using child = new Child(['dist/cli.js', 'echo', '--port', '0', '--deflate']);
  const peer = await openWs((await child.firstLine()).slice('listening on '.length));
  assert.is(peer.extensions, 'permessage-deflate');
  const text = 'millrace '.repeat(10_000);
  peer.send(text);
  assert.is(await peer.receive(), text);
  peer.close(1000);
  assert.is((await peer.ended()).code, 1000);
  child.signal('SIGTERM');
  assert.is((await child.exit()).code, 0);
});

test.run();
