// Our client against the WebSocket servers of Deno and of Bun. Run by run.ts, which has installed them.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import { connect, type NodeConnectOptions, permessageDeflate, type Session } from '../../lib/node.ts';
import { rejects } from '../support/check.ts';
import { assertEnd, assertNothingEscaped, endOf } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const MiB = new Uint8Array(1024 * 1024).map((_, index) => (index * 7919) >>> 8);
const large = { limits: { maxMessageSize: 2 * MiB.byteLength } } satisfies NodeConnectOptions;
const deflate = { extensions: [permessageDeflate({ threshold: 0 })] } satisfies NodeConnectOptions;

interface Runtime {
  readonly name: string;
  /** The scope of the packages that hold the program, one for each platform, and its place there. */
  readonly scope: string;
  readonly file: string;
  readonly arguments: readonly string[];
  /** The extensions that its server agrees on. */
  readonly deflates: boolean;
  /** The codes that its server may close with. */
  readonly codes: readonly number[];
  readonly canPing: boolean;
}

const runtimes: readonly Runtime[] = [
  {
    name: 'Deno',
    scope: '@deno',
    file: 'deno',
    arguments: ['run', '--no-config', '--no-lock', '--allow-net=127.0.0.1', 'deno-server.js'],
    deflates: false,
    codes: [1000, 3000, 4999],
    canPing: false,
  },
  {
    name: 'Bun',
    scope: '@oven',
    file: 'bin/bun',
    arguments: ['bun-server.js'],
    deflates: true,
    codes: [1000, 1001, 1008, 1011, 3000, 4999],
    canPing: true,
  },
];

/** The program, inside the package of this platform. */
function findProgram({ name, scope, file }: Runtime): string {
  const folder = join(here, 'node_modules', scope);
  for (const platform of readdirSync(folder)) {
    const program = join(folder, platform, file);
    if (!existsSync(program)) continue;
    chmodSync(program, 0o755);
    return program;
  }
  throw new Error(`No program of ${name} is installed for this platform`);
}

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill();
});

/** Starts its server; gives where it listens. */
async function start(runtime: Runtime): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = spawn(findProgram(runtime), runtime.arguments, {
    cwd: here,
    env: { ...process.env, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let port: string | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    port ??= /^port (\d+)$/.exec(line)?.[1];
  });
  await until(() => port !== undefined || child.exitCode !== null, `the server of ${runtime.name} listens`);
  assert.ok(port, `the server of ${runtime.name} has ended with ${child.exitCode}`);
  return {
    url: `ws://127.0.0.1:${port}`,
    stop: async () => {
      child.kill();
      await within(exited, `the end of ${runtime.name}`);
      children.delete(child);
    },
  };
}

async function echoed(session: Session, message: string | Uint8Array): Promise<void> {
  await session.send(message);
  const back = await within(session.receive(), 'an echo');
  if (typeof message === 'string') assert.is(back, message);
  else assert.is(Buffer.compare(back as Uint8Array, message), 0);
}

