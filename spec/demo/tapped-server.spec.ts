import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { Printer } from '../../lib/demo/print.ts';
import { type Guest, type Observer, TappedServer, type TappedServerOptions } from '../../lib/demo/tapped-server.ts';
import type { Handler } from '../../lib/node.ts';
import { RawClient } from '../support/raw-client.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('tapped-server');

const echo: Handler = (session) => session.readable.pipeTo(session.writable);

interface Running extends AsyncDisposable {
  readonly server: TappedServer;
  readonly url: string;
  readonly port: number;
  readonly lines: string[];
}

async function start(
  handler: Handler = echo,
  guest: Partial<Guest> & { readonly name: string } = { name: 'someone' },
  options: Pick<TappedServerOptions, 'answer'> = {},
): Promise<Running> {
  const lines: string[] = [];
  const printer = new Printer({ write: (line) => lines.push(line), hasColours: false, now: () => 0 });
  const server = new TappedServer({ printer, guestOf: () => ({ ...guest, handler }), ...options });
  const port = await server.listen();
  const url = `ws://127.0.0.1:${port}`;
  return { server, url, port, lines, [Symbol.asyncDispose]: async () => void (await server.stop()) };
}

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await within(once(socket, 'open'), 'an open connection');
  return socket;
}

/** What the lines say, without times and runs of spaces. */
function tell(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^ *[\d.]+ +someone +/, '').replace(/ +/g, ' '));
}

test('both directions of a connection are tapped, and its end is told', async () => {
  await using running = await start();
  const socket = await open(`${running.url}/path`);
  socket.send('hello');
  await within(once(socket, 'message'), 'the echo');
  socket.close(1000, 'bye');
  await within(once(socket, 'close'), 'the close');
  await within(running.server.quiet(), 'the end of the job');
  assert.equal(tell(running.lines), [
    '· GET /path is answered with 101 Switching Protocols',
    '→ text 5 fin masked "hello"',
    '← text 5 fin "hello"',
    '→ close 5 fin masked 1000 "bye"',
    '← close 2 fin 1000',
    '· job completed: clean, by the client; sent 1000; received 1000 "bye"',
  ]);
});

test('a plain GET gets 426 and a request of another host 403, and both are told', async () => {
  await using running = await start();
  using plain = await RawClient.connect(running.port);
  plain.send(Buffer.from(`GET /page HTTP/1.1\r\nHost: 127.0.0.1:${running.port}\r\n\r\n`));
  assert.is((await plain.response()).status, 426);
  using foreign = await RawClient.connect(running.port);
  foreign.send(
    Buffer.from(
      'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    ),
  );
  assert.is((await foreign.response()).status, 403);
  assert.equal(tell(running.lines), [
    '· GET /page is answered with 426 Upgrade Required',
    '· GET / is answered with 403 Forbidden',
  ]);
});

test('a frame that breaks the protocol is told and fails the connection, and others are served', async () => {
  await using running = await start();
  using client = await RawClient.open(running.port);
  client.send(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
  assert.is((await client.untilClose()).code, 1002);
  client.end();
  await within(running.server.quiet(), 'the end of the job');
  const told = tell(running.lines);
  assert.match(told[1] as string, /^· what follows cannot be decoded: Opcode 3 is reserved$/);
  assert.match(told[2] as string, /^← close \d+ fin 1002/);
  assert.match(told[3] as string, /^· job failed: /);
  const socket = await open(running.url);
  socket.close();
  await within(once(socket, 'close'), 'the close');
});

test('a client that vanishes ends its job, and nothing escapes', async () => {
  await using running = await start();
  using client = await RawClient.open(running.port);
  client.reset();
  await until(() => running.lines.length === 2, 'the end is told');
  assert.match(running.lines[1] as string, /job failed: unclean, by the client; /);
  assertNothingEscaped();
});

test('an error of the handler is told and closes with 1011', async () => {
  await using running = await start(() => {
    throw new Error('broken\x1b[2J');
  });
  using client = await RawClient.open(running.port);
  assert.is((await client.untilClose()).code, 1011);
  assert.ok(tell(running.lines).includes('· the handler failed: Error: broken\\u{1b}[2J'));
});

test('stopping closes every session with 1001, tells how many, and frees the port', async () => {
  await using running = await start();
  const sockets = [await open(running.url), await open(running.url)];
  const closes = sockets.map((socket) => within(once(socket, 'close'), 'the close'));
  assert.is(await running.server.stop(), 2);
  for (const [code] of await Promise.all(closes)) assert.is(code, 1001);
  const late = new WebSocket(running.url);
  const [error] = await once(late, 'error');
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
});

test('a silent guest is served, neither tapped nor printed nor counted', async () => {
  await using running = await start(echo, { name: 'quiet', isSilent: true, limits: { maxMessageSize: 10 } });
  const socket = await open(running.url);
  socket.send('hello');
  await within(once(socket, 'message'), 'the echo');
  assert.equal(running.lines, []);
  const closed = within(once(socket, 'close'), 'the close');
  socket.send('more than ten');
  assert.is((await closed)[0], 1009);
});

test('an observer is told of the connection, its frames and its end, and may cut it', async () => {
  const told: string[] = [];
  let drop = (): void => {};
  const observer: Observer = {
    begin: (job, cut) => {
      told.push(`begin ${job.state}`);
      drop = cut;
    },
    frame: (direction, { payloadLength }) => told.push(`${direction} ${payloadLength}`),
    end: (state, { wasClean }) => told.push(`end ${state} ${wasClean}`),
  };
  await using running = await start(echo, { name: 'someone', observer });
  const socket = await open(running.url);
  socket.send('hello');
  await within(once(socket, 'message'), 'the echo');
  const closed = within(once(socket, 'close'), 'the close');
  drop();
  assert.is((await closed)[0], 1006);
  await until(() => told.length === 4, 'the end is told');
  assert.equal(told, ['begin running', 'to-server 5', 'to-client 5', 'end failed false']);
});

test('what the answer takes is answered, and the rest as before', async () => {
  const answer: TappedServerOptions['answer'] = (request, response) => {
    if (request.url !== '/known') return undefined;
    response.writeHead(200).end('here');
    return 200;
  };
  await using running = await start(echo, { name: 'someone' }, { answer });
  for (const [path, status] of [
    ['/known', 200],
    ['/unknown', 426],
  ] as const) {
    assert.is((await fetch(`http://127.0.0.1:${running.port}${path}`)).status, status);
  }
});

test('a port that is taken rejects, and another may be tried', async () => {
  await using running = await start();
  const other = new TappedServer({
    printer: new Printer({ write() {}, hasColours: false }),
    guestOf: () => ({ name: '', handler: echo }),
  });
  const error = await other.listen(running.port).then(
    () => undefined,
    (reason: NodeJS.ErrnoException) => reason,
  );
  assert.is(error?.code, 'EADDRINUSE');
  assert.ok((await other.listen()) > 0);
  await other.stop();
});

test.run();
