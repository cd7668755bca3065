// Where a URL leads: schemes, ports, addresses, credentials, sockets of the file system, and what is no URL of a WebSocket.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseTarget, type Target } from '../../lib/client/target.ts';
import { isHost } from '../../lib/handshake/origin.ts';
import { throws } from '../support/check.ts';

const test = suite('target');

/** Asserts what a URL says, as far as it is told. */
function says(url: string | URL, expected: Partial<Target>, base?: string): void {
  const target = parseTarget(url, base);
  for (const [name, value] of Object.entries(expected)) {
    assert.is(
      target[name as keyof Target],
      value,
      `${name} of ${url} is ${JSON.stringify(target[name as keyof Target])}`,
    );
  }
}

test('ws and wss are what they say, http and https stand for them', () => {
  for (const scheme of ['ws', 'http', 'WS', 'Http']) {
    says(`${scheme}://example.com/chat`, { href: 'ws://example.com/chat', isSecure: false, port: 80, path: '/chat' });
  }
  for (const scheme of ['wss', 'https', 'WSS', 'hTTps']) {
    says(`${scheme}://example.com/chat`, { href: 'wss://example.com/chat', isSecure: true, port: 443, path: '/chat' });
  }
});

test('RFC 6455 §4.1 (4): Host has the port where it is not the default one of the scheme', () => {
  const cases: [url: string, authority: string, port: number][] = [
    ['ws://example.com', 'example.com', 80],
    ['ws://example.com:80', 'example.com', 80],
    ['ws://example.com:443', 'example.com:443', 443],
    ['wss://example.com:443', 'example.com', 443],
    ['wss://example.com:80', 'example.com:80', 80],
    ['http://example.com:443', 'example.com:443', 443],
    ['https://example.com:80', 'example.com:80', 80],
    ['https://example.com:443', 'example.com', 443],
    ['ws://example.com:', 'example.com', 80],
    ['ws://example.com:00080', 'example.com', 80],
    ['ws://example.com:65535', 'example.com:65535', 65535],
    ['wss://example.com:0', 'example.com:0', 0],
  ];
  for (const [url, authority, port] of cases) says(url, { authority, port, host: 'example.com', path: '/' });
});

test('an IPv6 address is connected to without brackets, and has them in Host', () => {
  says('ws://[::1]/', { host: '::1', authority: '[::1]', port: 80 });
  says('wss://[2001:DB8:0:0::1]:8443/x', { host: '2001:db8::1', authority: '[2001:db8::1]:8443', port: 8443 });
  says('ws://[::ffff:127.0.0.1]:9', { host: '::ffff:7f00:1', authority: '[::ffff:7f00:1]:9' });
});

test('an IPv4 address is understood in every form of a URL', () => {
  says('ws://127.0.0.1:8080', { host: '127.0.0.1', authority: '127.0.0.1:8080' });
  says('ws://0x7f.1', { host: '127.0.0.1', authority: '127.0.0.1' });
});

test('a name is written in ASCII and in lower case', () => {
  says('ws://EXAMPLE.com', { host: 'example.com', authority: 'example.com' });
  says('ws://bücher.example', { host: 'xn--bcher-kva.example', authority: 'xn--bcher-kva.example' });
  says('ws://ex%41mple.com', { host: 'example.com' });
});

test('what a URL may call a host can be written into Host: names with an underscore, with the dot of the root', () => {
  for (const url of ['ws://my_service:3000', 'ws://example.com.', 'ws://a--b.c', 'ws://1a.b', 'ws://[::1]:3']) {
    assert.ok(isHost(parseTarget(url).authority), url);
  }
});

