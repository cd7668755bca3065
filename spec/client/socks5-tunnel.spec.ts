// SOCKS5 as bytes: what is said, and what every answer is taken for, each whole, byte by byte and cut at random places.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClientProxy, parseProxy } from '../../lib/client/proxy.ts';
import { Socks5Tunnel } from '../../lib/client/socks5-tunnel.ts';
import { parseTarget, type Target } from '../../lib/client/target.ts';
import { HandshakeError } from '../../lib/error.ts';
import { throws } from '../support/check.ts';
import { hex, join, toHex } from '../support/hex.ts';
import { Random } from '../support/random.ts';

const test = suite('socks5 tunnel');

const example = { host: 'example.com', port: 80 };
const somebody = { name: 'me', password: 'secret' };

interface Seen {
  /** What was said, a text of bytes for each time. */
  readonly said: string[];
  readonly outcome: { rest: string } | { message: string } | undefined;
}

interface Talk {
  readonly credentials?: ClientProxy['credentials'];
  readonly target?: Pick<Target, 'host' | 'port'>;
  readonly end?: boolean;
}

/** Talks with a proxy that gives these answers, one for each time that it was spoken to; `split` cuts each of them. */
function talkOnce(answers: readonly string[], split: (bytes: Uint8Array) => Uint8Array[], options: Talk): Seen {
  const { credentials, target = example, end = false } = options;
  const tunnel = new Socks5Tunnel({ credentials }, target);
  const said: string[] = [];
  let rest = '';
  for (const answer of answers) {
    const bytes = tunnel.take();
    if (bytes !== undefined) said.push(toHex(bytes));
    for (const chunk of split(hex(answer))) {
      const { outcome } = tunnel;
      if (outcome === undefined) tunnel.push(chunk);
      else rest += toHex(chunk);
    }
  }
  const last = tunnel.take();
  if (last !== undefined) said.push(toHex(last));
  if (end) tunnel.end();
  const { outcome } = tunnel;
  if (outcome === undefined) return { said, outcome };
  if (outcome.accepted) return { said, outcome: { rest: (toHex(outcome.rest) + rest).replace(/ /g, '') } };
  assert.instance(outcome.error, HandshakeError);
  assert.equal([outcome.error.code, outcome.error.status], ['ERR_WS_PROXY', 0]);
  return { said, outcome: { message: outcome.error.message } };
}

function talk(answers: readonly string[], options: Talk = {}): Seen {
  const random = new Random();
  const whole = talkOnce(answers, (bytes) => [bytes], options);
  for (const longest of [1, 2, 5]) {
    assert.equal(
      talkOnce(answers, (bytes) => random.split(bytes, longest), options),
      whole,
      `cut to ${longest}`,
    );
  }
  return whole;
}

function failed(answers: readonly string[], message: RegExp, options: Talk = {}): void {
  const { outcome } = talk(answers, options);
  assert.match((outcome as { message: string } | undefined)?.message ?? '', message);
}

const GOOD = '05 00 00 01 00 00 00 00 00 00';
const NAME = '03 0b 65 78 61 6d 70 6c 65 2e 63 6f 6d 00 50';

test('RFC 1928 §3 and §4: nobody in particular, and a name, which the proxy resolves', () => {
  assert.equal(talk(['05 00', GOOD]), { said: ['05 01 00', `05 01 00 ${NAME}`], outcome: { rest: '' } });
});

test('RFC 1928 §5: addresses of IPv4 and IPv6 are sent as such, the port in network octet order', () => {
  const cases: [url: string, address: string][] = [
    ['ws://127.0.0.1:8080', '01 7f 00 00 01 1f 90'],
    ['wss://1.2.3.255', '01 01 02 03 ff 01 bb'],
    ['wss://[2001:db8::1:ff]', '04 20 01 0d b8 00 00 00 00 00 00 00 00 00 01 00 ff 01 bb'],
    ['ws://[::ffff:1.2.3.4]:65535', '04 00 00 00 00 00 00 00 00 00 00 ff ff 01 02 03 04 ff ff'],
    ['ws://a', '03 01 61 00 50'],
  ];
  for (const [url, address] of cases) {
    assert.is(talk(['05 00', GOOD], { target: parseTarget(url) }).said[1], `05 01 00 ${address}`, url);
  }
});

test('RFC 1929 §2: with a user both ways are offered, and the proxy chooses', () => {
  const credentials = somebody;
  const login = '01 02 6d 65 06 73 65 63 72 65 74';
  const request = `05 01 00 ${NAME}`;
  assert.equal(talk(['05 02', '01 00', GOOD], { credentials }), {
    said: ['05 02 00 02', login, request],
    outcome: { rest: '' },
  });
  assert.equal(talk(['05 00', GOOD], { credentials }).said, ['05 02 00 02', request]);
  const long = { name: 'ü'.repeat(127), password: '' };
  const [, said = ''] = talk(['05 02', '01 00', GOOD], { credentials: long }).said;
  assert.is(said, `01 fe ${Array(127).fill('c3 bc').join(' ')} 00`);
  assert.equal(parseProxy('socks5://me:secret@x').credentials, somebody);
});

