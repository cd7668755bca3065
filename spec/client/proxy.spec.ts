// What the option `proxy` says: where the proxy is, who asks it, and what names none.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClientProxy, type ProxyInit, parseProxy } from '../../lib/client/proxy.ts';
import { throws } from '../support/check.ts';

const test = suite('proxy');

function says(init: string | URL | ProxyInit, expected: Partial<ClientProxy>): void {
  const proxy = parseProxy(init);
  for (const [name, value] of Object.entries(expected)) {
    assert.equal(proxy[name as keyof ClientProxy], value, `${name} of ${JSON.stringify(init)}`);
  }
}

test('http and https: host, port, TLS', () => {
  says('http://proxy.example:3128', { isSecure: false, host: 'proxy.example', port: 3128 });
  says('HTTP://Proxy.Example', { isSecure: false, host: 'proxy.example', port: 80, href: 'http://proxy.example:80' });
  says('https://proxy.example/', { isSecure: true, port: 443, href: 'https://proxy.example:443' });
  says(new URL('https://[2001:DB8::1]:8443'), { host: '2001:db8::1', port: 8443, href: 'https://[2001:db8::1]:8443' });
  says({ url: new URL('http://127.1') }, { host: '127.0.0.1' });
});

test('socks5 resolves names here, socks5h leaves that to the proxy; hosts are understood as in any URL', () => {
  says('socks5://proxy.example', { kind: 'socks5', resolvesHere: true, host: 'proxy.example', port: 1080 });
  says('socks5h://proxy.example:9050/', { kind: 'socks5', resolvesHere: false, port: 9050 });
  says('SOCKS5H://Proxy.EXAMPLE:80', { host: 'proxy.example', port: 80, href: 'socks5h://proxy.example:80' });
  says('socks5://[::0:1]:1', { host: '::1', href: 'socks5://[::1]:1' });
  says('socks5://127.1', { host: '127.0.0.1' });
  says('socks5://b%C3%BCcher.example', { host: 'xn--bcher-kva.example' });
  says('socks5h://me:p%20:w@x', { credentials: { name: 'me', password: 'p :w' }, headers: [] });
  says('socks5h://a%3Ab@x', { credentials: { name: 'a:b', password: '' } });
  says(`socks5://${'n'.repeat(255)}:${'p'.repeat(255)}@x`, { host: 'x' });
  says('http://x', { kind: 'http', resolvesHere: false });
});

test('RFC 1929 §2: a user or a password that cannot be told to a proxy of SOCKS is a TypeError; header fields too', () => {
  for (const user of [':p', `${'n'.repeat(256)}:p`, `n:${'%C3%BC'.repeat(128)}`, 'n:%00', '%ff:p', 'a%0d:b']) {
    throws(() => parseProxy(`socks5://${user}@x`), TypeError, /credentials/);
  }
  throws(() => parseProxy({ url: 'socks5://x', headers: { A: 'b' } }), TypeError, /no header fields/);
  for (const url of [
    'socks5://',
    'socks5:x:1080',
    'socks5:/x',
    'socks5://a%0d%0ab',
    'socks5://a%00',
    'socks5://x/y',
    'socks5://x:65536',
  ]) {
    throws(() => parseProxy(url), TypeError, /^Cannot use proxy /);
  }
});

test('a user of the URL is decoded, and told as Basic (RFC 7617), unless a header field tells who asks', () => {
  const credentials = { name: 'Aladdin', password: 'open sesame' };
  const field = ['Proxy-Authorization', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=='];
  says('http://Aladdin:open%20sesame@proxy.example', { credentials, headers: [field] as never });
  says('http://proxy.example', { credentials: undefined, headers: [] });
  says('http://test:123%C2%A3@x', { headers: [['Proxy-Authorization', 'Basic dGVzdDoxMjPCow==']] });
  says('http://only@x', { headers: [['Proxy-Authorization', 'Basic b25seTo=']] });
  const own = [['proxy-authorization', 'Bearer x']] as const;
  says({ url: 'http://a:b@x', headers: own }, { headers: own });
});

test('what a message says of a proxy has no credentials in it', () => {
  assert.not.match(parseProxy('http://me:secret@proxy.example').href, /secret|me/);
  const urls = [
    'http://me:secret@proxy.example/path',
    'http:me:secret@proxy.example/path',
    'ftp://me:secret@proxy.example',
    'me:secret@proxy.example:3128',
    'http://me:secret@proxy.example:99999',
    'http://me:sec/ret@proxy.example',
    'http://me:secret@@proxy.example/path',
    'http://me%3a:secret@proxy.example',
  ];
  for (const url of urls) {
    throws(() => parseProxy(url), TypeError, /^Cannot use proxy "…@proxy\.example[^"]*": /);
  }
});

test('what names no proxy is a TypeError: nothing stands for none', () => {
  const wrong: unknown[] = [
    '',
    ' ',
    'proxy.example',
    'proxy.example:3128',
    'http://',
    '//proxy.example',
    null,
    0,
    false,
    {},
  ];
  const schemes = ['ws://x', 'wss://x', 'ftp://x', 'socks://x', 'socks4://x', 'file:///x', 'unix:/x', 'javascript:0'];
  const extra = ['http://x/y', 'http://x?y', 'http://x/?', 'http://x#', 'http://x:65536', 'http://a b', 'http://x:y'];
  for (const init of [...wrong, ...schemes, ...extra]) {
    throws(() => parseProxy(init as string), TypeError, /^Cannot use proxy /);
    throws(() => parseProxy({ url: init as string }), TypeError, /^Cannot use proxy /);
  }
});

test('credentials that cannot be written are a TypeError', () => {
  for (const user of ['a%3Ab:c', 'a%0d%0aX:c', 'a:b%00', '%ff:x', 'a:%zz']) {
    throws(() => parseProxy(`http://${user}@x`), TypeError, /credentials/);
  }
});

test('header fields that cannot be written, or are the engine’s own, are a TypeError', () => {
  const wrong: [string, string][] = [
    ['X', 'a\r\nY: b'],
    ['X', 'a\0'],
    ['X Y', 'a'],
    ['', 'a'],
    ['X', '☃'],
    ['Host', 'other.example'],
    ['Connection', 'close'],
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'x'],
  ];
  for (const pair of wrong) {
    throws(() => parseProxy({ url: 'http://x', headers: [pair] }), TypeError, /^Cannot write header /);
    throws(() => parseProxy({ url: 'http://x', headers: { [pair[0]]: pair[1] } }), TypeError, /^Cannot write header /);
  }
});

test.run();
