// Messages of all kinds between us, in both roles, and the `ws` package: sizes, fragments, pings in the middle, compressed ones and others in turn, many over one context, streamed ones.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Message, permessageDeflate, serve } from '../../lib/node.ts';
import {
  assertAllClean,
  assertSame,
  exchangeSamples,
  type Link,
  links,
  sendOurs,
  sendTheirs,
  toWsOptions,
  type WsMode,
  WsServer,
} from '../support/deflate-links.ts';
import { digits, json, largeSamples, multibyte, noise } from '../support/deflate-samples.ts';
import { openByHand } from '../support/hand-client.ts';
import { openWs, type WsPeer } from '../support/peers.ts';
import { assertNothingEscaped, endOf } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { until, within } from '../support/until.ts';

const MiB = 1024 * 1024;
const forgetful: WsMode = { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 };
const contexts: readonly (readonly [string, WsMode])[] = [
  ['with context takeover', { threshold: 0 }],
  ['without context takeover', forgetful],
];

/** Cuts a message so that characters are cut too. */
function cut(message: Message, size: number): Buffer[] {
  const bytes = Buffer.from(message as string);
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.byteLength; start += size) parts.push(bytes.subarray(start, start + size));
  return parts.length === 0 ? [bytes] : parts;
}

/** Sends a message in fragments from the side of `ws`; calls back between them. Gives what it has cost. */
async function sendTheirsInParts(
  link: Link,
  message: Message,
  size: number,
  between = (_: number) => {},
): Promise<number> {
  const before = link.ours.counters.bytesReceived;
  const parts = cut(message, size);
  for (const [index, part] of parts.entries()) {
    if (index > 0) between(index);
    link.theirs.socket.send(part, { fin: index === parts.length - 1, binary: typeof message !== 'string' });
  }
  assertSame(await within(link.ours.receive(), 'a message in fragments'), message);
  return link.ours.counters.bytesReceived - before;
}

/** The same from our side: each part is a fragment, as it comes. */
async function sendOursInParts(
  { ours, theirs }: Link,
  message: Message,
  size: number,
  between: (index: number) => unknown = () => {},
): Promise<number> {
  const before = ours.counters.bytesSent;
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const [index, part] of cut(message, size).entries()) {
      if (index > 0) await between(index);
      yield part;
    }
  }
  await ours.send({ type: typeof message === 'string' ? 'text' : 'binary', body: body() });
  assertSame(await theirs.receive(), message);
  return ours.counters.bytesSent - before;
}

const lengthOf = (message: Message): number => Buffer.from(message as string).byteLength;

