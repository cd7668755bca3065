// The matrix of origins and hosts: pages of other sites, and DNS rebinding.

import process from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileOriginRule, isHost, type OriginOptions } from '../../lib/handshake/origin.ts';
import { anyCharacter } from '../support/any-character.ts';
import { throws } from '../support/check.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`seed ${seed}`);

const MEBI = 1024 * 1024;

function admitsOrigin(origin: string | undefined, host: string, options?: OriginOptions): boolean {
  return compileOriginRule(options).checkOrigin(origin, host);
}

function admitsHost(host: string, localAddress?: string, options?: OriginOptions): boolean {
  return compileOriginRule(options).checkHost(host, localAddress);
}

const syntax = suite('origin · RFC 9110 §7.2 Host');

const hosts = [
  'a.example',
  'A.EXAMPLE',
  'a.example.',
  'localhost',
  'a_b.example',
  'xn--bcher-kva.example',
  'a.example:80',
  'a.example:',
  'a.example:0',
  'a.example:65535',
  '127.0.0.1',
  '127.0.0.1:8080',
  '[::1]',
  '[::1]:8080',
  '[::]',
  '[2001:DB8::1]',
  '[1:2:3:4:5:6:7:8]',
  '[1:2:3:4:5:6:7::]',
  '[::ffff:127.0.0.1]',
  '[1:2:3:4:5:6:127.0.0.1]',
  '[0000:0000:0000:0000:0000:ffff:127.100.100.100]',
];

for (const host of hosts) {
  syntax(`${host} is a host`, () => {
    assert.ok(isHost(host));
  });
}

const noHosts: [what: string, text: string][] = [
  ['nothing', ''],
  ['a port alone', ':80'],
  ['a dot alone', '.'],
  ['an empty label', 'a..example'],
  ['an empty label in front', '.example'],
  ['two dots behind', 'a.example..'],
  ['white space', 'a example'],
  ['a tab', 'a\t.example'],
  ['two hosts', 'a.example, b.example'],
  ['two hosts without a space', 'a.example,b.example'],
  ['user information', 'user@a.example'],
  ['a path', 'a.example/'],
  ['a query', 'a.example?'],
  ['a fragment', 'a.example#'],
  ['a backslash', 'a.example\\b'],
  ['a scheme', 'http://a.example'],
  ['percent-encoding', 'a%2eexample'],
  ['a port that is no number', 'a.example:http'],
  ['a negative port', 'a.example:-1'],
  ['a port over 65535', 'a.example:65536'],
  ['a port of six digits', 'a.example:000080'],
  ['a port with a space', 'a.example: 80'],
  ['two ports', 'a.example:80:80'],
  ['any port', 'a.example:*'],
  ['an IPv6 address without brackets', '::1'],
  ['an IPv6 address that is not closed', '[::1'],
  ['an IPv6 address that is not opened', '::1]'],
  ['an empty IPv6 address', '[]'],
  ['an IPv6 address with a zone', '[fe80::1%25eth0]'],
  ['an IPv6 address with text behind it', '[::1]a'],
  ['an IPv6 address with seven groups', '[1:2:3:4:5:6:7]'],
  ['an IPv6 address with nine groups', '[1:2:3:4:5:6:7:8:9]'],
  ['an IPv6 address with an empty "::"', '[1:2:3:4::5:6:7:8]'],
  ['an IPv6 address with two "::"', '[1::2::3]'],
  ['an IPv6 address with ":::"', '[1:::2]'],
  ['an IPv6 address that is too long', '[00000000:0000:0000:0000:0000:ffff:127.100.100.100]'],
  ['an IPv6 address with five digits', '[::12345]'],
  ['an IPv6 address with an IPv4 address in front', '[127.0.0.1::]'],
  ['an IPv6 address with a bad IPv4 address', '[::ffff:127.0.0.256]'],
  ['an IPv4 address in brackets', '[127.0.0.1]'],
  ['CR LF', 'a.example\r\nX: y'],
  ['NUL', 'a.example\0'],
  ['a byte over 0x7F', 'caf\xe9.example'],
  ['a letter that is lower-cased into ASCII', '\u212a.example'],
];

for (const [what, text] of noHosts) {
  syntax(`${what} is no host, and admitted by no rule`, () => {
    assert.not(isHost(text));
    assert.not(admitsHost(text, '10.0.0.1'));
    assert.not(admitsHost(text, '127.0.0.1', { hosts: ['*'] }));
    assert.not(admitsOrigin(`http://${text}`, text));
  });
}