for (const runtime of runtimes) {
  const { name, deflates, codes, canPing } = runtime;
  const test = suite(name);
  let url = '';
  let stop = async (): Promise<void> => {};
  /** How its side saw the end of the connection before. */
  const last = async (): Promise<{ code: number; reason: string }> => {
    const session = await connect(url);
    await session.send('!last');
    const text = await within(session.receive(), 'what was last');
    await within(session.close(), 'the close');
    return JSON.parse(text as string);
  };

  test.before(async () => {
    ({ url, stop } = await start(runtime));
  });
  test.after(() => stop());

  test(`${name}: texts and binaries of all sizes come back, 1 MiB too`, async () => {
    const session = await connect(url, large);
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 300_000]) {
      await echoed(session, 'x'.repeat(size));
      await echoed(session, MiB.slice(0, size));
    }
    await echoed(session, 'ÄÖ☃𝄞');
    await echoed(session, MiB);
    await echoed(session, '☃'.repeat(340_000));
    assert.ok((await within(session.close(), 'the close')).wasClean);
  });

  test(`${name}: many messages without waiting, in order, and in fragments`, async () => {
    const session = await connect(url, { ...large, fragmentSize: 1000 });
    const sending = (async () => {
      for (let index = 0; index < 2_000; index++) await session.send(`${index} ${'x'.repeat(index)}`);
    })();
    for (let index = 0; index < 2_000; index++) {
      assert.is(await within(session.receive(), `message ${index}`), `${index} ${'x'.repeat(index)}`);
    }
    await sending;
    assert.ok((await within(session.close(), 'the close')).wasClean);
  });

  test(`${name}: with deflate offered, it is ${deflates ? 'agreed on and at work' : 'declined'}`, async () => {
    const session = await connect(url, { ...large, ...deflate });
    assert.is(session.extensions.startsWith('permessage-deflate'), deflates, session.extensions);
    for (const message of ['', 'x', 'again and again '.repeat(5_000), MiB.slice(0, 100_000), 'again and again ', MiB]) {
      await echoed(session, message);
    }
    assert.is(session.counters.bytesSent < MiB.byteLength, deflates);
    await within(session.close(), 'the close');
  });

  test(`${name}: the first message comes right behind the response`, async () => {
    for (let count = 0; count < 20; count++) {
      const session = await connect(`${url}/greeting`);
      assert.is(await within(session.receive(), 'the greeting'), 'welcome');
      await within(session.close(), 'the close');
    }
  });

  test(`${name}: a subprotocol is chosen`, async () => {
    const session = await connect(url, { subprotocols: ['chat.v2', 'chat.v1'], requiresSubprotocol: true });
    assert.is(session.subprotocol, 'chat.v2');
    await within(session.close(), 'the close');
  });

  test(`${name}: a refusal tells its status, headers and body`, async () => {
    const error = (await rejects(connect(`${url}/refused`), HandshakeError, 'ERR_WS_NOT_UPGRADED')) as HandshakeError;
    assert.is(error.status, 401);
    assert.is(new TextDecoder().decode(error.body), 'Who are you?');
    assert.ok(error.headers.some(([header, value]) => header.toLowerCase() === 'x-why' && value === 'because'));
  });

  test(`${name}: close codes and reasons from this side`, async () => {
    for (const [code, reason] of [
      [1000, ''],
      [1001, 'leaving'],
      [3000, 'ü'.repeat(61)],
      [4999, 'x'],
    ] as const) {
      const session = await connect(url);
      assertEnd(await within(session.close(code, reason), 'the close'), { wasClean: true, initiator: 'local' });
      const seen = await last();
      assert.equal([seen.code, seen.reason], [code, reason]);
    }
  });

  test(`${name}: close codes and reasons from its side`, async () => {
    for (const code of codes) {
      const session = await connect(url);
      await session.send(`!close|${code}|because of ${code}`);
      assert.is(await within(session.receive(), 'the end'), undefined);
      const info = await endOf(session);
      assertEnd(info, { closeCode: code, reason: `because of ${code}`, wasClean: true, initiator: 'remote' });
    }
  });

  test(`${name}: our pings are answered, and keepalive holds the connection`, async () => {
    const session = await connect(url, { limits: { pingInterval: 20, pingTimeout: 20_000 } });
    for (let count = 0; count < 5; count++) assert.ok((await within(session.ping(), 'a pong')) >= 0);
    await until(() => session.counters.bytesReceived > 50, 'pongs have come');
    await echoed(session, 'still here');
    await within(session.close(), 'the close');
  });

  if (canPing) {
    test(`${name}: its pings are answered with their payload, and a cut is told`, async () => {
      const session = await connect(url);
      await session.send('!ping|payload');
      assert.is(await within(session.receive(), 'what came of the ping'), 'pong payload');
      await session.send('!cut');
      assertEnd(await endOf(session), { closeCode: 1006, wasClean: false, error: 'ERR_WS_CONNECTION_LOST' });
    });
  }

  test(`${name}: an abort cancels the session, and its side sees 1001`, async () => {
    const controller = new AbortController();
    const session = await connect(url, { signal: controller.signal });
    controller.abort();
    assertEnd(await endOf(session), { error: 'ERR_WS_CANCELLED' });
    assert.is((await last()).code, 1001);
  });

  test.run();
}

const end = suite('the end');
end('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
end.run();
