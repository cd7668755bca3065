// The order in which frames go out: control frames ahead of messages, never inside a frame, and pongs in bounds.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Endpoint } from '../../lib/endpoint/endpoint.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { makeEndpoint, takeAll } from '../support/deliver.ts';
import { unwire, wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';
import { Random } from '../support/random.ts';
import { sized } from '../support/sized.ts';

const test = suite('endpoint · control lane, RFC 6455 §5.5');

const roles: readonly Role[] = ['server', 'client'];
const names: Record<number, string> = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };

/** The frames of these bytes: what they are, and their text where it is short. */
function show(bytes: Uint8Array): string[] {
  return unwire(bytes).map(({ opcode, payload }) => {
    const text = payload.byteLength > 20 ? `${payload.byteLength} bytes` : Buffer.from(payload).toString();
    return `${names[opcode]} ${text}`.trim();
  });
}

/** Takes as many whole frames as reach `size` bytes. */
function take(endpoint: Endpoint, size: number): string[] {
  const pieces: Uint8Array[] = [];
  endpoint.takeOutput(pieces, size);
  return show(join(...pieces));
}

function ping(endpoint: Endpoint, payload: string): void {
  endpoint.receive(wireTo(endpoint.role, { opcode: 9, payload }));
}

const text = new TextEncoder();
const pings = sized(200_000, 1_000_000);

