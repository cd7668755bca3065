// The core as a whole: its names, and a client and a server that talk to each other without anything around them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as core from '../lib/core.ts';
import { Endpoint, type EndpointEvent, type EndpointOptions, type Role, Slab } from '../lib/core.ts';
import { keysFrom } from './support/deliver.ts';
import { join, toHex } from './support/hex.ts';
import { Random } from './support/random.ts';

const test = suite('core · two endpoints');

test('exports these names and no others', () => {
  assert.equal(Object.keys(core).sort(), [
    'ByteQueue',
    'CloseCode',
    'ConnectionError',
    'Endpoint',
    'ExtensionError',
    'FrameDecoder',
    'FrameEncoder',
    'HandshakeError',
    'Keepalive',
    'LimitError',
    'LocalProtocolError',
    'MessageAssembler',
    'MessagePieces',
    'MillraceError',
    'Opcode',
    'OutputQueue',
    'PermessageDeflate',
    'RemoteProtocolError',
    'Slab',
    'Utf8Validator',
    'acceptExtensions',
    'confirmExtensions',
    'defaultLimits',
    'errorCodes',
    'fragmentMessage',
    'isSendableCloseCode',
    'maskInPlace',
    'offerExtensions',
  ]);
});

/** A client and a server with nothing but a wire between them. */
class Pair {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly events: Record<Role, EndpointEvent[]> = { client: [], server: [] };
  readonly #random = new Random();

  constructor(options: Partial<EndpointOptions> = {}) {
    const slab = new Slab();
    this.client = new Endpoint({ slab, ...options, role: 'client', maskingKey: keysFrom(0x5a5a5a5a) });
    this.server = new Endpoint({ slab, ...options, role: 'server' });
  }

