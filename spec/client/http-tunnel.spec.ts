// CONNECT as bytes: what is asked, and what every answer is taken for, each whole, byte by byte and cut at random places.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HttpTunnel } from '../../lib/client/http-tunnel.ts';
import { parseProxy } from '../../lib/client/proxy.ts';
import { parseTarget } from '../../lib/client/target.ts';
import type { HandshakeError } from '../../lib/error.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { throws } from '../support/check.ts';
import { deliver, fromLatin1, latin1 } from '../support/deliver-response.ts';

const test = suite('http tunnel');

function ask(url: string, proxy: Parameters<typeof parseProxy>[0] = 'http://proxy.example'): string {
  const tunnel = new HttpTunnel(parseProxy(proxy), parseTarget(url), { limits: defaultLimits });
  const request = fromLatin1(tunnel.take() ?? new Uint8Array(0));
  assert.is(tunnel.take(), undefined, 'it is asked once');
  return request;
}

type Seen =
  | 'waiting'
  | { rest: string }
  | { code: string; status: number; headers: string; body: string; cause: string };

/** A tunnel as a reader of a response, so that it is delivered in every split. */
class Reader {
  readonly tunnel: HttpTunnel;

  constructor(limits = defaultLimits) {
    this.tunnel = new HttpTunnel({ headers: [] }, { host: 'example.com', port: 80 }, { limits });
  }

  get isDone(): boolean {
    return this.tunnel.outcome !== undefined;
  }

  push(chunk: Uint8Array): void {
    this.tunnel.push(chunk);
  }

  end(): void {
    this.tunnel.end();
  }
}

function look({ tunnel: { outcome } }: Reader, unread: string): Seen {
  if (outcome === undefined) return 'waiting';
  if (outcome.accepted) return { rest: fromLatin1(outcome.rest) + unread };
  const { code, status, headers, body, cause } = outcome.error;
  const causeCode = (cause as HandshakeError | undefined)?.code ?? '';
  const fields = headers.map((pair) => pair.join('=')).join('&');
  return { code, status, headers: fields, body: fromLatin1(body), cause: causeCode };
}

function answer(text: string, { hasEnd = false, limits = defaultLimits } = {}): Seen {
  return deliver(text, () => new Reader(limits), look, hasEnd);
}

test('RFC 9110 §9.3.6: the host and the port, also the default one; Host says the same', () => {
  const cases: [url: string, authority: string][] = [
    ['ws://example.com/chat?x=1', 'example.com:80'],
    ['wss://example.com/chat', 'example.com:443'],
    ['ws://example.com:8080/', 'example.com:8080'],
    ['wss://[2001:DB8::1]/', '[2001:db8::1]:443'],
    ['ws://127.0.0.1:1', '127.0.0.1:1'],
    ['ws://bücher.example', 'xn--bcher-kva.example:80'],
  ];
  for (const [url, authority] of cases) {
    assert.is(ask(url), `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  }
});

test('RFC 6455 §4.1 (3): a user of the proxy’s URL is told as Basic; the user and the path of the target are not', () => {
  assert.is(
    ask('ws://me:secret@example.com/path', 'http://ednamode:nocapes!@proxy.example'),
    'CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\nProxy-Authorization: Basic ZWRuYW1vZGU6bm9jYXBlcyE=\r\n\r\n',
  );
});

test('header fields of the caller stand behind Host, in their order', () => {
  const headers = { 'User-Agent': 'x', 'Proxy-Authorization': 'Bearer y', 'X-Two': ['1', '2'] };
  assert.is(
    ask('ws://example.com', { url: 'http://proxy.example', headers }),
    'CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\nUser-Agent: x\r\nProxy-Authorization: Bearer y\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n',
  );
});

test('nothing that could end the line is written', () => {
  for (const host of ['a b', 'a\r\nX: y', 'a\n', '', 'a/b', 'a@b', 'a:b:c', '[::1]x', 'a\0', 'bücher', 'a,b', 'a#']) {
    throws(
      () => new HttpTunnel({ headers: [] }, { host, port: 80 }, { limits: defaultLimits }),
      TypeError,
      /not a host/,
    );
  }
});

test('any 2xx is the tunnel, whatever it says of a body; what comes behind its head belongs to the target', () => {
  const heads = [
    'HTTP/1.1 200 Connection established\r\n\r\n',
    'HTTP/1.1 200\r\n\r\n',
    'HTTP/1.1 204 No\r\nX: y\r\n\r\n',
    'HTTP/1.1 299 X\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n',
    // CONNECT is older than HTTP/1.1: many proxies answer so.
    'HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 X\r\nA: b\r\n\r\nHTTP/1.1 200 X\r\n\r\n',
  ];
  for (const head of heads) {
    for (const rest of ['', '\x81\x05hello', 'HTTP/1.1 101 Switching Protocols\r\n\r\n']) {
      assert.equal(answer(head + rest), { rest }, head);
    }
    assert.is(answer(head.slice(0, -1)), 'waiting');
  }
});

test('any other status is the proxy’s refusal, with its status, header fields and body', () => {
  assert.equal(answer('HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nWho?behind'), {
    code: 'ERR_WS_PROXY',
    status: 407,
    headers: 'Proxy-Authenticate=Basic&Content-Length=4',
    body: 'Who?',
    cause: '',
  });
  for (const status of [300, 302, 400, 401, 403, 404, 426, 500, 502, 503, 504, 999]) {
    const seen = answer(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`) as { code: string; status: number };
    assert.equal([seen.code, seen.status], ['ERR_WS_PROXY', status]);
  }
  const old = answer('HTTP/1.0 502 Bad Gateway\r\nX: y\r\n\r\nNo way', { hasEnd: true });
  assert.equal(old, { code: 'ERR_WS_PROXY', status: 502, headers: 'X=y', body: 'No way', cause: '' });
});