for (const [role, openLink] of links) {
  const test = suite(`permessage-deflate · ${role} · messages`);

  for (const [name, mode] of contexts) {
    test(`messages of all sizes up to 1 MiB pass in both directions ${name}`, async () => {
      await using link = await openLink({}, mode);
      await exchangeSamples(link, { ours: true, theirs: true }, largeSamples);
    });

    test(`a message in fragments of any size is compressed as one, ${name}`, async () => {
      await using link = await openLink({}, mode);
      for (const message of [multibyte(20_001), Buffer.from(json(1).repeat(40)), '', digits(2_000)]) {
        for (const size of [sized(97, 7), 1_000, 8_192, 100_000]) {
          const theirs = await sendTheirsInParts(link, message, size);
          const ours = await sendOursInParts(link, message, size);
          const length = lengthOf(message);
          if (size < 1_000 || length < 10_000) continue;
          assert.ok(theirs < length / 5 && ours < length / 5, `${ours} and ${theirs} bytes for ${length}`);
        }
      }
    });

    test(`pings and pongs pass between the fragments of a compressed message ${name}`, async () => {
      await using link = await openLink({}, mode);
      const { ours, theirs } = link;
      const pongs: string[] = [];
      const order: string[] = [];
      theirs.socket.on('pong', (payload) => pongs.push(payload.toString()));
      theirs.socket.on('ping', () => order.push('ping'));
      theirs.socket.on('message', () => order.push('message'));
      const message = multibyte(50_003);
      await sendTheirsInParts(link, message, 5_000, (index) => theirs.socket.ping(`ping ${index}`));
      await until(() => pongs.length === 10, 'ten pongs');
      assert.equal(
        pongs,
        Array.from({ length: 10 }, (_, index) => `ping ${index + 1}`),
      );
      // Each round trip ends in the middle of the message: so its fragments go out one by one.
      await sendOursInParts(link, message, 5_000, () => ours.ping());
      assert.equal(order, [...Array.from({ length: 10 }, () => 'ping'), 'message']);
      await sendOurs(link, message);
      await sendTheirs(link, message);
    });

    const count = mode === forgetful ? sized(100, 1000) : sized(300, 1000);

    test(`${count} messages each way, both ways at once, ${name}`, async () => {
      await using link = await openLink({}, mode);
      const { ours, theirs } = link;
      const messages = Array.from({ length: count }, (_, index) => json(index));
      const size = messages.reduce((sum, message) => sum + lengthOf(message), 0);
      for (const message of messages) theirs.send(message);
      const sending = (async () => {
        for (const message of messages) await ours.send(message);
      })();
      const receiving = (async () => {
        for (const message of messages) assert.is(await within(ours.receive(), 'a message'), message);
      })();
      for (const message of messages) assert.is(await theirs.receive(), message);
      await Promise.all([sending, receiving]);
      const { bytesSent, bytesReceived, messagesSent, messagesReceived } = ours.counters;
      assert.equal([messagesSent, messagesReceived], [count, count]);
      const most = mode === forgetful ? size * 0.95 : size / 3;
      assert.ok(bytesSent < most && bytesReceived < most, `${bytesSent} and ${bytesReceived} bytes for ${size}`);
    });

    test(`compressed messages and others in turn pass ${name}`, async () => {
      await using link = await openLink({}, mode);
      const same = digits(1_000);
      for (let round = 0; round < sized(20, 200); round++) {
        const compress = round % 3 !== 0;
        const size = lengthOf(same) + (round % 2) * 500;
        const message = same + 'x'.repeat(size - same.length);
        const ours = await sendOurs(link, message, { compress });
        const theirs = await sendTheirs(link, message, { compress });
        for (const cost of [ours, theirs]) {
          if (compress) assert.ok(cost < size * 0.7, `${cost} bytes for ${size}`);
          else assert.ok(cost === size + 4 || cost === size + 8, `${cost} bytes for ${size}, with its header`);
        }
        await sendOurs(link, noise(300));
        await sendTheirs(link, noise(300));
      }
    });
  }

  test('a message that is not compressed leaves the context as it is', async () => {
    await using link = await openLink({}, { threshold: 0 });
    const message = digits(400);
    for (const send of [sendOurs, sendTheirs]) {
      await send(link, message);
      const known = await send(link, message);
      assert.ok(known < 40, `${known} bytes`);
      const plain = await send(link, digits(400), { compress: false });
      assert.ok(plain >= 404, `${plain} bytes`);
      assert.ok((await send(link, message)) < 40);
    }
  });

  test('a message that would not become smaller is sent as it is, and the next ones are read all the same', async () => {
    await using link = await openLink({}, { threshold: 0 });
    for (const size of [200, 3_000, 65_536, 100_000]) {
      const cost = await sendOurs(link, noise(size));
      assert.ok(cost <= size + 14, `${cost} bytes for ${size}`);
      await sendOurs(link, json(size));
      await sendTheirs(link, noise(size));
      await sendTheirs(link, json(size));
    }
  });

  test('options say what is compressed: a threshold, a predicate, smaller or not', async () => {
    const asked: string[] = [];
    await using link = await openLink(
      {
        threshold: 50,
        onlyIfSmaller: false,
        compressIf: ({ type, bytes, isWhole }) => {
          asked.push(`${type} ${bytes.byteLength} ${isWhole}`);
          return type === 'text';
        },
      },
      true,
    );
    assert.ok((await sendOurs(link, '0'.repeat(49))) >= 49 + 2, 'below the threshold');
    assert.ok((await sendOurs(link, '0'.repeat(50))) < 20);
    assert.ok((await sendOurs(link, Buffer.alloc(60))) >= 60 + 2, 'the predicate says no');
    assert.equal(asked, ['text 50 true', 'binary 60 true']);
    const cost = await sendOurs(link, noise(100), { compress: true });
    assert.ok(cost > 100 + 6, `${cost} bytes for 100: it has grown, and is sent so`);
  });

  test('what our options cut into frames is one compressed message to the peer', async () => {
    await using link = await openLink({}, true, { fragmentSize: 100 });
    const { theirs } = link;
    for (const message of [multibyte(100_000), digits(5_000), noise(5_000), '', multibyte(200_000)]) {
      await sendOurs(link, message);
      await sendTheirs(link, message);
    }
    assert.is(theirs.socket.readyState, 1);
  });

  test.run();
}

