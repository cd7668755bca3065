// What the environment says of proxies: which variable counts, and the table of NO_PROXY.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Environment, proxyFromEnvironment } from '../../lib/client/proxy-environment.ts';
import { parseTarget } from '../../lib/client/target.ts';
import { HandshakeError } from '../../lib/error.ts';
import { throws } from '../support/check.ts';

const test = suite('proxy of the environment');

/** The host of the proxy for a URL. */
function hostFor(url: string, environment: Environment): string | undefined {
  return proxyFromEnvironment(parseTarget(url), environment)?.host;
}

test('RFC 6455 §4.1 (3): ws prefers the proxy of HTTPS to that of HTTP; wss knows that of HTTPS only; ALL_PROXY is for the rest', () => {
  const [HTTP_PROXY, HTTPS_PROXY, ALL_PROXY] = ['http://h', 'http://s', 'http://a'];
  const cases: [environment: Environment, ws: string | undefined, wss: string | undefined][] = [
    [{}, undefined, undefined],
    [{ HTTP_PROXY }, 'h', undefined],
    [{ HTTPS_PROXY }, 's', 's'],
    [{ ALL_PROXY }, 'a', 'a'],
    [{ HTTP_PROXY, HTTPS_PROXY }, 's', 's'],
    [{ HTTP_PROXY, ALL_PROXY }, 'h', 'a'],
    [{ HTTP_PROXY, HTTPS_PROXY, ALL_PROXY }, 's', 's'],
    [{ HTTP_PROXY: '', HTTPS_PROXY: ' ', ALL_PROXY: undefined }, undefined, undefined],
  ];
  for (const [environment, ws, wss] of cases) {
    const lower = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name.toLowerCase(), value]));
    for (const one of [environment, lower]) {
      assert.is(hostFor('ws://example.com', one), ws, JSON.stringify(one));
      assert.is(hostFor('wss://example.com', one), wss, JSON.stringify(one));
      assert.is(hostFor('ws+unix:/run/x.sock:/', one), undefined);
    }
  }
});

test('the name in lower case goes first, unless it is empty', () => {
  assert.is(hostFor('wss://x', { https_proxy: 'http://low', HTTPS_PROXY: 'http://up' }), 'low');
  assert.is(hostFor('wss://x', { https_proxy: '', HTTPS_PROXY: 'http://up' }), 'up');
  assert.is(hostFor('wss://x', { HTTPS_PROXY: 'http://up', NO_PROXY: 'x', no_proxy: 'y' }), 'up');
});

test('httpoxy: HTTP_PROXY is not believed where REQUEST_METHOD is set, as under CGI; in lower case nobody can send it', () => {
  const evil = { HTTP_PROXY: 'http://evil', REQUEST_METHOD: 'GET' };
  assert.is(hostFor('ws://x', evil), undefined);
  assert.is(hostFor('ws://x', { ...evil, REQUEST_METHOD: '' }), undefined);
  assert.is(hostFor('ws://x', { ...evil, http_proxy: 'http://good' }), 'good');
  assert.is(hostFor('ws://x', { ...evil, ALL_PROXY: 'http://all' }), 'all');
  assert.is(hostFor('wss://x', { ...evil, HTTPS_PROXY: 'http://good' }), 'good');
});

test('a value without a scheme is a proxy of http; users and ports are read', () => {
  const proxy = proxyFromEnvironment(parseTarget('wss://x'), { HTTPS_PROXY: 'me:secret@proxy.example:3128/' });
  assert.equal([proxy?.host, proxy?.port, proxy?.isSecure], ['proxy.example', 3128, false]);
  assert.equal(proxy?.credentials, { name: 'me', password: 'secret' });
  assert.ok(proxyFromEnvironment(parseTarget('wss://x'), { HTTPS_PROXY: 'https://proxy.example' })?.isSecure);
});

test('a proxy of SOCKS may be named too', () => {
  const proxy = proxyFromEnvironment(parseTarget('ws://x'), { all_proxy: 'socks5h://me:secret@proxy.example' });
  assert.equal([proxy?.kind, proxy?.resolvesHere, proxy?.port], ['socks5', false, 1080]);
});

test('what names no proxy is a failure, and not passed by; its text is not told', () => {
  for (const value of ['ftp://me:secret@x', 'http://', 'http://me:secret@x/path', 'secret@x:y', 'socks4://secret']) {
    const find = (): unknown => proxyFromEnvironment(parseTarget('wss://x.example'), { HTTPS_PROXY: value });
    throws(find, HandshakeError, 'ERR_WS_PROXY');
    throws(find, HandshakeError, /HTTPS_PROXY/);
    try {
      find();
    } catch (error) {
      assert.not.match(`${error} ${(error as Error).cause}`, /me:secret/);
    }
    assert.is(hostFor('wss://x.example', { HTTPS_PROXY: value, NO_PROXY: 'x.example' }), undefined);
  }
});

