// The example of a feed that is resumed: spec/examples/feed.ts, and its client, feed-client.ts.

import type { AddressInfo } from 'node:net';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../lib/node.ts';
import { Child } from '../cli/child.ts';
import { Example } from '../support/example.ts';
import { programOf } from '../support/program.ts';
import { assertNothingEscaped, endOf } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('examples · feed');

/** A way to a port that can be cut. */
class Way implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections so far. */
  count = 0;

  constructor(target: number) {
    this.#server = createServer((near) => {
      this.count++;
      const far = dial(target, '127.0.0.1');
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function startClient(url: string): Promise<Child> {
  const file = await programOf('spec/examples/feed-client.ts');
  return new Child([file], { FEED: url, DELAY: '10' }, { stdin: 'pipe' });
}

test('each event is seen once, in order, and each post is there once, however often the connection is cut', async () => {
  await using example = await Example.start('feed');
  await using way = await new Way(example.port).listen();
  await using writer = await startClient(way.url);
  await using reader = await startClient(way.url);
  const count = 200;
  for (let index = 1; index <= count; index++) {
    writer.stdin.write(`line ${index}\n`);
    if (index % 40 !== 0) continue;
    await reader.printed(new RegExp(`line ${index - 20}\\n`));
    const before = way.count;
    way.cut();
    await until(() => way.count >= before + 2, 'both have come again');
  }
  writer.stdin.end();
  await reader.printed(new RegExp(`line ${count}\\n`));
  const end = await writer.exit();
  assert.is(end.code, 0, end.stderr);
  assert.ok(end.stderr.split('waiting').length > 5, end.stderr);
  const expected = Array.from({ length: count }, (_, index) => `line ${index + 1}`);
  const texts = reader.stdout.trimEnd().split('\n');
  assert.equal(
    texts.map((line) => Number(line.split(' ')[0])),
    expected.map((_, index) => index + 1),
    'numbers',
  );
  assert.equal(texts.map((line) => line.replace(/^\d+ /, '')).sort(), expected.sort());
  reader.stdin.end();
  assert.is((await reader.exit()).code, 0);
  await example.stop();
});

test('who has been away reads on from where it was; who does not say what it wants is refused', async () => {
  await using example = await Example.start('feed');
  const writer = await connect(example.url());
  await writer.send('since 0');
  const big = 'x'.repeat(10_000);
  for (let index = 1; index <= 300; index++) {
    await writer.send(`post id-${index} ${index} ${big}`);
    await writer.send(`post id-${index} again`);
    assert.is(JSON.parse(String(await within(writer.receive(), 'an event'))).number, index);
  }
  // 2 MB behind: more than a slow consumer may have waiting, but a past is waited for.
  const reader = await connect(example.url());
  await reader.send('since 100');
  for (let index = 101; index <= 300; index++) {
    const { number, text } = JSON.parse(String(await within(reader.receive(), 'an event')));
    assert.equal([number, text.split(' ')[0]], [index, `${index}`]);
  }
  for (const message of ['hello', 'since x', 'since -1', 'since 1 2', new Uint8Array(8)]) {
    const stranger = await connect(example.url());
    await stranger.send(message);
    assert.is((await endOf(stranger)).closeCode, 1008);
  }
  await example.stop();
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