  /** Moves what one of them has sent to the other, in chunks of any size. Gives whether there was any. */
  move(from: Endpoint, to: Endpoint, size = Number.MAX_SAFE_INTEGER): boolean {
    if (!from.hasOutput) return false;
    const pieces: Uint8Array[] = [];
    from.takeOutput(pieces, size);
    for (const chunk of this.#random.split(join(...pieces), 2000)) {
      this.events[to.role].push(...to.receive(chunk.slice(), true, 1 + this.#random.below(1000)));
      while (to.hasUnread) this.events[to.role].push(...to.resume(1 + this.#random.below(1000)));
    }
    return true;
  }

  /** Moves everything both ways until nothing is left. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = this.move(this.client, this.server, 1 + this.#random.below(3000));
      moved = this.move(this.server, this.client, 1 + this.#random.below(3000)) || moved;
    }
  }

  seen(role: Role): string[] {
    return this.events[role].map((event) => {
      if (event.type === 'message') {
        const { message } = event;
        return typeof message === 'string' ? `"${message}"` : toHex(message);
      }
      if (event.type === 'close') return `close ${event.closeCode} ${event.reason}`.trim();
      if (event.type === 'fault') return `fault ${event.fault.code}`;
      if (event.type === 'piece') return `piece ${toHex(event.piece.bytes)}`.trim();
      if (event.type === 'frame') return `frame ${event.frame.opcode} ${toHex(event.frame.payload)}`.trim();
      return `${event.type} ${toHex(event.payload)}`.trim();
    });
  }

  /** State and whether the transport is to be ended, of the client and of the server. */
  get end(): [string, boolean, string, boolean] {
    return [this.client.state, this.client.endsTransport, this.server.state, this.server.endsTransport];
  }
}

for (const fragmentSize of [Number.POSITIVE_INFINITY, 1, 1000]) {
  test(`messages of both kinds and any size arrive in order both ways, in fragments of ${fragmentSize}`, () => {
    const pair = new Pair({ fragmentSize });
    const random = new Random();
    const sent: Record<Role, string[]> = { client: [], server: [] };
    for (let index = 0; index < 60; index++) {
      const size = random.below(random.pick([10, 200, 3000]));
      for (const endpoint of [pair.client, pair.server]) {
        const peer = endpoint === pair.client ? 'server' : 'client';
        const text = `${index} κόσμε 😀 ${'x'.repeat(size)}`;
        const bytes = random.bytes(size);
        endpoint.send(text);
        endpoint.send(bytes);
        sent[peer].push(`"${text}"`, toHex(bytes));
      }
      if (index % 7 === 0) pair.settle();
    }
    pair.settle();
    assert.equal(pair.seen('server'), sent.server);
    assert.equal(pair.seen('client'), sent.client);
    assert.equal([pair.client.retained, pair.server.retained], [0, 0]);
  });
}

test('a ping is answered with its payload, from either side', () => {
  const pair = new Pair();
  pair.client.ping(Uint8Array.of(1));
  pair.server.ping(Uint8Array.of(2));
  pair.settle();
  assert.equal(pair.seen('server'), ['ping 01', 'pong 02']);
  assert.equal(pair.seen('client'), ['ping 02', 'pong 01']);
});

test('the client closes: the server answers, and ends the transport first', () => {
  const pair = new Pair();
  pair.client.send('last');
  pair.client.close(1000, 'done');
  pair.settle();
  assert.equal(pair.seen('server'), ['"last"', 'close 1000 done']);
  assert.equal(pair.end, ['close-sent', false, 'close-received', false]);
  pair.server.send('reply');
  pair.server.close();
  pair.settle();
  assert.equal(pair.seen('client'), ['"reply"', 'close 1000']);
  assert.equal(pair.end, ['closed', false, 'closed', true]);
  assert.equal([pair.client.received?.closeCode, pair.server.sent?.closeCode], [1000, 1000]);
});

test('the server closes: the client answers and waits for the server to end the transport', () => {
  const pair = new Pair();
  pair.server.close(1001, 'restart');
  pair.settle();
  assert.equal(pair.seen('client'), ['close 1001 restart']);
  assert.equal(pair.end, ['close-received', false, 'close-sent', false]);
  pair.client.close();
  pair.settle();
  assert.equal(pair.seen('server'), ['close 1001']);
  assert.equal(pair.end, ['closed', false, 'closed', true]);
});

test('both close at once: each takes the other close frame for the answer', () => {
  const pair = new Pair();
  pair.client.close(4001, 'client');
  pair.server.close(4002, 'server');
  pair.settle();
  assert.equal([pair.seen('client'), pair.seen('server')], [['close 4002 server'], ['close 4001 client']]);
  assert.equal(pair.end, ['closed', false, 'closed', true]);
  assert.equal(pair.client.sent, { closeCode: 4001, reason: 'client' });
  assert.equal(pair.client.received, { closeCode: 4002, reason: 'server' });
});

test('both close without a code at once', () => {
  const pair = new Pair();
  pair.client.close();
  pair.server.close();
  pair.settle();
  assert.equal([pair.seen('client'), pair.seen('server')], [['close 1005'], ['close 1005']]);
  assert.equal(pair.end, ['closed', false, 'closed', true]);
});

test('a close in the middle of the other side sending loses nothing that was sent before it', () => {
  const pair = new Pair();
  for (let index = 0; index < 100; index++) pair.client.send(`${index} ${'x'.repeat(500)}`);
  pair.server.close(1000);
  pair.settle();
  assert.is(pair.events.server.length, 100);
  pair.client.close();
  pair.settle();
  assert.equal(pair.end, ['closed', false, 'closed', true]);
});

test('a side that fails tells the other why; its answer is thrown away, and both end', () => {
  const pair = new Pair({ limits: { maxMessageSize: 10 } });
  pair.client.send('x'.repeat(11));
  pair.settle();
  assert.equal(pair.seen('server'), ['fault ERR_WS_FRAME_TOO_LONG']);
  assert.equal(pair.seen('client'), ['close 1009 Frame of 11 bytes is over the limit']);
  assert.equal(pair.end, ['close-received', false, 'failed', true]);
  pair.client.close();
  pair.settle();
  assert.equal(pair.end, ['closed', false, 'failed', true]);
  assert.is(pair.events.server.length, 1);
});

test('a transport that ends without a close frame is lost on both sides', () => {
  const pair = new Pair();
  pair.client.send('half of it is under way');
  pair.client.receiveEnd();
  pair.server.receiveEnd();
  assert.equal(pair.end, ['lost', true, 'lost', true]);
  assert.equal([pair.client.received, pair.server.received], [undefined, undefined]);
});

test('a transport that ends behind the close frame still takes the answer', () => {
  const pair = new Pair();
  pair.client.close(1000);
  pair.settle();
  pair.server.receiveEnd();
  assert.is(pair.server.state, 'close-received');
  pair.server.close();
  pair.settle();
  assert.equal(pair.end, ['closed', false, 'closed', true]);
});

test.run();