syntax('a mebibyte of anything is judged at once', () => {
  assert.not(isHost('.'.repeat(MEBI)));
  assert.not(isHost(':'.repeat(MEBI)));
  assert.not(isHost('['.repeat(MEBI)));
  assert.not(isHost(`[${':'.repeat(MEBI)}]`));
  assert.not(isHost(`a:${'1'.repeat(MEBI)}`));
  assert.ok(isHost('a'.repeat(MEBI)));
  assert.ok(isHost(`${'a.'.repeat(MEBI / 2)}a`));
});

syntax.run();

const same = suite('origin · RFC 6455 §10.2 the same host');

same('a request without Origin is admitted: it is from no browser', () => {
  assert.ok(admitsOrigin(undefined, 'a.example'));
  assert.ok(admitsOrigin(undefined, 'a.example', { origins: [] }));
});

const matrix: [origin: string, host: string, admitted: boolean][] = [
  ['http://a.example', 'a.example', true],
  ['https://a.example', 'a.example', true],
  ['http://a.example:80', 'a.example', true],
  ['https://a.example:443', 'a.example', true],
  ['http://a.example', 'a.example:80', true],
  ['https://a.example', 'a.example:443', true],
  ['https://a.example:443', 'a.example:443', true],
  ['ws://a.example', 'a.example:80', true],
  ['wss://a.example:443', 'a.example', true],
  ['http://a.example:8080', 'a.example:8080', true],
  ['https://a.example:8080', 'a.example:8080', true],
  ['http://a.example', 'a.example:', true],
  ['HTTP://A.Example', 'a.example', true],
  ['http://a.example', 'A.EXAMPLE', true],
  ['http://a.example.', 'a.example', true],
  ['http://a.example', 'a.example.', true],
  ['http://a.example.:8080', 'a.example:8080', true],
  ['http://127.0.0.1:3000', '127.0.0.1:3000', true],
  ['http://[::1]:3000', '[::1]:3000', true],
  ['http://[0:0:0:0:0:0:0:1]', '[::1]', true],
  ['http://[2001:DB8::A]', '[2001:db8:0:0::a]', true],
  ['http://[::ffff:127.0.0.1]', '[::ffff:7f00:1]', true],
  // The default port of another scheme is a port like any other.
  ['http://a.example', 'a.example:443', false],
  ['https://a.example', 'a.example:80', false],
  ['http://a.example:443', 'a.example', false],
  ['https://a.example:80', 'a.example', false],
  ['http://a.example:8080', 'a.example', false],
  ['http://a.example', 'a.example:8080', false],
  ['http://a.example:8080', 'a.example:8081', false],
  ['http://evil.example', 'a.example', false],
  ['http://b.a.example', 'a.example', false],
  ['http://a.example', 'b.a.example', false],
  ['http://a.example.evil.example', 'a.example', false],
  ['http://evila.example', 'a.example', false],
  ['http://localhost', '127.0.0.1', false],
  ['http://[::1]', '127.0.0.1', false],
  ['http://[::2]', '[::1]', false],
  ['null', 'a.example', false],
  ['null', 'null', false],
  ['file://', 'a.example', false],
];

for (const [origin, host, admitted] of matrix) {
  same(`${origin} is ${admitted ? 'at home' : 'foreign'} at ${host}`, () => {
    assert.is(admitsOrigin(origin, host), admitted);
  });
}

const malformedOrigins = [
  '',
  ' ',
  'a.example',
  '//a.example',
  '://a.example',
  'http:a.example',
  'http:/a.example',
  'http://',
  'https://',
  'http:///a.example',
  'http://a.example/',
  'http://a.example/path',
  'http://a.example?a.example',
  'http://a.example#a.example',
  'http://a.example\\@evil.example',
  'http://evil.example@a.example',
  'http://a.example@evil.example',
  'http://a.example http://a.example',
  'http://a.example, http://a.example',
  ' http://a.example',
  'http://a.example:80:80',
  'http://a.example:999999',
  'http://a.exa\0mple',
  'http://a.example\r\n',
  'ht tp://a.example',
  '1http://a.example',
  'h\u00e9://a.example',
  'http://caf\xe9.example',
  'Null',
];

for (const origin of malformedOrigins) {
  same(`${JSON.stringify(origin)} is malformed, and so foreign`, () => {
    assert.not(admitsOrigin(origin, 'a.example'));
    assert.not(admitsOrigin(origin, 'a.example', { origins: ['http://a.example:*', 'https://*.example', 'null'] }));
    assert.ok(admitsOrigin(origin, 'a.example', { origins: ['*'] }));
  });
}

