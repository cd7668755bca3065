import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EndpointOutput, type EndpointOutputOptions } from '../../lib/endpoint/endpoint-output.ts';
import { LocalProtocolError } from '../../lib/error.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { Opcode } from '../../lib/frame/opcode.ts';
import { throws } from '../support/check.ts';
import { unwire } from '../support/frames.ts';
import { join } from '../support/hex.ts';

const roles: readonly Role[] = ['server', 'client'];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function create(options: Partial<EndpointOutputOptions> = {}, maxUnsentPongs = 16): EndpointOutput {
  return new EndpointOutput({ role: 'server', maskingKey: () => 0x37fa213d, ...options }, maxUnsentPongs);
}

/** Takes what waits, and gives it as `opcode payload`, with `…` behind the opcode of a frame without FIN. */
function taken(output: EndpointOutput, size: number = Number.MAX_SAFE_INTEGER): string[] {
  const pieces: Uint8Array[] = [];
  output.take(size, pieces);
  return unwire(join(...pieces)).map(({ opcode, fin, payload }) => {
    return `${opcode}${fin ? '' : '…'} ${new TextDecoder().decode(payload)}`;
  });
}

const test = suite('endpoint output');

test('control frames pass before messages that wait (RFC 6455 §5.5)', () => {
  const output = create();
  output.message('one');
  output.control(Opcode.PING, bytes('ping'));
  output.pong(bytes('pong'));
  output.close(new Uint8Array(0));
  assert.ok(output.hasControl);
  assert.equal(taken(output), ['9 ping', '10 pong', '1 one', '8 ']);
  assert.ok(output.isEmpty);
});

test('control frames go between the fragments of a message (RFC 6455 §5.4)', () => {
  const output = create();
  output.fragment('text', bytes('a'), false);
  assert.equal(taken(output), ['1… a']);
  output.fragment('text', bytes('b'), false);
  output.control(Opcode.PING, bytes(''));
  assert.equal(taken(output), ['9 ', '0… b']);
  output.fragment('text', bytes(''), true);
  assert.equal(taken(output), ['0 ']);
});

for (const role of roles) {
  test(`${role}: a fragment is cut where a frame may not be as long, and FIN is on the last frame only`, () => {
    const output = create({ role, fragmentSize: 4 });
    output.fragment('binary', bytes('abcdefghij'), false);
    output.fragment('binary', bytes('klmn'), false);
    output.fragment('binary', bytes('opqrs'), true);
    assert.equal(taken(output), ['2… abcd', '0… efgh', '0… ij', '0… klmn', '0… opqr', '0 s']);
  });

  test(`${role}: one fragment that is the first and the last is a message in one frame`, () => {
    const output = create({ role });
    output.fragment('text', bytes('whole'), true);
    output.fragment('binary', new Uint8Array(0), true);
    output.message('next');
    assert.equal(taken(output), ['1 whole', '2 ', '1 next']);
  });

  test(`${role}: every frame is masked, or none, each with a key of its own (RFC 6455 §5.3)`, () => {
    let key = 0;
    const output = create({ role, fragmentSize: 2, maskingKey: () => ++key });
    output.fragment('text', bytes('abcd'), true);
    output.control(Opcode.PING, bytes('x'));
    const pieces: Uint8Array[] = [];
    output.take(Number.MAX_SAFE_INTEGER, pieces);
    const keys = unwire(join(...pieces)).map(({ maskingKey }) => maskingKey);
    assert.equal(keys, role === 'client' ? ['00 00 00 03', '00 00 00 01', '00 00 00 02'] : [...Array(3)]);
  });
}

test('a message cannot begin inside another one (RFC 6455 §5.4), and nothing is changed by the attempt', () => {
  const output = create();
  output.fragment('text', bytes('a'), false);
  throws(() => output.message('b'), LocalProtocolError, 'ERR_WS_MESSAGE_UNFINISHED');
  output.fragment('text', bytes('c'), true);
  output.message('d');
  assert.equal(taken(output), ['1… a', '0 c', '1 d']);
});

test('what waits counts its bytes and 64 more a frame; pongs are not counted', () => {
  const output = create();
  output.message('abc');
  output.control(Opcode.PING, bytes('abc'));
  output.pong(bytes('abc'));
  assert.is(output.weight, 2 * (2 + 3 + 64));
  assert.is(output.take(Number.MAX_SAFE_INTEGER, []), 2 * (2 + 3 + 64));
  assert.is(output.weight, 0);
});

test('beyond the most unsent pongs only the latest is kept (RFC 6455 §5.5.3)', () => {
  const output = create({}, 2);
  for (const text of ['a', 'b', 'c', 'd']) output.pong(bytes(text));
  assert.equal(taken(output), ['10 a', '10 d']);
  const one = create({}, 0);
  for (const text of ['a', 'b']) one.pong(bytes(text));
  assert.equal(taken(one), ['10 b']);
});

test('takes whole frames up to about a size, the rest later, in order', () => {
  const output = create();
  for (let index = 0; index < 10; index++) output.message(new Uint8Array(5000).fill(65 + index));
  const lengths: number[] = [];
  while (!output.isEmpty) lengths.push(taken(output, 12_000).length);
  assert.equal(lengths, [3, 3, 3, 1]);
});

test('cleared, it has nothing', () => {
  const output = create();
  output.message('abc');
  output.control(Opcode.PING, bytes('abc'));
  output.pong(bytes('abc'));
  output.clear();
  assert.equal([output.isEmpty, output.weight, taken(output)], [true, 0, []]);
});

test('refuses RSV bits that nobody owns, and control payloads over 125 bytes', () => {
  const frame = { fin: true, rsv1: true, rsv2: false, rsv3: false, opcode: Opcode.TEXT, payload: bytes('a') };
  throws(() => create().frame(frame), RangeError);
  const output = create({ rsvBits: 0x40 });
  output.frame(frame);
  assert.equal(taken(output), ['1 a']);
  throws(() => output.control(Opcode.PING, new Uint8Array(126)), RangeError, /126/);
  assert.ok(output.isEmpty);
});

test('a fragment size that is no positive integer is refused', () => {
  for (const fragmentSize of [0, -1, 1.5, Number.NaN]) throws(() => create({ fragmentSize }), RangeError);
});
test.run();
