// The examples of README, run as they stand: each is a module, with what it takes for granted put before it and what must then be so behind it.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serve, upgrade } from '../../lib/node.ts';
import { masked, watchEscapes } from '../support/pair.ts';
import { openWs } from '../support/peers.ts';
import { headerOf, RawClient, requestHead, text } from '../support/raw-client.ts';
import { within } from '../support/until.ts';

const { seen } = watchEscapes();
const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = await readFile(join(root, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code as string);
const folder = await mkdtemp(join(root, 'spec/examples/run-'));
let files = 0;

/** Runs the example that has this in it. `given` is what it takes for granted, by name; gives what it has made, by name. */
async function run(
  part: string,
  given: Record<string, unknown>,
  made: readonly string[],
): Promise<Record<string, unknown>> {
  const found = examples.filter((code) => code.includes(part));
  assert.is(found.length, 1, `one example has ${part}`);
  const names = Object.keys(given);
  const code = (found[0] as string)
    .replaceAll("from 'millrace'", `from '${pathToFileURL(join(root, 'lib/index.ts'))}'`)
    .replaceAll("from 'millrace/testing'", `from '${pathToFileURL(join(root, 'lib/testing.ts'))}'`)
    .replaceAll('port: 8080', 'port: 0');
  const taken = names.length === 0 ? '' : `const { ${names.join(', ')} } = globalThis.__given;\n`;
  const file = join(folder, `example-${files++}.ts`);
  await writeFile(file, `${taken}${code}\nexport { ${made.join(', ')} };\n`);
  Object.assign(globalThis, { __given: given });
  return import(pathToFileURL(file).href);
}

async function ask(url: string, message: string): Promise<string> {
  const peer = await openWs(url);
  const answer = new Promise<string>((resolve) => peer.socket.once('message', (data) => resolve(String(data))));
  peer.socket.send(message);
  const text = await within(answer, 'an answer');
  const closed = new Promise((resolve) => peer.socket.once('close', resolve));
  peer.socket.close();
  await within(closed, 'the close');
  return text;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const echo = async (session: AsyncIterable<unknown> & { send(message: unknown): Promise<void> }): Promise<void> => {
  for await (const message of session) await session.send(message);
};

const test = suite('README · its examples');

test('the server in ten lines echoes, and stops', async () => {
  const log = console.log;
  const lines: string[] = [];
  console.log = (line: string) => lines.push(line);
  const before = process.listeners('SIGINT');
  const { server } = (await run('listening on', {}, ['server'])) as {
    server: { url: string; stop(): Promise<unknown> };
  };
  console.log = log;
  assert.equal(lines, [`listening on ${server.url}`]);
  assert.is(await ask(server.url, 'hello'), 'hello');
  for (const listener of process.listeners('SIGINT')) if (!before.includes(listener)) process.off('SIGINT', listener);
  await server.stop();
});

test('the pipe-through answers in upper case', async () => {
  const { server } = (await run('upperCase', {}, ['server'])) as { server: { url: string; stop(): Promise<unknown> } };
  assert.is(await ask(server.url, 'hello'), 'HELLO');
  await server.stop();
});

test('the transforms turn a client’s bytes into messages and back into bytes', async () => {
  const bytesFromClient = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(masked(0x01, 'Hel'));
      controller.enqueue(masked(0x80, 'lo'));
      controller.close();
    },
  });
  const out: Uint8Array[] = [];
  const bytesToClient = new WritableStream<Uint8Array>({ write: (chunk) => void out.push(chunk) });
  await run('bytesFromClient', { bytesFromClient, bytesToClient }, []);
  assert.is(Buffer.concat(out).toString('hex'), '810548656c6c6f');
});

test('the streamed server answers a text in upper case, and bytes of any length compressed', async () => {
  const { server } = (await run('CompressionStream', {}, ['server'])) as {
    server: { url: string; stop(): Promise<unknown> };
  };
  assert.is(await ask(server.url, 'hello'), 'HELLO');
  const peer = await openWs(server.url);
  const answer = new Promise<Buffer>((resolve) => peer.socket.once('message', (data) => resolve(data as Buffer)));
  const bytes = new Uint8Array(5 * 1024 * 1024).fill(7);
  peer.socket.send(bytes);
  assert.ok(gunzipSync(await within(answer, 'the bytes')).equals(bytes));
  await server.stop();
});

test('the server of prices sends the latest of each pair', async () => {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  async function* quotes(): AsyncGenerator<{ pair: string; price: number }> {
    await opened;
    for (const price of [1, 2, 3]) yield { pair: 'EURUSD', price };
  }
  const { server } = (await run('quotes(session.signal)', { quotes }, ['server'])) as {
    server: { url: string; stop(): Promise<unknown> };
  };
  const peer = await openWs(server.url);
  const prices: string[] = [];
  peer.socket.on('message', (data) => prices.push(String(data)));
  open();
  await within(new Promise((resolve) => peer.socket.once('close', resolve)), 'the close');
  assert.is(prices.at(-1), 'EURUSD 3');
  await server.stop();
});

test('the server that compresses does so but for what is secret', async () => {
  const isSecret = (message: unknown): boolean => String(message).startsWith('secret');
  const { server } = (await run('isSecret', { isSecret }, ['server'])) as {
    server: { url: string; counters: { bytesSent: number }; stop(): Promise<unknown> };
  };
  const peer = await openWs(server.url);
  assert.is(peer.socket.extensions, 'permessage-deflate');
  for (const [message, least, most] of [
    [`public ${'x'.repeat(1000)}`, 10, 100],
    [`secret ${'x'.repeat(1000)}`, 1000, 1100],
  ] as const) {
    const before = server.counters.bytesSent;
    peer.send(message);
    assert.is(await peer.receive(), message);
    const size = server.counters.bytesSent - before;
    assert.ok(size >= least && size <= most, `${size} bytes for "${message.slice(0, 6)}"`);
  }
  peer.close();
  await server.stop();
});