same('a mebibyte of anything is judged at once', () => {
  for (const text of ['a', ':', '/', '://', '.', '*', 'http://a.', '[', ' ']) {
    assert.not(admitsOrigin(text.repeat(MEBI / text.length), 'a.example', { origins: ['https://*.example.com:*'] }));
  }
});

same.run();

const listed = suite('origin · patterns of origins');

const patterns: [pattern: string, admitted: string[], foreign: string[]][] = [
  [
    'https://b.example',
    ['https://b.example', 'https://b.example:443', 'HTTPS://B.EXAMPLE', 'https://b.example.'],
    ['http://b.example', 'https://b.example:8443', 'https://c.b.example', 'https://b.example.evil.example', 'null'],
  ],
  ['https://b.example:443', ['https://b.example'], ['https://b.example:8443']],
  ['HTTPS://B.Example.', ['https://b.example'], ['https://example']],
  ['http://b.example:8080', ['http://b.example:8080'], ['http://b.example', 'https://b.example:8080']],
  [
    'https://*.example.com',
    ['https://a.example.com', 'https://xn--a-b.example.com'],
    [
      'https://example.com',
      'https://a.b.example.com',
      'https://a.example.com:8443',
      'http://a.example.com',
      'https://a.example.com.evil.example',
      'https://a.example.org',
      'https://.example.com',
      'https://aexample.com',
    ],
  ],
  ['https://a.*.example.com', ['https://a.b.example.com'], ['https://a.example.com', 'https://b.b.example.com']],
  ['https://*.*.example.com', ['https://a.b.example.com'], ['https://a.example.com', 'https://a.b.c.example.com']],
  [
    'http://localhost:*',
    ['http://localhost', 'http://localhost:80', 'http://localhost:3000', 'http://LOCALHOST:1'],
    ['https://localhost:3000', 'http://a.localhost:3000', 'http://127.0.0.1:3000', 'http://localhost.evil.example:80'],
  ],
  ['http://*.localhost:*', ['http://a.localhost:1', 'http://b.localhost'], ['http://localhost:1']],
  [
    'http://*:*',
    ['http://localhost:1', 'http://intranet'],
    ['http://a.example', 'http://[::1]:1', 'https://localhost'],
  ],
  ['http://[::1]:*', ['http://[::1]:3000', 'http://[0::1]'], ['http://[::2]:3000', 'http://localhost:3000']],
  [
    'http://192.168.1.*:*',
    ['http://192.168.1.7:3000', 'http://192.168.1.255'],
    ['http://192.168.1.com', 'http://192.168.1.256', 'http://192.168.1.evil:80', 'http://192.168.2.7'],
  ],
  ['http://1.*.example.com', ['http://1.a.example.com', 'http://1.2.example.com'], ['http://2.a.example.com']],
  ['http://10.*.*.1', ['http://10.2.3.1'], ['http://10.a.b.1', 'http://10.2.1']],
  ['null', ['null'], ['https://null', 'NULL', '']],
  ['*', ['null', 'https://b.example', 'anything', 'file://'], []],
  ['file://', ['file://'], ['file://a.example', 'null', 'http://a']],
  [
    'chrome-extension://abcdefghijklmnop',
    ['chrome-extension://abcdefghijklmnop'],
    ['chrome-extension://abcdefghijklmnoq', 'https://abcdefghijklmnop'],
  ],
];

for (const [pattern, admitted, foreign] of patterns) {
  listed(`${pattern} admits what it says and nothing else`, () => {
    for (const origin of admitted) assert.ok(admitsOrigin(origin, 'z.test', { origins: [pattern] }), origin);
    for (const origin of foreign) assert.not(admitsOrigin(origin, 'z.test', { origins: [pattern] }), origin);
  });
}

listed('one of several patterns is enough', () => {
  const options = { origins: ['https://b.example', 'null', 'http://localhost:*'] };
  assert.ok(admitsOrigin('http://localhost:5173', 'z.test', options));
  assert.ok(admitsOrigin('null', 'z.test', options));
  assert.not(admitsOrigin('https://c.example', 'z.test', options));
});

listed('the origin that equals Host is admitted beside the list', () => {
  assert.ok(admitsOrigin('https://z.test', 'z.test', { origins: ['https://b.example'] }));
});

