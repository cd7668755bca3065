// `millrace connect` as its users have it: a process of its own, real sockets; our server, that of `ws`, and servers by hand.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import type { Session } from '../../lib/node.ts';
import { AnsweringServer, type Caller } from '../support/answering-server.ts';
import { createCertificate } from '../support/certificates.ts';
import { echo, idle, startServer } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { until } from '../support/until.ts';
import { Child, type Exit } from './child.ts';

const test = suite('connect');

const folder = mkdtempSync(join(tmpdir(), 'connect-'));

test.before(() => Child.bundle());
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs it with that input to its end. */
async function run(args: readonly string[], input: string | Uint8Array = ''): Promise<Exit> {
  await using child = Child.piped(['connect', ...args]);
  child.stdin.end(input);
  // Not without waiting: it is ended with this function.
  return await child.exit();
}

async function answering(answer: (caller: Caller) => unknown): Promise<AnsweringServer> {
  return AnsweringServer.open(async (caller) => answer(await caller.read()));
}

test('lines go out as texts and come back as lines; the end of the input closes; notices are on standard error', async () => {
  await using server = await startServer(echo);
  const { code, stdout, stderr } = await run([server.url], 'hello\r\ngrüße 🚀\n\nlast');
  assert.is(stdout, 'hello\ngrüße 🚀\n\nlast\n');
  assert.is(stderr, `millrace: connected to ${server.url}/\nmillrace: closed with 1000\n`);
  assert.is(code, 0);
  const info = await (await server.session()).closed;
  assert.equal([info.closeCode, info.wasClean, info.initiator], [1000, true, 'remote']);
});

test('with --binary bytes go out and come back as they are, and without it they are told', async () => {
  await using server = await startServer(echo);
  await using child = Child.piped(['connect', server.url, '--binary', '-q']);
  const chunks: Buffer[] = [];
  child.output.setEncoding('latin1').on('data', (chunk: string) => chunks.push(Buffer.from(chunk, 'latin1')));
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  child.stdin.end(bytes);
  const { code, stderr } = await child.exit();
  assert.equal([code, stderr], [0, '']);
  assert.ok(Buffer.concat(chunks).equals(bytes));

  await using other = await startServer((session: Session) => session.send(bytes.subarray(250)));
  const told = await run([other.url, '--keep-open']);
  assert.is(told.stdout, 'binary message of 6 bytes: fa fb fc fd fe ff\n');
  assert.is(told.code, 0);
});