test('RFC 6455 §3: the resource name is the path and the query, percent-encoded, "/" where the path is empty', () => {
  const cases: [url: string, path: string][] = [
    ['ws://h', '/'],
    ['ws://h?', '/'],
    ['ws://h?a=1', '/?a=1'],
    ['ws://h/a/../b/./c', '/b/c'],
    ['ws://h/a b', '/a%20b'],
    ['ws://h/ä?ö=☃', '/%C3%A4?%C3%B6=%E2%98%83'],
    ['ws://h/%23?%23', '/%23?%23'],
    ['ws://h//evil/', '//evil/'],
    ['ws://h/a?b?c/d:e@f', '/a?b?c/d:e@f'],
    ['ws:h/x', '/x'],
    ['ws:\\\\h\\x', '/x'],
  ];
  for (const [url, path] of cases) says(url, { path });
});

test('no line end of a URL comes through to the request', () => {
  for (const url of ['ws://h/\r\nX: y', 'ws://h/a\nb\tc', 'ws://h/?\r\n\r\nGET', 'ws://h\r\n/x']) {
    const { path, authority, href } = parseTarget(url);
    assert.not.match(`${path}${authority}${href}`, /[\r\n\t ]/);
  }
  for (const url of ['ws://h%0d%0a/', 'ws://h%00/', 'ws://a b/']) throws(() => parseTarget(url), TypeError, /no URL/);
});

test('RFC 6455 §3: a URL with a fragment is refused, an empty one too', () => {
  for (const url of ['ws://h/#x', 'ws://h/#', 'ws://h#', 'wss://h/?a#b', 'ws+unix:/s.sock:/#a', new URL('ws://h/#')]) {
    throws(() => parseTarget(url), TypeError, /has a fragment/);
  }
});

test('what is no URL, or has another scheme, is refused with a TypeError that names it', () => {
  for (const url of [
    '',
    '/chat',
    'example.com',
    'ws://',
    'wss://:80',
    'ws://h:65536',
    'ws://h:x',
    'ws://[::1',
    'ws://[x]',
  ]) {
    throws(() => parseTarget(url), TypeError, /^Cannot connect to ".*": it is no URL$/);
  }
  for (const url of ['ftp://h', 'file:///x', 'javascript:1', 'example.com:80', 'wsx://h', 'unix:/x', 'data:,x']) {
    throws(() => parseTarget(url), TypeError, /its scheme is not ws, wss, http or https$/);
  }
  for (const url of [undefined, null, 5, {}, [], Symbol.iterator.description]) {
    throws(() => parseTarget(url as string), TypeError);
  }
});

test('the URL that is given is not changed', () => {
  const url = new URL('http://me:secret@h:8080/x?y');
  says(url, { href: 'ws://h:8080/x?y' });
  assert.is(url.href, 'http://me:secret@h:8080/x?y');
});

test('credentials are decoded, and stand nowhere else', () => {
  const cases: [userinfo: string, credentials: string | undefined][] = [
    ['me:secret@', 'me:secret'],
    ['me@', 'me:'],
    ['me:@', 'me:'],
    [':secret@', ':secret'],
    ['a%40b:c%3Ad%2F@', 'a@b:c:d/'],
    ['j%C3%BCrgen:p%C3%A4ss@', 'jürgen:päss'],
    ['jürgen:☃@', 'jürgen:☃'],
    ['a@b:c@', 'a@b:c'],
    ['%25:%25@', '%:%'],
    ['@', undefined],
    [':@', undefined],
    ['', undefined],
  ];
  for (const [userinfo, credentials] of cases) {
    says(`ws://${userinfo}h:81/x`, { credentials, href: 'ws://h:81/x', authority: 'h:81', path: '/x' });
  }
});

test('credentials that are percent-encoded wrongly, or not as UTF-8, are refused with a TypeError', () => {
  for (const userinfo of ['%zz', 'me:%', 'me:%ff', '%C3:x']) {
    throws(() => parseTarget(`ws://${userinfo}@h/`), TypeError, /its credentials are malformed/);
  }
});

test('RFC 7617 §2: a name with a colon and control characters cannot be sent as Basic credentials', () => {
  for (const userinfo of ['a%3Ab:c', 'a%0Ab:c', 'a:b%00', 'a:%7F', '%0D%0AX:y']) {
    throws(() => parseTarget(`ws://${userinfo}@h/`), TypeError, /its credentials are malformed/);
  }
});

