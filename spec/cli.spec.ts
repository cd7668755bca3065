// The command line as its users have it: a process of its own, real sockets, another library's client.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClientOptions, WebSocket } from 'ws';
import { flags } from '../lib/cli/arguments.ts';
import { Child } from './cli/child.ts';
import { sized } from './support/sized.ts';
import { within } from './support/until.ts';

const test = suite('cli');

test.before(() => Child.bundle());

const FIRST_LINE = /^listening on (ws:\/\/127\.0\.0\.1:(\d+))$/;

async function urlOf(child: Child): Promise<string> {
  const [, url = ''] = (await child.firstLine()).match(FIRST_LINE) ?? [];
  assert.is.not(url, '', `the first line is ${child.stdout}`);
  return url;
}

let shared: Child | undefined;

/** A server with no flags, one for all tests that leave it as it was. */
async function plain(): Promise<{ readonly child: Child; readonly url: string }> {
  shared ??= Child.cli('echo', '--port', '0');
  return { child: shared, url: await urlOf(shared) };
}

test.after(() => shared?.[Symbol.asyncDispose]());

/** A client that notes how it was closed. */
class Client implements Disposable {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;

  constructor(url: string, options: ClientOptions = { perMessageDeflate: false }) {
    this.socket = new WebSocket(url, options);
    this.closed = within(
      new Promise((resolve, reject) => {
        this.socket.once('close', resolve);
        this.socket.once('error', reject);
      }),
      'a close',
    );
    this.closed.catch(() => {});
  }

  static async open(url: string, options?: ClientOptions): Promise<Client> {
    const client = new Client(url, options);
    await within(once(client.socket, 'open'), 'an open connection');
    return client;
  }

  /** Sends a message and gives what comes back. */
  async ask(message: string | Uint8Array): Promise<string | Buffer> {
    const answer = once(this.socket, 'message');
    this.socket.send(message);
    const [data, isBinary] = (await within(answer, 'an answer')) as [Buffer, boolean];
    return isBinary ? data : data.toString();
  }