listed('the list is read once, when the rule is made', () => {
  const origins = ['https://b.example'];
  const rule = compileOriginRule({ origins });
  origins[0] = '*';
  assert.ok(rule.checkOrigin('https://b.example', 'z.test'));
  assert.not(rule.checkOrigin('https://c.example', 'z.test'));
});

const badOrigins = [
  '',
  'b.example',
  '*.b.example',
  'https://',
  'https://b.example/',
  'https://b.example/*',
  '*://b.example',
  'http*://b.example',
  'https://a*.example',
  'https://*a.example',
  'https://**.example',
  'https://b.example:8*',
  'https://b.example:*:*',
  'https://b.example:port',
  'https://bücher.example',
  'https://user@b.example',
  'https://b..example',
  'https://[::*]',
  'https://b.example ',
  'Null',
];

for (const pattern of badOrigins) {
  listed(`${JSON.stringify(pattern)} is no pattern of an origin`, () => {
    const expected = `Cannot use option "origins": ${JSON.stringify(pattern)} is not a pattern`;
    throws(() => compileOriginRule({ origins: [pattern] }), TypeError);
    assert.throws(
      () => compileOriginRule({ origins: [pattern] }),
      (error: Error) => error.message === expected,
    );
  });
}

listed('what is no list of strings is refused', () => {
  const given = (origins: unknown): OriginOptions => ({ origins }) as OriginOptions;
  throws(() => compileOriginRule(given('*')), TypeError, /^Cannot use option "origins": it is not an array/);
  throws(() => compileOriginRule(given(null)), TypeError, /not an array/);
  throws(() => compileOriginRule(given([1])), TypeError, /"origins": 1 is not a pattern/);
  throws(() => compileOriginRule(given([undefined])), TypeError, /is not a pattern/);
});

listed.run();

const rebinding = suite('origin · Host on a loopback address');

const loopback = ['127.0.0.1', '127.255.0.9', '::1', '0:0:0:0:0:0:0:1', '::1%lo', '::ffff:127.0.0.1', '::ffff:7f00:1'];
const elsewhere = ['10.0.0.1', '192.168.1.7', '128.0.0.1', '0.0.0.0', '::', '::2', 'fe80::1%eth0', '::ffff:10.0.0.1'];
const loopbackNames = [
  'localhost',
  'LocalHost',
  'localhost.',
  'localhost:8080',
  'app.localhost',
  'a.b.localhost:3000',
  '127.0.0.1',
  '127.0.0.1:8080',
  '127.1.2.3',
  '[::1]',
  '[::1]:8080',
  '[0:0::1]:1',
  '[::ffff:127.0.0.1]',
];
const otherNames = [
  'evil.example',
  'evil.example:8080',
  'localhost.evil.example',
  'evillocalhost',
  'localhost.com',
  '127.0.0.1.evil.example',
  '127.0.0.1.nip.io',
  '127.evil.example',
  '127.0.0.a',
  '127.0.0.256',
  '127.0.0.01',
  '127.1',
  '2130706433',
  '0x7f.0.0.1',
  '128.0.0.1',
  '10.0.0.1',
  '0.0.0.0',
  '[::]',
  '[::2]',
  '[::ffff:10.0.0.1]',
  '[1::1]',
];

for (const address of loopback) {
  rebinding(`only loopback names are admitted on ${address}`, () => {
    for (const host of loopbackNames) assert.ok(admitsHost(host, address), host);
    for (const host of otherNames) assert.not(admitsHost(host, address), host);
  });
}

for (const address of [...elsewhere, undefined, '', 'unix', '127.0.0.1.evil.example', '/run/a.sock']) {
  rebinding(`every host is admitted on ${String(address)}`, () => {
    for (const host of [...loopbackNames, ...otherNames]) assert.ok(admitsHost(host, address), host);
  });
}

rebinding('an address that is no string is none', () => {
  for (const address of [null, 127, {}]) assert.ok(admitsHost('a.example', address as unknown as string));
});

rebinding('a page that points its name at 127.0.0.1 has the origin of its Host, and is refused for its Host', () => {
  const rule = compileOriginRule();
  assert.ok(rule.checkOrigin('http://evil.example:8080', 'evil.example:8080'));
  assert.not(rule.checkHost('evil.example:8080', '127.0.0.1'));
});

rebinding.run();

const listedHosts = suite('origin · patterns of hosts');

