import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PageFiles, pageFiles } from '../../lib/demo/page-files.ts';
import { headerOf as header, type PeerResponse, RawClient } from '../support/raw-client.ts';

const test = suite('page-files');

const folder = new URL('../../lib/demo/page/', import.meta.url);
const files = new PageFiles();
const http = createServer((request, response) => {
  if (files.answer(request, response) === undefined) response.writeHead(404).end();
});

test.before(async () => {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
});

test.after(() => {
  RawClient.destroyAll();
  http.close();
});

async function ask(target: string, method = 'GET'): Promise<PeerResponse> {
  using client = await RawClient.connect((http.address() as AddressInfo).port);
  client.send(Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`));
  return await client.response(method);
}

test('each file of the page is served with its type and a policy that lets nothing in from elsewhere', async () => {
  const types: Record<string, string> = {
    css: 'text/css; charset=utf-8',
    html: 'text/html; charset=utf-8',
    js: 'text/javascript; charset=utf-8',
    svg: 'image/svg+xml',
  };
  assert.equal([...pageFiles].sort(), readdirSync(folder).sort());
  for (const name of pageFiles) {
    const response = await ask(`/${name}`);
    assert.is(response.status, 200);
    assert.is(header(response, 'content-type'), types[name.split('.')[1] as string]);
    assert.is(header(response, 'x-content-type-options'), 'nosniff');
    assert.match(header(response, 'content-security-policy') ?? '', /^default-src 'none'; script-src 'self'; /);
    assert.is(header(response, 'content-length'), String(readFileSync(new URL(name, folder)).byteLength));
  }
});

test('the root is the page, with or without a query', async () => {
  const page = readFileSync(new URL('index.html', folder), 'utf8');
  for (const target of ['/', '/?a=b', '/index.html']) {
    assert.is(Buffer.from((await ask(target)).body, 'utf8').byteLength > 0, true, target);
    assert.is(header(await ask(target), 'content-length'), String(Buffer.byteLength(page)));
  }
});

test('HEAD gives the head alone, and other methods get 405', async () => {
  const head = await ask('/page.css', 'HEAD');
  assert.is(head.status, 200);
  assert.is(head.body, '');
  assert.ok(Number(header(head, 'content-length')) > 0);
  const post = await ask('/', 'POST');
  assert.is(post.status, 405);
  assert.is(header(post, 'allow'), 'GET, HEAD');
});

test('no other path is answered, whatever it leads to', async () => {
  const targets = [
    '/main.ts',
    '/page',
    '/page/',
    '/../main.ts',
    '/..%2fmain.ts',
    '/%2e%2e/main.ts',
    '//',
    '/./page.css',
    '/page.css/',
    '/../../../package.json',
    '/__proto__',
    '*',
  ];
  for (const target of targets) assert.is((await ask(target)).status, 404, target);
});

test('the page names no file that is not served, and nothing elsewhere', () => {
  for (const name of pageFiles) {
    const text = readFileSync(new URL(name, folder), 'utf8').replace('http://www.w3.org/2000/svg', '');
    assert.not.match(text, /(https?:)?\/\/[a-z\d]+\.[a-z]/i, name);
    for (const [, path = ''] of text.matchAll(/(?:src|href)="\/?([^"#]*)"|from '\.\/([^']*)'/g)) {
      if (path !== '') assert.ok(pageFiles.includes(path), `${name} names ${path}`);
    }
  }
});

test.run();
