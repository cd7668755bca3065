// The example of uploads: spec/examples/upload.ts.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../lib/node.ts';
import { Example } from '../support/example.ts';
import { masked, RawClient } from '../support/raw-client.ts';
import { assertNothingEscaped, endOf } from '../support/server.ts';
import { until, within } from '../support/until.ts';

const test = suite('examples · upload');

const MiB = new Uint8Array(1024 * 1024).map((_, index) => (index * 7919) >>> 8);
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('files of many sizes are on the disk as they were sent, one of many megabytes in one message too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'upload-'));
  await using example = await Example.start('upload', { FOLDER: folder });
  const session = await connect(example.url());
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 24; count++) yield MiB;
  }
  const whole = Buffer.concat(Array.from({ length: 24 }, () => MiB));
  for (const [message, bytes] of [
    [new Uint8Array(0), new Uint8Array(0)],
    [MiB.slice(0, 1), MiB.slice(0, 1)],
    [MiB, MiB],
    [large(), whole],
  ] as const) {
    const sending = session.send(message);
    const { id, size } = JSON.parse(String(await within(session.receive(), 'an answer')));
    await sending;
    assert.is(size, bytes.byteLength);
    assert.is(hash(await readFile(join(folder, id))), hash(bytes));
  }
  assert.is((await readdir(folder)).length, 4);
  await session.close();
  await example.stop();
  await rm(folder, { recursive: true });
});

test('what is too large, lost on the way, or no file leaves nothing on the disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'upload-'));
  await using example = await Example.start('upload', { FOLDER: folder, LARGEST: '100000' });
  const large = await connect(example.url());
  await large.send(MiB.slice(0, 100_000));
  assert.match(String(await within(large.receive(), 'an answer')), /"size":100000/);
  await large.send(MiB.slice(0, 100_001));
  assert.equal([(await endOf(large)).closeCode, (await endOf(large)).reason], [1009, 'More than 100000 bytes']);
  const text = await connect(example.url());
  await text.send('a text');
  assert.is((await endOf(text)).closeCode, 1003);
  const lost = await RawClient.open(example.port);
  lost.send(masked({ opcode: 2, payload: MiB.slice(0, 50_000), fin: false }));
  let names: string[] = [];
  const look = async (): Promise<number> => {
    names = await readdir(folder);
    return names.length;
  };
  const isThere = async (count: number, what: string): Promise<void> => {
    let seen = -1;
    await until(() => {
      void look().then((found) => {
        seen = found;
      });
      return seen === count;
    }, what);
  };
  await isThere(2, 'a part is on the disk');
  assert.ok(names.some((name) => name.endsWith('.part')));
  lost.reset();
  await isThere(1, 'the part is gone');
  assert.not(names.some((name) => name.endsWith('.part')));
  await rm(folder, { recursive: true });
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
test.run();