test('a 101 is no answer to CONNECT, however good it looks', () => {
  const seen = answer('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  assert.equal((seen as { status: number }).status, 101);
});

test('half a head, nothing at all, or what is no HTTP, is no answer: without a status, the cause tells why', () => {
  for (const text of ['', 'HTTP/1.1', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nX: y\r\n']) {
    const seen = answer(text, { hasEnd: true }) as { code: string; status: number; cause: string };
    assert.equal([seen.code, seen.status, seen.cause], ['ERR_WS_PROXY', 0, 'ERR_WS_RESPONSE_INCOMPLETE'], text);
  }
  for (const text of ['SSH-2.0-x\r\n', '\x15\x03\x01\0\x02\x02\n', 'HTTP/2 200 OK\r\n', '\r\n', '\x05\0\n']) {
    const seen = answer(text) as { code: string; status: number; cause: string };
    assert.equal([seen.code, seen.status, seen.cause], ['ERR_WS_PROXY', 0, 'ERR_WS_RESPONSE_MALFORMED'], text);
  }
});

test('a body that breaks off does not hide the status', () => {
  const cut = answer('HTTP/1.1 403 X\r\nContent-Length: 9\r\n\r\nBecau', { hasEnd: true });
  assert.equal(cut, { code: 'ERR_WS_PROXY', status: 403, headers: 'Content-Length=9', body: 'Becau', cause: '' });
  const seen = answer('HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nBec\r\nq\r\n');
  assert.equal(seen, {
    code: 'ERR_WS_PROXY',
    status: 403,
    headers: 'Transfer-Encoding=chunked',
    body: 'Bec',
    cause: 'ERR_WS_RESPONSE_MALFORMED',
  });
});

test('the limits of a head hold: its size, its fields, over all heads together', () => {
  const limits = { ...defaultLimits, maxHeadSize: 200, maxHeaders: 5 };
  const many = `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(6)}\r\n`;
  const long = `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(300)}`;
  const endless = `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(50)}`;
  for (const text of [many, long, endless]) {
    assert.is((answer(text, { limits }) as { cause: string }).cause, 'ERR_WS_HEAD_TOO_LARGE');
  }
  assert.equal(answer(`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(5)}\r\n`, { limits }), { rest: '' });
});

test('the end behind the outcome changes nothing', () => {
  const tunnel = new HttpTunnel({ headers: [] }, { host: 'example.com', port: 80 }, { limits: defaultLimits });
  tunnel.push(latin1('HTTP/1.1 200 OK\r\n\r\nx'));
  const { outcome } = tunnel;
  tunnel.end();
  assert.is(tunnel.outcome, outcome);
});

test.run();