// --- Streamed --------------------------------------------------------------------------------------------------------

const streamed = suite('permessage-deflate · streamed sessions');

/** Sends messages whole and in parts, and asserts that all come back; gives how many bytes of payload went up. */
async function assertPiped(peer: WsPeer): Promise<number> {
  const messages: Message[] = ['', 'a', multibyte(3_001), new Uint8Array(0), new Uint8Array(5_000), multibyte(MiB)];
  let size = 0;
  for (let round = 0; round < sized(1, 4); round++) {
    for (const message of messages) {
      peer.send(message);
      assertSame(await peer.receive(), message);
      size += lengthOf(message);
      const parts = cut(message, 10_007);
      for (const [index, part] of parts.entries()) {
        peer.socket.send(part, { fin: index === parts.length - 1, binary: typeof message !== 'string' });
      }
      assertSame(await peer.receive(), message);
      size += lengthOf(message);
    }
    const bytes = noise(MiB);
    peer.socket.send(bytes, { compress: round % 2 === 0 });
    assertSame(await peer.receive(), bytes);
  }
  const count = sized(200, 1000);
  for (let index = 0; index < count; index++) peer.send(`message ${index}`);
  for (let index = 0; index < count; index++) assert.is(await peer.receive(), `message ${index}`);
  return size;
}

for (const [name, mode] of contexts) {
  streamed(`server pipes what a client of ws sends back to it, ${name}`, async () => {
    let session: { readonly counters: { readonly bytesSent: number; readonly bytesReceived: number } } | undefined;
    const server = await serve({ extensions: [permessageDeflate()], messages: 'streamed' }, (it) => {
      session = it;
      return it.readable.pipeTo(it.writable);
    });
    const peer = await openWs(server.url, [], toWsOptions(mode));
    const size = await assertPiped(peer);
    peer.close(1000);
    assert.is((await peer.ended()).code, 1000);
    const { bytesSent = 0, bytesReceived = 0 } = session?.counters ?? {};
    const noisy = sized(1, 4) * MiB * 1.01;
    assert.ok(bytesReceived < size / 20 + noisy, `${bytesReceived} bytes for ${size}`);
    assert.ok(bytesSent < size / 20 + noisy, `${bytesSent} bytes for ${size}`);
    await server.stop();
  });

  streamed(`client pipes what a server of ws sends back to it, ${name}`, async () => {
    await using host = await WsServer.start(mode);
    const { job } = await openByHand({ port: host.port, extensions: [permessageDeflate()], messages: 'streamed' });
    const { session } = job;
    const piped = session.readable.pipeTo(session.writable);
    await until(() => host.peers.length === 1, 'the server of ws has the connection');
    const peer = host.peers[0] as WsPeer;
    const size = await assertPiped(peer);
    peer.close(1000);
    assert.is((await peer.ended()).code, 1000);
    await piped;
    assert.ok((await endOf(session)).wasClean);
    const { bytesSent, bytesReceived } = session.counters;
    const noisy = sized(1, 4) * MiB * 1.01;
    assert.ok(bytesReceived < size / 20 + noisy, `${bytesReceived} bytes for ${size}`);
    assert.ok(bytesSent < size / 20 + noisy, `${bytesSent} bytes for ${size}`);
  });
}

streamed('a streamed message is read while it comes: its first fragment before the second is sent', async () => {
  const seen: string[] = [];
  let wake = (): void => {};
  const server = await serve({ extensions: [permessageDeflate()], messages: 'streamed' }, async (session) => {
    for await (const message of session) {
      for await (const chunk of message) {
        seen.push(Buffer.from(chunk).toString());
        wake();
      }
    }
  });
  const peer = await openWs(server.url, [], toWsOptions({ threshold: 0 }));
  for (const [index, part] of ['first '.repeat(20), 'second '.repeat(20), 'last'].entries()) {
    const isThere = new Promise<void>((resolve) => {
      wake = resolve;
    });
    peer.socket.send(part, { fin: index === 2 });
    await within(isThere, 'the fragment');
    assert.is(seen[index], part);
  }
  peer.close(1000);
  assert.is((await peer.ended()).code, 1000);
  await server.stop();
});

streamed('all of these connections have closed cleanly, and nothing has escaped', async () => {
  assertAllClean();
  await assertNothingEscaped();
});

streamed.run();
