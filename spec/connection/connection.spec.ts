// What joins the two directions: backpressure from a reader to the other side's sender, and the end of the transport in any state.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, createPair, masked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const TEXT = 0x81;
const PING = 0x89;
const limits = { queueSize: 1000, lookAhead: 500 };

const outbound = suite('connection · what goes out');

outbound('backpressure holds from a reader that waits to the other side’s send', async () => {
  const { server, client } = createPair({ limits }, { limits }, { link: { bufferSize: 256 } });
  let sent = 0;
  void (async () => {
    for (let count = 0; count < 1000; count++) {
      await client.session.send(String(count).padStart(36));
      sent++;
    }
  })();
  await turns(50);
  const held = sent;
  assert.ok(held < 60, `${held} sends before anybody read`);
  await turns(50);
  assert.is(sent, held);
  for (let count = 0; count < 1000; count++) assert.is(Number(await server.session.receive()), count);
  await turns();
  assert.is(sent, 1000);
});

outbound('ten thousand messages arrive in order, whole, through a slow pipe', async () => {
  const { server, client } = createPair({ limits }, { limits });
  const send = (async () => {
    for (let count = 0; count < 10_000; count++) await client.session.send(`${count}`);
    await client.session.close();
  })();
  let count = 0;
  for await (const message of server.session) assert.is(message, `${count++}`);
  assert.is(count, 10_000);
  await send;
  assert.ok((await server.closed).wasClean);
});

outbound('a large message is written in pieces, and a pong has its turn between whole frames only', async () => {
  const peer = new ByHand({ fragmentSize: 1000 });
  peer.block();
  void peer.job.session.send(new Uint8Array(1_000_000));
  await turns();
  await peer.send(masked(PING, 'p'));
  await peer.unblock();
  await turns(200);
  const opcodes = peer.frames.map(({ opcode }) => opcode);
  const pong = opcodes.indexOf(10);
  assert.ok(pong > 0 && pong < opcodes.length - 1, `the pong is frame ${pong} of ${opcodes.length}`);
  assert.is(opcodes.filter((opcode) => opcode === 0 || opcode === 2).length, 1000);
});

outbound(
  'a transport that breaks while the peer’s close waits for its answer leaves no timer, whatever the handler does then',
  async () => {
    let end = (): void => {};
    const peer = new ByHand({
      handler: () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    });
    await peer.send(join(masked(TEXT, 'unread'), masked(0x88, closePayload(1000))));
    await peer.fail(new Error('reset'));
    assert.is((await peer.job.session.closed).wasClean, false);
    end();
    await peer.job.closed;
    await turns();
    assert.is(peer.clock.pending, 0);
  },
);

outbound('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
outbound.run();