for (const role of roles) {
  test(`${role} sends pings and pongs ahead of messages that were sent before them`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.send('first');
    endpoint.send(new Uint8Array(10_000));
    endpoint.ping(text.encode('a'));
    ping(endpoint, 'b');
    endpoint.pong(text.encode('c'));
    endpoint.send('second');
    assert.equal(show(takeAll(endpoint)), [
      'ping a',
      'pong c',
      'pong b',
      'text first',
      'binary 10000 bytes',
      'text second',
    ]);
  });

  test(`${role} sends the close frame behind the messages, not ahead of them`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.send('first');
    endpoint.close();
    assert.equal(show(takeAll(endpoint)), ['text first', 'close']);
  });

  test(`${role} puts a control frame between two messages when only a part was taken, never inside one`, () => {
    const endpoint = makeEndpoint({ role });
    for (const size of [5000, 6000, 7000]) endpoint.send(new Uint8Array(size));
    assert.equal(take(endpoint, 1), ['binary 5000 bytes']);
    endpoint.ping(text.encode('a'));
    assert.equal(take(endpoint, 1), ['ping a', 'binary 6000 bytes']);
    ping(endpoint, 'b');
    assert.equal(take(endpoint, 1), ['pong b', 'binary 7000 bytes']);
    assert.not(endpoint.hasOutput);
  });

  test(`${role} puts control frames between the fragments of a message`, () => {
    const endpoint = makeEndpoint({ role, fragmentSize: 5000 });
    endpoint.send(new Uint8Array(15_000));
    assert.equal(take(endpoint, 1), ['binary 5000 bytes']);
    endpoint.ping(text.encode('a'));
    assert.equal(take(endpoint, 1), ['ping a', 'continuation 5000 bytes']);
    assert.equal(take(endpoint, 1), ['continuation 5000 bytes']);
  });

  test(`${role} sends control frames even when no byte of messages is asked for`, () => {
    const endpoint = makeEndpoint({ role });
    endpoint.send('first');
    endpoint.ping(text.encode('a'));
    ping(endpoint, 'b');
    assert.equal(take(endpoint, 0), ['ping a', 'pong b']);
    assert.equal(take(endpoint, 0), []);
    assert.ok(endpoint.hasOutput);
  });

  test(`${role} takes whole frames in any sizes, all of them in order`, () => {
    const random = new Random();
    const endpoint = makeEndpoint({ role, fragmentSize: 6000 });
    const sent: string[] = [];
    const got: string[] = [];
    let message = '';
    const collect = (size: number): void => {
      const pieces: Uint8Array[] = [];
      endpoint.takeOutput(pieces, size);
      for (const { opcode, fin, payload } of unwire(join(...pieces))) {
        if (opcode > 2) continue;
        message += Buffer.from(payload).toString();
        if (fin) {
          got.push(message);
          message = '';
        }
      }
    };
    for (let index = 0; index < 300; index++) {
      const content = `${index}:${'x'.repeat(random.below(random.pick([10, 500, 20_000])))}`;
      endpoint.send(content);
      sent.push(content);
      if (index % 3 === 0) endpoint.ping();
      collect(random.below(8000));
    }
    collect(Number.MAX_SAFE_INTEGER);
    assert.equal(got, sent);
    assert.equal([endpoint.hasOutput, endpoint.queued], [false, 0]);
  });

  // --- Pongs -------------------------------------------------------------------------------------------------------

  for (const [limit, expected] of [
    [16, [...Array.from({ length: 15 }, (_, index) => `pong ${index}`), 'pong 99']],
    [3, ['pong 0', 'pong 1', 'pong 99']],
    [1, ['pong 99']],
    [0, ['pong 99']],
  ] as const) {
    test(`${role} keeps ${limit} pongs that wait unsent, the last of them for the latest ping`, () => {
      const endpoint = makeEndpoint({ role, limits: { maxUnsentPongs: limit } });
      for (let index = 0; index < 100; index++) ping(endpoint, String(index));
      assert.equal(show(takeAll(endpoint)), expected);
      assert.not(endpoint.hasOutput);
    });
  }

  test(`${role} answers every ping of a flood of 16, and all after them when pongs are taken between`, () => {
    const endpoint = makeEndpoint({ role });
    for (let index = 0; index < 16; index++) ping(endpoint, String(index));
    assert.equal(
      show(takeAll(endpoint)),
      Array.from({ length: 16 }, (_, index) => `pong ${index}`),
    );
    for (let index = 0; index < 100; index++) {
      ping(endpoint, String(index));
      assert.equal(show(takeAll(endpoint)), [`pong ${index}`]);
    }
  });

  test(`${role} tells of every ping of a flood, although only the latest is answered`, () => {
    const endpoint = makeEndpoint({ role, limits: { maxUnsentPongs: 1 } });
    const pings = Array.from({ length: 50 }, (_, index) => wireTo(role, { opcode: 9, payload: String(index) }));
    assert.is(endpoint.receive(join(...pings)).length, 50);
    assert.equal(show(takeAll(endpoint)), ['pong 49']);
  });

  test(`${role} keeps no more than its pongs of ${pings} pings that nobody takes the answers of`, () => {
    const endpoint = makeEndpoint({ role });
    const flood = join(...Array.from({ length: 1000 }, () => wireTo(role, { opcode: 9, payload: 'x'.repeat(125) })));
    for (let count = 0; count < pings / 1000; count++) endpoint.receive(flood.slice(), true);
    assert.is(unwire(takeAll(endpoint)).length, 16);
  });

  test(`${role} has a pong that waits unchanged when more is received and sent`, () => {
    const endpoint = makeEndpoint({ role });
    const chunk = wireTo(role, { opcode: 9, payload: 'keep' });
    endpoint.receive(chunk, true);
    chunk.fill(0xff);
    endpoint.send('x'.repeat(100));
    assert.equal(show(takeAll(endpoint))[0], 'pong keep');
  });

  test(`${role} answers no ping after the peer's close frame, but sends the pongs that waited`, () => {
    const endpoint = makeEndpoint({ role });
    const frames = [{ opcode: 9, payload: 'a' }, { opcode: 8 }, { opcode: 9, payload: 'b' }];
    endpoint.receive(join(...frames.map((frame) => wireTo(role, frame))));
    ping(endpoint, 'c');
    endpoint.close();
    assert.equal(show(takeAll(endpoint)), ['pong a', 'close']);
  });
}

test.run();
