// The whole demo, as `npm start` runs it.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { Child } from '../cli/child.ts';
import { programOf } from '../support/program.ts';
import { within } from '../support/until.ts';

const test = suite('demo');

let program = '';

test.before(async () => {
  program = await programOf('lib/demo/main.ts');
});

function startDemo(port = 0): Child {
  return new Child([program], { FORCE_COLOR: '1', PORT: String(port) });
}

/** Asserts that the lines of one client say all this, in this order, other lines between them. */
function assertTells(stdout: string, client: string, expected: readonly string[]): void {
  const lines = stdout
    .split('\n')
    .filter((line) => /^ *\d+\.\d{3} {2}/.test(line) && line.slice(10).startsWith(`${client} `))
    .map((line) => line.slice(20).replace(/ +/g, ' ').trim());
  let from = 0;
  for (const text of expected) {
    const at = lines.indexOf(text, from);
    assert.ok(at >= 0, `"${text}" in its place among:\n${lines.join('\n')}`);
    from = at + 1;
  }
}

test('three clients talk, then the demo serves whoever comes, and ends on SIGINT with 0', async () => {
  await using demo = startDemo();
  const [, host = ''] = await demo.printed(
    /^Now you: open http:\/\/(127\.0\.0\.1:\d+) in a browser\. Ctrl-C stops it\./m,
  );
  const url = `ws://${host}`;
  assert.ok(demo.stdout.startsWith(`\nThe page: http://${host}\n`));

  assertTells(demo.stdout, 'ws', [
    '· GET /ws is answered with 101 Switching Protocols',
    '→ text 12 fin masked "good morning"',
    '← text 12 fin "GOOD MORNING"',
    '· receives "GOOD MORNING"',
    '→ ping 14 fin masked "anybody there?"',
    '← pong 14 fin "anybody there?"',
    '→ text 13 masked "one message, "',
    '→ continuation 6 masked "three "',
    '→ continuation 6 fin masked "frames"',
    '→ message 25 3 frames "one message, three frames"',
    '← text 25 fin "ONE MESSAGE, THREE FRAMES"',
    '→ close 5 fin masked 1000 "bye"',
    '← close 2 fin 1000',
    '· job completed: clean, by the client; sent 1000; received 1000 "bye"',
  ]);
  assertTells(demo.stdout, 'undici', [
    '→ text 19 fin masked "grüße 🚀 to all"',
    '← text 19 fin "GRÜSSE 🚀 TO ALL"',
    '→ binary 4 fin masked 00 01 fe ff',
    '← binary 4 fin 00 01 fe ff',
    '→ close 6 fin masked 3001 "done"',
    '← close 2 fin 3001',
    '· job completed: clean, by the client; sent 3001; received 3001 "done"',
  ]);
  assertTells(demo.stdout, 'millrace', [
    '→ text 19 fin masked "streams all the way"',
    '→ binary 2 fin masked ca fe',
    '← text 19 fin "STREAMS ALL THE WAY"',
    '← binary 2 fin ca fe',
    '→ close 9 fin masked 1000 "so long"',
    '← close 2 fin 1000',
    '· job completed: clean, by the client; sent 1000; received 1000 "so long"',
  ]);

  const page = await fetch(`http://${host}/`);
  assert.is(page.status, 200);
  assert.match(await page.text(), /<title>millrace: talk to it<\/title>/);

  const socket = new WebSocket(`${url}/ws`);
  await within(once(socket, 'open'), 'an open connection');
  socket.send('hello, \x1b[31mdemo');
  const [data] = (await within(once(socket, 'message'), 'an answer')) as [Buffer];
  assert.is(data.toString(), 'HELLO, \x1b[31MDEMO');
  await demo.printed(/guest 1 {3}→ {2}text .* "hello, \\u\{1b\}\[31mdemo"\n/);

  const closed = within(once(socket, 'close'), 'a close');
  demo.signal('SIGINT');
  assert.is((await closed)[0], 1001);
  const { code, stdout, stderr } = await demo.exit();
  assert.is(code, 0);
  assert.is(stderr, '');
  assert.match(stdout, /\nStopped: 1 session closed with 1001\.\n$/);
  for (const line of stdout.split('\n')) assert.ok([...line].length <= 100, line);
  assert.not.match(stdout, /[^\P{C}\n]/u, 'no colours and no control characters when it is no terminal');
});

test('a signal while the clients still talk ends the demo well', async () => {
  await using demo = startDemo();
  await demo.printed(/→ {2}text/);
  demo.signal('SIGTERM');
  const { code, stdout, stderr } = await demo.exit();
  assert.is(code, 0);
  assert.is(stderr, '');
  assert.match(stdout, /\nStopped(: 1 session closed with 1001)?\.\n$/);
});

test('a port that is taken is no obstacle', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  try {
    await using demo = startDemo(port);
    const [, instead] = await demo.printed(new RegExp(`^Port ${port} is taken: it is (\\d+) this time\\.$`, 'm'));
    await demo.printed(new RegExp(`^The page: http://127\\.0\\.0\\.1:${instead}$`, 'm'));
    await demo.printed(/→ {2}text/);
    demo.signal('SIGINT');
    assert.is((await demo.exit()).code, 0);
  } finally {
    other.close();
  }
});

test.run();