test('headers, the origin, subprotocols and compression are asked for, and the server of ws takes them', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
  try {
    await once(server, 'listening');
    const asked: unknown[] = [];
    server.on('connection', (socket, { headers, url }) => {
      const { origin, 'x-one': one, 'sec-websocket-protocol': protocols } = headers;
      asked.push(url, origin, one, protocols, socket.extensions);
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    const { port } = server.address() as { port: number };
    const flags = ['-H', 'X-One: a', '--header', 'X-One: b', '--origin', 'https://a.example'];
    const more = ['--subprotocol', 'v2', '--subprotocol', 'v1', '--deflate'];
    const url = `ws://127.0.0.1:${port}/path?query`;
    const { code, stdout, stderr } = await run([url, ...flags, ...more], 'hello\n');
    assert.equal([code, stdout], [0, 'hello\n']);
    assert.equal(asked, ['/path?query', 'https://a.example', 'a, b', 'v2, v1', 'permessage-deflate']);
    assert.match(stderr, `millrace: connected to ${url}, subprotocol v2, permessage-deflate`);
  } finally {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

test('a server that refuses is 1: the status and the first line of the body are told', async () => {
  const body = 'token expired\x1b[2J\nsecond line';
  await using server = await answering((caller) =>
    caller.send(`HTTP/1.1 401 Unauthorized\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  );
  const { code, stdout, stderr } = await run([server.url]);
  assert.is(stderr, 'millrace: The server answered with status 401 instead of 101: token expired\\u{1b}[2J\n');
  assert.equal([code, stdout], [1, '']);
});

test('a server that is not there, and one that hangs up, are 1', async () => {
  const closed = await answering(() => {});
  const { url } = closed;
  await closed[Symbol.asyncDispose]();
  const refused = await run([url]);
  assert.is(refused.code, 1);
  assert.match(refused.stderr, /^millrace: Cannot connect to [^\n]*ECONNREFUSED[^\n]*\n$/);
  await using server = await answering((caller) => caller.socket.destroy());
  const { code, stderr } = await run([server.url]);
  assert.is(code, 1);
  assert.match(stderr, /^millrace: [^\n]+\n$/);
});

test('redirects are followed where they are asked for', async () => {
  await using server = await startServer(echo);
  await using first = await answering((caller) =>
    caller.send(`HTTP/1.1 302 Found\r\nLocation: ${server.url}/there\r\nContent-Length: 0\r\n\r\n`),
  );
  const stopped = await run([first.url], 'a\n');
  assert.is(stopped.code, 1);
  assert.match(stopped.stderr, `Location: ${server.url}/there`);
  const { code, stdout, stderr } = await run([first.url, '--max-redirects', '1'], 'a\n');
  assert.equal([code, stdout], [0, 'a\n']);
  assert.match(stderr, `connected to ${server.url}/there`);
});

test('a certificate is verified, by --ca with those of a file, and not at all with --insecure', async () => {
  const certificate = await createCertificate('localhost', { addresses: ['127.0.0.1'] });
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, certificate.cert);
  await using server = await AnsweringServer.open(
    async (caller) => {
      await caller.read();
      caller.send(caller.good(), Uint8Array.of(0x81, 2, 104, 105, 0x88, 2, 3, 232));
      caller.socket.end();
    },
    { tls: certificate },
  );
  const refused = await run([server.url]);
  assert.is(refused.code, 1);
  assert.match(refused.stderr, /^millrace: Cannot connect to wss:[^\n]*self-signed certificate\n$/);
  for (const flags of [['--ca', ca], ['--insecure']]) {
    const { code, stdout, stderr } = await run([server.url, '--keep-open', ...flags]);
    assert.equal([code, stdout], [0, 'hi\n'], stderr);
  }
  const missing = await run([server.url, '--ca', join(folder, 'missing.pem')]);
  assert.is(missing.code, 2);
  assert.match(missing.stderr, /cannot read the file of --ca: ENOENT/);
});

test('what is wrong with the command line is 2, also where only the request shows it', async () => {
  for (const words of [['no-url'], ['ws://host', '-H', 'a b: c'], ['ws://host', '--subprotocol', 'a,b']]) {
    const { code, stdout, stderr } = await run(words);
    assert.equal([code, stdout], [2, ''], words.join(' '));
    assert.match(stderr, /^millrace: [^\n]+; see millrace --help\n$/);
  }
});

for (const [closeCode, code] of [
  [1000, 0],
  [4001, 3],
] as const) {
  test(`a peer that closes with ${closeCode} ends it with ${code}, though the input is open`, async () => {
    await using server = await startServer((session: Session) => session.close(closeCode, 'a\x1bb'));
    await using child = Child.piped(['connect', server.url]);
    const exit = await child.exit();
    assert.is(exit.code, code);
    assert.ok(exit.stderr.endsWith(`millrace: closed by the peer with ${closeCode}: a\\u{1b}b\n`), exit.stderr);
  });
}

test('--quiet tells errors and nothing else', async () => {
  await using server = await startServer((session: Session) => session.close(4001));
  const { code, stderr } = await run([server.url, '--keep-open', '--quiet']);
  assert.equal([code, stderr], [3, '']);
  await using other = await startServer(echo);
  const failed = await run([other.url, '-q'], Uint8Array.of(255));
  assert.is(failed.code, 1);
  assert.match(failed.stderr, /^millrace: line 1 of standard input is not UTF-8[^\n]+\n$/);
});

for (const [name, input, told] of [
  ['is no UTF-8', Uint8Array.of(97, 10, 255, 10), /line 2 of standard input is not UTF-8/],
  ['is too long', 'a\n12345\n', /line 2 of standard input is longer than 4 bytes/],
] as const) {
  test(`an input that ${name} is 1: what stands before it was sent, and the peer learns of it`, async () => {
    await using server = await startServer(echo);
    const { code, stdout, stderr } = await run([server.url, '--max-message-size', '4'], input);
    assert.equal([code, stdout], [1, 'a\n']);
    assert.match(stderr, told);
    assert.is((await (await server.session()).closed).closeCode, 1011);
  });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} closes with 1001, and that is 0`, async () => {
    await using server = await startServer(echo);
    await using child = Child.piped(['connect', server.url]);
    child.stdin.write('hello\n');
    await child.printed(/hello/);
    child.signal(signal);
    assert.is((await child.exit()).code, 0);
    assert.is((await (await server.session()).closed).closeCode, 1001);
  });
}

test('a signal before there is a connection ends it, with 128 and its number', async () => {
  await using server = await AnsweringServer.open();
  await using child = Child.piped(['connect', server.url]);
  await until(() => server.callers.length > 0, 'a connection');
  child.signal('SIGINT');
  assert.is((await child.exit()).code, 130);
});

test('a second signal ends it at once where the peer does not answer', async () => {
  await using server = await answering((caller) => caller.send(caller.good()));
  await using child = Child.piped(['connect', server.url]);
  await child.told(/connected/);
  await until(() => {
    if (child.isRunning) child.signal('SIGTERM');
    return !child.isRunning;
  }, 'the process has ended');
  assert.is((await child.exit()).code, 143);
});

test('a reader of the output that goes away ends it quietly', async () => {
  await using server = await startServer(echo);
  await using child = Child.piped(['connect', server.url, '-q']);
  child.stdin.write('hello\n');
  await child.printed(/hello/);
  child.output.destroy();
  child.stdin.write('again\n');
  const { code, stderr } = await child.exit();
  assert.equal([code, stderr], [0, '']);
  assert.is((await (await server.session()).closed).closeCode, 1001);
});

test('a peer that does not read holds the input up, and nothing grows', async () => {
  await using server = await startServer(idle);
  await using child = Child.piped(['connect', server.url, '--binary']);
  const chunk = Buffer.alloc(64 * 1024);
  let written = 0;
  let isWaiting = false;
  const pump = (): void => {
    isWaiting = false;
    while (child.stdin.write(chunk)) written += chunk.byteLength;
    isWaiting = true;
  };
  child.stdin.on('drain', pump);
  pump();
  await standsStill(() => written);
  assert.ok(isWaiting && written < 64 * 1024 * 1024, `${written} bytes were taken`);
  child.signal('SIGKILL');
});

test('a slow reader of the output holds the peer up, and gets everything when it reads again', async () => {
  let sent = 0;
  const message = 'x'.repeat(64 * 1024);
  const count = 512;
  await using server = await startServer(async (session: Session) => {
    while (sent < count) {
      await session.send(message);
      sent++;
    }
  });
  await using child = Child.piped(['connect', server.url, '--keep-open']);
  child.output.pause();
  await child.told(/connected/);
  await until(() => sent > 0, 'something is sent');
  await standsStill(() => sent);
  assert.ok(sent < count, 'the peer is held up');
  child.output.resume();
  const { code, stdout } = await child.exit();
  assert.equal([code, stdout.length], [0, count * (message.length + 1)]);
});

test('what a peer still has to say when the input ends is waited for, however slowly it is read', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  try {
    await once(server, 'listening');
    const message = 'x'.repeat(64 * 1024);
    const count = 256;
    server.on('connection', (socket) => {
      socket.on('message', () => {
        for (let index = 0; index < count; index++) socket.send(message);
      });
    });
    const { port } = server.address() as { port: number };
    await using child = Child.piped(['connect', `ws://127.0.0.1:${port}`]);
    child.output.pause();
    child.stdin.end('go\n');
    await child.told(/connected/);
    // The engine waits for the answer to a close frame for 5 seconds.
    await new Promise((resolve) => setTimeout(resolve, sized(100, 7_000)));
    child.output.resume();
    const { code, stdout, stderr } = await child.exit();
    assert.is(code, 0, stderr);
    assert.is(stdout.length, count * (message.length + 1));
  } finally {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

test('a file goes out and comes back whole', async () => {
  const size = sized(2, 100) * 1024 * 1024;
  const [path, back] = [join(folder, 'sent.bin'), join(folder, 'back.bin')];
  // No two pieces of it are the same.
  const block = randomBytes(1024 * 1024);
  const file = openSync(path, 'w');
  for (let at = 0; at < size; at += block.byteLength) {
    block.writeUInt32BE(at);
    writeSync(file, block);
  }
  closeSync(file);
  await using server = await startServer(echo);
  const [stdin, stdout] = [openSync(path, 'r'), openSync(back, 'w')];
  await using child = Child.piped(['connect', server.url, '--binary'], { stdin, stdout });
  const { code, stderr } = await child.exit();
  assert.is(code, 0, stderr);
  assert.ok(readFileSync(back).equals(readFileSync(path)));
  for (const one of [stdin, stdout]) closeSync(one);
});

async function standsStill(read: () => number): Promise<void> {
  let last = -1;
  let same = 0;
  await until(() => {
    const now = read();
    same = now === last ? same + 1 : 0;
    last = now;
    return same > 50;
  }, 'it stands still');
}

test('pings are told while it runs', async () => {
  await using server = await startServer(echo);
  await using child = Child.piped(['connect', server.url, '--ping', '0.1']);
  await child.told(/ping 2: \d+\.\d\d ms/);
  child.stdin.end();
  const { code, stderr } = await child.exit();
  assert.is(code, 0);
  assert.match(stderr, /pings: \d+, least/);
});

test.run();