test('the extension of one’s own inverts every byte, both ways', async () => {
  const { server } = (await run('x-invert', { echo }, ['server'])) as {
    server: { port: number; stop(): Promise<unknown> };
  };
  const inverted = Buffer.from('hello').map((byte) => ~byte);
  using client = await RawClient.connect(server.port);
  client.send(requestHead(server.port, { headers: { 'Sec-WebSocket-Extensions': 'x-invert' } }), text(inverted));
  assert.is(headerOf(await client.accepted(), 'sec-websocket-extensions'), 'x-invert');
  assert.is((await client.take(7)).toString('hex'), `8105${Buffer.from(inverted).toString('hex')}`);
  client.socket.destroy();
  await server.stop();
});

test('the client connects, sends, reads and closes', async () => {
  let sent: unknown[] = [];
  const server = await serve({ subprotocols: ['chat.v2'] }, async (session) => {
    sent = [await session.receive(), session.subprotocol, session.request?.headers.get('authorization')];
    await session.send('bye');
    await session.receive();
  });
  const log = console.log;
  const lines: unknown[] = [];
  console.log = (line: unknown) => lines.push(line);
  await run('await connect(url', { url: server.url, token: 'x' }, []);
  console.log = log;
  assert.equal([sent, lines], [['hello', 'chat.v2', 'Bearer x'], ['bye']]);
  await server.stop();
});

test('the WebSocketStream writes, reads and closes', async () => {
  const server = await serve({ subprotocols: ['chat.v2'] }, echo);
  const made = await run('new WebSocketStream', { url: server.url }, ['value', 'closeCode']);
  assert.equal({ ...made }, { value: 'hello', closeCode: 1000 });
  await server.stop();
});

test('the session that reconnects says who it is, and gets its answer', async () => {
  const seen: unknown[] = [];
  const server = await serve({}, async (session) => {
    for await (const message of session) {
      seen.push(message);
      if (!String(message).startsWith('resume')) await session.send(`${message}!`);
    }
  });
  const log = console.log;
  const states: unknown[] = [];
  console.log = (line: unknown) => states.push(line);
  const { last } = await run('reconnect(url', { url: server.url }, ['last']);
  console.log = log;
  assert.equal([seen, last], [['resume behind nothing', 'hello'], 'hello!']);
  assert.equal([states[0], states[1], states.at(-1)], ['connecting', 'open', 'ended']);
  await server.stop();
});

test('the job over any byte streams echoes, and is cancelled with 1001', async () => {
  const up = new TransformStream<Uint8Array, Uint8Array>();
  const down = new TransformStream<Uint8Array, Uint8Array>();
  const client = upgrade(down.readable, up.writable, undefined, undefined, { role: 'client' });
  void client.session.send('hello');
  const answer = client.session.receive();
  const given = { input: up.readable, output: down.writable, engineContext: undefined, userContext: undefined };
  const made = await run('job.cancel', given, ['closeCode', 'wasClean', 'error']);
  assert.is(await answer, 'hello');
  assert.equal(
    [made['closeCode'], made['wasClean'], (made['error'] as { code: string }).code],
    [1001, true, 'ERR_WS_CANCELLED'],
  );
  assert.is((await client.closed).closeCode, 1001);
});

test('the upgrade over an HTTP server of one’s own answers and runs', async () => {
  const http = createServer();
  const url = await listen(http);
  await run("http.on('upgrade'", { http, handler: echo, engineContext: undefined, userContext: undefined }, []);
  assert.is(await ask(url, 'hello'), 'hello');
  await new Promise((resolve) => http.close(resolve));
});

test('attach admits who is known, and refuses who is not', async () => {
  const http = createServer();
  const url = await listen(http);
  const findUser = async (authorization: string | undefined): Promise<string | undefined> =>
    authorization === undefined ? undefined : 'Ada';
  const { chat } = (await run('findUser', { http, findUser }, ['chat'])) as {
    chat: { stop(): Promise<unknown>; counters: { refused: number } };
  };
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(`${url}/chat/green`, { headers: { Authorization: 'Bearer x' } });
  const greeting = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
  assert.is(await within(greeting, 'the greeting'), 'welcome to green, Ada');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.close();
  await within(closed, 'the close');
  const refused = new WebSocket(`${url}/chat/green`);
  refused.on('error', () => {});
  const status = new Promise((resolve) =>
    refused.once('unexpected-response', (_, response) => resolve(response.statusCode)),
  );
  assert.is(await within(status, 'the refusal'), 401);
  refused.terminate();
  await chat.stop();
  await new Promise((resolve) => http.close(resolve));
});

test('the pair of a test echoes, and tells that the line is dead', async () => {
  const made = await run('createPair', { handler: echo }, ['answer', 'closeCode', 'error']);
  const { code } = made['error'] as { code: string };
  assert.equal([made['answer'], made['closeCode'], code], ['hello', 1006, 'ERR_WS_CLOSE_TIMEOUT']);
});

test('no example is left out', () => {
  assert.equal([examples.length, files], [14, 14]);
});

test('nothing has escaped in all of this', async () => {
  await rm(folder, { recursive: true });
  assert.equal(seen, []);
});
test.run();