test('no error tells the credentials of a URL', () => {
  for (const url of [
    'ws://me:s3cret%zz@h/',
    'ws://me:s3cret@h/#x',
    'ftp://me:s3@cret@h/',
    'ws://s3cret@h:x/',
    'ws+unix://s3cret@h/x',
  ]) {
    throws(() => parseTarget(url), TypeError, /^(?!.*(s3|cret))/);
  }
});

test('ws+unix names a socket of the file system, and the resource behind the first colon', () => {
  const cases: [url: string, socketPath: string, path: string][] = [
    ['ws+unix:/run/app.sock:/chat?room=1', '/run/app.sock', '/chat?room=1'],
    ['ws+unix:///run/app.sock:/chat', '/run/app.sock', '/chat'],
    ['ws+unix:/run/app.sock', '/run/app.sock', '/'],
    ['ws+unix:/run/app.sock:', '/run/app.sock', '/'],
    ['ws+unix:./app.sock:/x', './app.sock', '/x'],
    ['ws+unix:app.sock', 'app.sock', '/'],
    ['ws+unix:/run/a%3Ab.sock:/c:d', '/run/a:b.sock', '/c:d'],
    ['ws+unix:/run/a%20b%C3%A4.sock:/', '/run/a bä.sock', '/'],
    ['ws+unix:/run/a b.sock:/x y', '/run/a b.sock', '/x%20y'],
  ];
  for (const [url, socketPath, path] of cases) {
    says(url, { socketPath, path, isSecure: false, authority: 'localhost', credentials: undefined });
  }
  says('wss+unix:/run/app.sock:/', { socketPath: '/run/app.sock', isSecure: true });
});

test('ws+unix without a socket, with a host, or wrongly encoded is refused', () => {
  for (const url of ['ws+unix:', 'ws+unix:/', 'ws+unix:///', 'ws+unix::/x', 'ws+unix:/:/x']) {
    throws(() => parseTarget(url), TypeError, /names no socket/);
  }
  for (const url of ['ws+unix://run/app.sock:/x', 'wss+unix://me@host/app.sock', 'ws+unix://h:1/app.sock']) {
    throws(() => parseTarget(url), TypeError, /has a host/);
  }
  for (const url of ['ws+unix:/run/%zz.sock', 'ws+unix:/run/%ff:/', 'ws+unix:/a%00b:/']) {
    throws(() => parseTarget(url), TypeError, /names no socket/);
  }
});

test('a reference is resolved against a base', () => {
  const base = 'wss://example.com:8443/a/b?c';
  says('/x?y', { href: 'wss://example.com:8443/x?y', isSecure: true }, base);
  says('x', { href: 'wss://example.com:8443/a/x' }, base);
  says('?z', { href: 'wss://example.com:8443/a/b?z' }, base);
  says('//other.example/x', { href: 'wss://other.example/x', port: 443 }, base);
  says('http://other.example/x', { href: 'ws://other.example/x', isSecure: false }, base);
  says('', { href: 'wss://example.com:8443/a/b?c' }, base);
});

test('no message has the credentials of a URL, in whatever form it was written', () => {
  const urls = [
    'ws://me:s3cret@h/#x',
    'ws:me:s3cret@h/#x',
    'ws:/me:s3cret@h/#x',
    'ws:\\\\me:s3cret@h/#x',
    'w\ts:/\n/me:s3cret@h/#x',
    ' ws:me:s3cret@h/@#x',
    'me:s3cret@h',
    '//me:s3cret@h',
    'ws://me:s3cret@h:99999',
    'ws://me%3a:s3cret@h',
  ];
  for (const url of urls) {
    throws(() => parseTarget(url), TypeError, /^Cannot connect to /);
    throws(() => parseTarget(url), TypeError, /^(?!.*s3cret).*…@h/s);
  }
  throws(() => parseTarget('ws://h/a@b#x'), TypeError, /"ws:\/\/h\/a@b#x"/);
});

test.run();