const hostPatterns: [pattern: string, admitted: string[], refused: string[]][] = [
  ['a.example', ['a.example', 'A.example.', 'a.example:80', 'a.example:8080'], ['b.a.example', 'example', 'localhost']],
  ['a.example:8080', ['a.example:8080'], ['a.example', 'a.example:8081']],
  ['a.example:443', ['a.example', 'a.example:443'], ['a.example:80']],
  ['a.example:*', ['a.example', 'a.example:1'], ['b.example:1']],
  ['*.example.com', ['a.example.com', 'a.example.com:1'], ['example.com', 'a.b.example.com', 'a.example.com.evil']],
  ['*.example.com:1', ['a.example.com:1'], ['a.example.com']],
  ['[::1]:80', ['[::1]', '[0::1]:80'], ['[::1]:81', 'localhost']],
  ['192.168.1.*', ['192.168.1.2', '192.168.1.2:80'], ['192.168.1.evil', '192.168.1.256']],
  ['*', ['a.example', 'localhost', '[::1]:1'], []],
];

for (const [pattern, admitted, refused] of hostPatterns) {
  listedHosts(`${pattern} admits what it says and nothing else, on every local address`, () => {
    const options = { hosts: [pattern] };
    for (const address of ['127.0.0.1', '::1', '10.0.0.1', undefined]) {
      for (const host of admitted) assert.ok(admitsHost(host, address, options), host);
      for (const host of refused) assert.not(admitsHost(host, address, options), host);
    }
  });
}

listedHosts('an empty list admits no host', () => {
  assert.not(admitsHost('localhost', '127.0.0.1', { hosts: [] }));
});

listedHosts('the list of hosts admits no foreign origin', () => {
  assert.not(admitsOrigin('https://b.example', 'a.example', { hosts: ['*'] }));
});

for (const pattern of ['', 'http://a.example', 'a*.example', 'a.example:8*', ':80', 'a.example/', '::1', 'a..b', 'é']) {
  listedHosts(`${JSON.stringify(pattern)} is no pattern of a host`, () => {
    const expected = `Cannot use option "hosts": ${JSON.stringify(pattern)} is not a pattern`;
    throws(() => compileOriginRule({ hosts: [pattern] }), TypeError);
    assert.throws(
      () => compileOriginRule({ hosts: [pattern] }),
      (error: Error) => error.message === expected,
    );
  });
}

listedHosts.run();

const properties = suite('origin · properties');

const name = fc.domain();
const port = fc.option(fc.integer({ min: 0, max: 65535 }), { nil: undefined });

function authority(host: string, number: number | undefined): string {
  return number === undefined ? host : `${host}:${number}`;
}

properties('the platform parses an origin into the same host and port', () => {
  fc.assert(
    fc.property(fc.constantFrom('http', 'https'), name, port, name, port, (scheme, host, number, other, otherPort) => {
      const { origin } = new URL(`${scheme}://${authority(host, number)}`);
      assert.ok(admitsOrigin(origin, authority(host, number)), origin);
      const foreign = new URL(`${scheme}://${authority(other, otherPort)}`);
      assert.is(admitsOrigin(origin, foreign.host), foreign.origin === origin);
    }),
    { seed },
  );
});

properties('the platform writes IPv6 addresses in one form, and any form of them is the same host', () => {
  fc.assert(
    // Bun refuses some that end as IPv4 does.
    fc.property(fc.ipV6(), (address) => {
      fc.pre(URL.canParse(`http://[${address}]`));
      const { origin, hostname } = new URL(`http://[${address}]`);
      assert.ok(isHost(`[${address}]`));
      assert.ok(admitsOrigin(origin, `[${address}]`), origin);
      const isLoopback = hostname === '[::1]' || /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(hostname);
      assert.is(admitsHost(`[${address}]`, '127.0.0.1'), isLoopback);
      assert.is(admitsHost('evil.example', address), !isLoopback);
    }),
    { seed, numRuns: 1000 },
  );
});

properties('no text makes a rule throw', () => {
  const rule = compileOriginRule({ origins: ['https://*.example.com:*', 'null'], hosts: ['*.example.com', '[::1]:1'] });
  const plain = compileOriginRule();
  const noise = fc.oneof(
    fc.string({ unit: anyCharacter }),
    fc.string({ unit: fc.constantFrom('a', '1', '.', ':', '[', ']', '/', '*', '%', 'http://', '::', '127.0.0.1') }),
  );
  fc.assert(
    fc.property(noise, noise, noise, (origin, host, address) => {
      rule.checkOrigin(origin, host);
      rule.checkHost(host, address);
      plain.checkOrigin(origin, host);
      plain.checkHost(host, address);
    }),
    { seed, numRuns: 2000 },
  );
});

properties.run();