  async close(): Promise<number> {
    this.socket.close(1000);
    return this.closed;
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

async function assertEchoes(url: string): Promise<void> {
  using client = await Client.open(url);
  assert.is(await client.ask('still here?'), 'still here?');
  assert.is(await client.close(), 1000);
}

test('echo prints where it listens as its only line and sends every message back on any path', async () => {
  await using child = Child.cli('echo', '--port', '0');
  const url = await urlOf(child);
  assert.is.not(new URL(url).port, '0');
  for (const path of ['', '/chat', '/a/b?c=d']) {
    using client = await Client.open(url + path);
    assert.is(await client.ask('hello'), 'hello');
    assert.is(await client.ask('grüße 🚀'), 'grüße 🚀');
    assert.is(await client.ask(''), '');
    assert.equal(await client.ask(Uint8Array.of(0, 1, 254, 255)), Buffer.of(0, 1, 254, 255));
    assert.equal(await client.ask(new Uint8Array(0)), Buffer.alloc(0));
    assert.is(await client.close(), 1000);
  }
  child.signal('SIGTERM');
  assert.equal(await child.exit(), { code: 0, signal: null, stdout: `listening on ${url}\n`, stderr: '' });
});

test('echo takes messages of 1 MiB by default and closes with 1009 for one byte more', async () => {
  const { child, url } = await plain();
  using client = await Client.open(url);
  const bytes = Buffer.alloc(1024 * 1024, 'millrace');
  assert.ok(bytes.equals((await client.ask(bytes)) as Buffer));
  assert.is(await client.ask(bytes.toString()), bytes.toString());
  client.socket.send(Buffer.alloc(bytes.byteLength + 1));
  assert.is(await client.closed, 1009);
  await assertEchoes(url);
  assert.is(child.stderr, '');
});

test('--max-message-size lowers the limit, for messages in fragments too, and only the offender is closed', async () => {
  await using child = Child.cli('echo', '--port', '0', '--max-message-size', '10');
  const url = await urlOf(child);
  using bystander = await Client.open(url);
  using client = await Client.open(url);
  assert.is(await client.ask('ten bytes.'), 'ten bytes.');
  client.socket.send('eleven byte');
  assert.is(await client.closed, 1009);
  using other = await Client.open(url);
  other.socket.send('ten bytes.', { fin: false });
  other.socket.send('.');
  assert.is(await other.closed, 1009);
  assert.is(await bystander.ask('me too'), 'me too');
});

test('--max-message-size raises the limit up to 1 GiB, for messages in many small fragments too', async () => {
  await using child = Child.cli('echo', '--port', '0', '--max-message-size', '1073741824');
  const url = await urlOf(child);
  using client = await Client.open(url);
  const bytes = Buffer.alloc(sized(2, 4) * 1024 * 1024, 'millrace');
  assert.ok(bytes.equals((await client.ask(bytes)) as Buffer));
  const answer = once(client.socket, 'message');
  for (let start = 0; start < bytes.byteLength; start += 64) {
    client.socket.send(bytes.subarray(start, start + 64), { fin: false });
  }
  client.socket.send(new Uint8Array(0));
  const [data] = (await within(answer, 'the message in fragments')) as [Buffer];
  assert.ok(bytes.equals(data));
});

const many = sized(100, 300);

test(`${many} connections at once are served`, async () => {
  const { child, url } = await plain();
  const clients = await Promise.all(Array.from({ length: many }, (_, index) => Client.open(`${url}/${index}`)));
  const talks = clients.map(async (client, index) => {
    for (const message of [`a${index}`, `b${index}`, `c${index}`]) assert.is(await client.ask(message), message);
  });
  await Promise.all(talks);
  for (const closeCode of await Promise.all(clients.map((client) => client.close()))) assert.is(closeCode, 1000);
  await assertEchoes(url);
  assert.is(child.stderr, '');
});

test('--allow-origin admits pages of those origins, and no others', async () => {
  await using child = Child.cli(
    'echo',
    '--port',
    '0',
    '--allow-origin',
    'https://*.example.com',
    '--allow-origin',
    'http://localhost:*',
  );
  const url = await urlOf(child);
  const statusFor = (origin: string): Promise<number> => {
    const socket = new WebSocket(url, { origin });
    return within(
      new Promise((resolve, reject) => {
        socket.once('open', () => {
          socket.terminate();
          resolve(101);
        });
        socket.once('unexpected-response', (request, response) => {
          request.destroy();
          resolve(response.statusCode ?? 0);
        });
        socket.on('error', reject);
      }),
      'an answer',
    );
  };
  const statuses = [];
  for (const origin of [
    'https://a.example.com',
    'http://localhost:3000',
    'https://example.com',
    'https://evil.test',
    url.replace('ws', 'http'),
  ]) {
    statuses.push(await statusFor(origin));
  }
  assert.equal(statuses, [101, 101, 403, 403, 101]);
});

/** The bytes that have come over the wire to a client. */
function received({ socket }: Client): number {
  return (socket as unknown as { readonly _socket: Socket })._socket.bytesRead;
}

test('--deflate takes what a peer offers, and messages come back compressed', async () => {
  await using child = Child.cli('echo', '--port', '0', '--deflate');
  const url = await urlOf(child);
  const text = 'grüße 🚀 '.repeat(10_000);
  for (const [perMessageDeflate, isOn] of [
    [true, true],
    [{ serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10, threshold: 0 }, true],
    [{ clientMaxWindowBits: 8 }, true],
    // What zlib cannot do is declined, and the connection is made without it.
    [{ serverMaxWindowBits: 8 }, false],
    [false, false],
  ] as const) {
    using client = await Client.open(url, { perMessageDeflate });
    assert.is(client.socket.extensions, isOn ? 'permessage-deflate' : '');
    const before = received(client);
    assert.is(await client.ask(text), text);
    const size = Buffer.byteLength(text);
    assert.is(received(client) - before < size / 20, isOn, `${received(client) - before} bytes for ${size}`);
    assert.is(await client.ask(''), '');
    assert.equal(await client.ask(Uint8Array.of(0, 1, 254, 255)), Buffer.of(0, 1, 254, 255));
    assert.is(await client.close(), 1000);
  }
  child.signal('SIGTERM');
  assert.equal(await child.exit(), { code: 0, signal: null, stdout: `listening on ${url}\n`, stderr: '' });
});

test('--deflate counts what is inflated in --max-message-size, and only the offender is closed', async () => {
  await using child = Child.cli('echo', '--port', '0', '--deflate', '--max-message-size', '100000');
  const url = await urlOf(child);
  using bystander = await Client.open(url, {});
  using client = await Client.open(url, {});
  assert.ok(Buffer.alloc(100_000).equals((await client.ask(Buffer.alloc(100_000))) as Buffer));
  client.socket.send(Buffer.alloc(100_001));
  assert.is(await client.closed, 1009);
  assert.is(await bystander.ask('me too'), 'me too');
  assert.is(child.stderr, '');
});

test('without --deflate nothing is compressed, whatever a peer offers', async () => {
  const { url } = await plain();
  using client = await Client.open(url, { perMessageDeflate: true });
  assert.is(client.socket.extensions, '');
  const before = received(client);
  assert.is(await client.ask('x'.repeat(10_000)), 'x'.repeat(10_000));
  assert.is(received(client) - before, 10_000 + 4);
  await assertEchoes(url);
});

test('a plain GET gets 426', async () => {
  const { url } = await plain();
  const response = await fetch(`${url.replace('ws:', 'http:')}/page`);
  await response.text();
  assert.is(response.status, 426);
  assert.is(response.headers.get('upgrade'), 'websocket');
  await assertEchoes(url);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} closes open connections with 1001 and the process ends by itself with 0`, async () => {
    await using child = Child.cli('echo', '--port', '0');
    const url = await urlOf(child);
    const clients = await Promise.all(Array.from({ length: 5 }, () => Client.open(url)));
    for (const client of clients) await client.ask('hello');
    child.signal(signal);
    for (const client of clients) assert.is(await client.closed, 1001);
    assert.equal(await child.exit(), { code: 0, signal: null, stdout: `listening on ${url}\n`, stderr: '' });
  });
}

test('a port that is in use ends with one line on standard error and exit code 1', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as { port: number };
    await using child = Child.cli('echo', '--port', String(port));
    const { code, stdout, stderr } = await child.exit();
    assert.is(code, 1);
    assert.is(stdout, '');
    assert.match(stderr, /^millrace: [^\n]*EADDRINUSE[^\n]*\n$/);
    assert.match(stderr, String(port));
  } finally {
    server.close();
  }
});

test('a host that cannot be listened on ends with one line on standard error and exit code 1', async () => {
  // An address of the documentation's network (RFC 5737): no machine has it.
  await using child = Child.cli('echo', '--port', '0', '--host', '203.0.113.1');
  const { code, stdout, stderr } = await child.exit();
  assert.is(code, 1);
  assert.is(stdout, '');
  assert.match(stderr, /^millrace: [^\n]+\n$/);
});

test('the address that a name stands for is printed, one of IPv6 in brackets', async () => {
  await using named = Child.cli('echo', '--port', '0', '--host', 'localhost');
  assert.match(await named.firstLine(), /^listening on ws:\/\/(127\.0\.0\.1|\[::1\]):\d+$/);
  await using child = Child.cli('echo', '--port', '0', '--host', '::1');
  if (await hasIpv6()) {
    const line = await child.firstLine();
    assert.match(line, /^listening on ws:\/\/\[::1\]:\d+$/);
    await assertEchoes(line.slice('listening on '.length));
  } else {
    assert.is((await child.exit()).code, 1);
  }
});

function hasIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(0, '::1', () => server.close(() => resolve(true)));
  });
}

test('a wrong command line gives one line on standard error, nothing on standard output, and exit code 2', async () => {
  // Each kind once: spec/cli/arguments has them all.
  const wrong = [
    [],
    ['serve'],
    ['echo', '--unknown'],
    ['echo', '--port', '65536'],
    ['echo', '--host', ''],
    ['echo', '--max-message-size', '1073741825'],
    ['echo', '--allow-origin', 'nonsense'],
  ];
  // One after the other: a process each is much for a small machine.
  for (const words of sized(wrong.slice(0, 3), wrong)) {
    await using child = Child.cli(...words);
    const { code, stdout, stderr } = await child.exit();
    assert.is(code, 2, words.join(' '));
    assert.is(stdout, '');
    assert.match(stderr, /^millrace: [^\n]+\n$/);
  }
});

test('--help and -h list every flag on standard output', async () => {
  for (const words of [['--help'], ['-h'], ['echo', '--help']]) {
    await using child = Child.cli(...words);
    const { code, stdout, stderr } = await child.exit();
    assert.is(code, 0);
    assert.is(stderr, '');
    for (const name of Object.keys(flags)) assert.match(stdout, `--${name}`);
  }
});

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  await using child = Child.cli('--version');
  assert.equal(await child.exit(), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
});

test.run();