/** NO_PROXY, URLs that it names, URLs that it does not. */
const table: [list: string, named: string[], others: string[]][] = [
  ['', [], ['ws://example.com']],
  ['*', ['ws://example.com', 'wss://[::1]:9', 'ws://10.0.0.1'], []],
  [
    'example.com',
    ['ws://example.com', 'wss://example.com:99', 'ws://a.example.com', 'ws://a.b.example.com'],
    ['ws://badexample.com', 'ws://example.com.evil', 'ws://com', 'ws://example.org'],
  ],
  ['.example.com', ['ws://example.com', 'ws://a.example.com'], ['ws://badexample.com']],
  ['*.example.com', ['ws://a.example.com'], ['ws://badexample.com']],
  ['EXAMPLE.com', ['ws://example.COM', 'ws://A.example.com'], []],
  ['example.com.', ['ws://example.com', 'ws://a.example.com.'], ['ws://com.']],
  ['example.com', ['ws://example.com.'], []],
  [
    'example.com:8080',
    ['ws://example.com:8080', 'wss://a.example.com:8080'],
    ['ws://example.com', 'ws://example.com:80'],
  ],
  ['example.com:80', ['ws://example.com'], ['wss://example.com']],
  ['example.com:443', ['wss://example.com'], ['ws://example.com']],
  ['localhost, a.example ,,b.example', ['ws://localhost:1', 'ws://a.example', 'ws://b.example'], ['ws://c.example']],
  ['a.example b.example\tc.example', ['ws://a.example', 'ws://b.example', 'ws://c.example'], ['ws://d.example']],
  [
    '127.0.0.1',
    ['ws://127.0.0.1', 'ws://127.1', 'ws://[::ffff:127.0.0.1]'],
    ['ws://127.0.0.2', 'ws://1.127.0.0.1.example'],
  ],
  ['127.0.0.1:81', ['ws://127.0.0.1:81'], ['ws://127.0.0.1']],
  ['0.0.1', [], ['ws://127.0.0.1']],
  ['.0.0.1', [], ['ws://127.0.0.1']],
  ['::1', ['ws://[::1]', 'ws://[0:0::1]:9'], ['ws://[::2]']],
  ['[::1]', ['ws://[::1]', 'ws://[::1]:9'], ['ws://[::2]']],
  ['[::1]:9', ['ws://[::1]:9'], ['ws://[::1]']],
  ['2001:DB8:0::1', ['ws://[2001:db8::1]'], []],
  ['10.0.0.0/8', ['ws://10.0.0.1', 'ws://10.255.255.255'], ['ws://11.0.0.1', 'ws://9.255.255.255']],
  ['192.168.7.99/23', ['ws://192.168.6.0', 'ws://192.168.7.255'], ['ws://192.168.8.0', 'ws://192.168.5.255']],
  ['0.0.0.0/0', ['ws://1.2.3.4'], ['ws://[2001:db8::1]', 'ws://example.com']],
  ['10.0.0.1/32', ['ws://10.0.0.1'], ['ws://10.0.0.2']],
  ['fd00::/8', ['ws://[fd12::1]'], ['ws://[fe80::1]', 'ws://10.0.0.1']],
  ['[fd00::/8]:90', ['ws://[fd12::1]:90'], ['ws://[fd12::1]']],
  ['2001:db8::/33', ['ws://[2001:db8:7fff::1]'], ['ws://[2001:db8:8000::1]']],
  ['10.0.0.0/33,10.0.0.0/-1,10.0.0.0/,10.0.0.0/8/8,10.0.0.0/x,10/8', [], ['ws://10.0.0.0']],
  ['/8,:80,[,],[]:80,.,*.,:', [], ['ws://example.com', 'ws://10.0.0.1', 'ws://[::1]']],
];

for (const [list, named, others] of table) {
  test(`NO_PROXY=${JSON.stringify(list)}`, () => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      const environment = { ALL_PROXY: 'http://proxy', [name]: list };
      for (const url of named) assert.is(hostFor(url, environment), undefined, url);
      for (const url of others) assert.is(hostFor(url, environment), 'proxy', url);
    }
  });
}

test('a long list costs what it is long', () => {
  const NO_PROXY = 'a.b.c.d.e.example:443,'.repeat(50_000);
  assert.is(hostFor('ws://x.example', { ALL_PROXY: 'http://proxy', NO_PROXY }), 'proxy');
});

test.run();