test('RFC 1928 §6: where the proxy is bound is passed over, whatever its type; what comes behind belongs to the target', () => {
  const bound = [
    '01 7f 00 00 01 1f 90',
    '04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 ff ff',
    '03 00 00 00',
    '03 03 61 62 63 00 50',
    `03 ff ${Array(255).fill('61').join(' ')} 00 50`,
  ];
  for (const address of bound) {
    for (const rest of ['', '81', '05 00 00 01 00', '48 54 54 50 2f 31 2e 31']) {
      const { outcome } = talk(['05 00', `05 00 00 ${address} ${rest}`]);
      assert.equal(outcome, { rest: rest.replace(/ /g, '') });
    }
    assert.is(talk(['05 00', `05 00 00 ${address}`.slice(0, -3)]).outcome, undefined);
  }
  assert.equal(talk(['05 00', '05 00 ff 01 00 00 00 00 00 00']).outcome, { rest: '' }, 'what is reserved is ignored');
});

test('RFC 1928 §6: each failure is told in its own words, as soon as it is known', () => {
  const words = [
    /SOCKS server failure/,
    /not allowed/,
    /Network unreach/,
    /Host unreach/,
    /refused/,
    /TTL/,
    /Command/,
    /Address type/,
  ];
  for (const [index, message] of words.entries()) {
    const code = (index + 1).toString(16).padStart(2, '0');
    failed(['05 00', `05 ${code}`], message);
    failed(['05 00', `05 ${code} 00 01 00 00 00 00 00 00`], message);
  }
  failed(['05 00', '05 09'], /failure 9/);
  failed(['05 00', '05 ff'], /failure 255/);
});

test('RFC 1928 §3, RFC 1929 §2: a login that is not accepted, or is of a kind that was not offered', () => {
  failed(['05 ff'], /another login/);
  failed(['05 ff'], /another login/, { credentials: somebody });
  failed(['05 02'], /not offered/);
  failed(['05 01'], /not offered/);
  failed(['05 01'], /not offered/, { credentials: somebody });
  failed(['05 02', '01 01'], /user and the password/, { credentials: somebody });
  failed(['05 02', '01 ff'], /user and the password/, { credentials: somebody });
});

test('what is no SOCKS5 is told at its first wrong byte', () => {
  for (const answer of ['04', '00', '48 54 54 50', '15 03 01']) failed([answer], /does not speak/);
  failed(['05 00', '04'], /does not speak/);
  failed(['05 02', '05'], /does not speak/, { credentials: somebody });
  failed(['05 00', '05 00 00 02'], /unknown type/);
  failed(['05 00', '05 00 00 00'], /unknown type/);
});

test('an answer to what was not asked yet is a failure', () => {
  const tunnel = new Socks5Tunnel({ credentials: undefined }, example);
  tunnel.take();
  tunnel.push(join(hex('05 00'), hex(GOOD)));
  assert.match(tunnel.outcome?.accepted === false ? tunnel.outcome.error.message : '', /before it is asked/);
  const early = new Socks5Tunnel({ credentials: undefined }, example);
  early.push(hex('05'));
  assert.match(early.outcome?.accepted === false ? early.outcome.error.message : '', /before it is asked/);
});

test('an end in the middle is a failure, one behind the outcome changes nothing', () => {
  const login = { credentials: somebody, end: true };
  for (const answers of [
    [],
    ['05'],
    ['05 02'],
    ['05 02', '01'],
    ['05 02', '01 00'],
    ['05 02', '01 00', '05 00 00 01 00'],
  ]) {
    failed(answers, /has ended the connection/, login);
  }
  assert.equal(talk(['05 00', GOOD], { end: true }).outcome, { rest: '' });
});

test('no message says who asked', () => {
  const { outcome } = talk(['05 02', '01 01'], { credentials: somebody });
  assert.not.match(JSON.stringify(outcome), /secret|"me"/);
});

test('RFC 1928 §5: a name of more than 255 octets cannot be sent, nor what is none', () => {
  const longest = `${'a'.repeat(251)}.com`;
  assert.is(talk(['05 00', GOOD], { target: { host: longest, port: 1 } }).said[1]?.split(' ').length, 5 + 255 + 2);
  const make = (host: string) => (): unknown => new Socks5Tunnel({ credentials: undefined }, { host, port: 80 });
  throws(make(`a${longest}`), HandshakeError, 'ERR_WS_PROXY');
  for (const host of ['', 'a b', 'a\0', 'a\r\n', 'a/b', 'a@b', 'bücher', 'a:1', '[::1]', '::g']) {
    throws(make(host), TypeError, /not a host/);
  }
});

test.run();
