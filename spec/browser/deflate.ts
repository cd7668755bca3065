// permessage-deflate with a browser's own WebSocket: a page that talks to a server of ours on its own origin.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { attach, type PermessageDeflateOptions, permessageDeflate, type Session } from '../../lib/node.ts';
import { BOUND, until, within } from '../support/until.ts';

/** What the page does and tells: it has one WebSocket at a time, and sends what comes back to a check of its own. */
interface PageSocket {
  open(path: string): Promise<string>;
  /** Sends a message made of this description, waits for its echo, and tells whether it is the same. */
  echo(kind: Kind, size: number): Promise<boolean>;
  many(count: number): Promise<number>;
  close(code: number): Promise<{ code: number; wasClean: boolean }>;
}

type Kind = 'text' | 'multibyte' | 'bytes' | 'noise';

declare global {
  var pageSocket: PageSocket;
}

// Runs on the page.
function install(): void {
  let socket: WebSocket;
  let next: (data: string | ArrayBuffer) => void;
  const noise = (size: number): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(size);
    for (let start = 0; start < size; start += 65_536) crypto.getRandomValues(bytes.subarray(start, start + 65_536));
    return bytes;
  };
  const make = (kind: string, size: number): string | Uint8Array<ArrayBuffer> => {
    if (kind === 'text') return 'x'.repeat(size);
    if (kind === 'multibyte') return 'aя日😀'.repeat(Math.floor(size / 10)) + 'x'.repeat(size % 10);
    return kind === 'noise' ? noise(size) : new Uint8Array(size).map((_, index) => index >> 4);
  };
  const same = (sent: string | Uint8Array, received: string | ArrayBuffer): boolean => {
    if (typeof sent === 'string' || typeof received === 'string') return sent === received;
    const bytes = new Uint8Array(received);
    return bytes.byteLength === sent.byteLength && bytes.every((byte, index) => byte === sent[index]);
  };
  globalThis.pageSocket = {
    open: (path) =>
      new Promise((resolve, reject) => {
        socket = new WebSocket(`ws://${location.host}${path}`);
        socket.binaryType = 'arraybuffer';
        socket.onopen = () => resolve(socket.extensions);
        socket.onerror = () => reject(new Error('The connection has failed'));
        socket.onmessage = ({ data }) => next(data);
      }),
    echo: (kind, size) =>
      new Promise((resolve) => {
        const message = make(kind, size);
        next = (data) => resolve(same(message, data));
        socket.send(message);
      }),
    many: (count) =>
      new Promise((resolve) => {
        const make = (index: number): string =>
          JSON.stringify({
            type: 'order.updated',
            id: index * 7919,
            note: `grüße ${index}`,
            items: [index, index + 1],
          });
        let good = 0;
        let received = 0;
        next = (data) => {
          if (data === make(received)) good++;
          received++;
          if (received === count) resolve(good);
        };
        for (let index = 0; index < count; index++) socket.send(make(index));
      }),
    close: (code) =>
      new Promise((resolve) => {
        socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
        socket.close(code, 'done');
      }),
  };
}

/** A server of a blank page and of an echo that compresses. */
class Site implements AsyncDisposable {
  readonly http = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><link rel="icon" href="data:,"><title>blank</title>');
  });
  readonly sessions: Session[] = [];

  async listen(paths: Readonly<Record<string, PermessageDeflateOptions>>): Promise<string> {
    for (const [path, options] of Object.entries(paths)) {
      attach(this.http, { path, extensions: [permessageDeflate(options)] }, async (session) => {
        this.sessions.push(session);
        for await (const message of session) await session.send(message);
      });
    }
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}/`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.http.closeAllConnections();
    await within(new Promise((resolve) => this.http.close(resolve)), 'the server closes');
  }
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(BOUND);
  // What esbuild calls for the name of a function.
  await page.addInitScript('globalThis.__name = (it) => it;');
  await page.goto(url);
  await page.evaluate(install);
  return page;
}

const KiB = 1024;
const MiB = 1024 * KiB;

/** What our side wants, and what the page sees in `extensions`; Chromium offers `client_max_window_bits` without a value. */
const cases: Readonly<Record<string, readonly [PermessageDeflateOptions, string]>> = {
  '/default': [{}, 'permessage-deflate'],
  '/forgetful': [
    { serverNoContextTakeover: true, clientNoContextTakeover: true },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  ],
  '/narrow': [
    { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
    'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
  ],
  '/one-context': [{ maxContexts: 1 }, 'permessage-deflate'],
};

/** @param test Makes a test that is counted. */
export function testDeflate(test: (name: string, body: () => Promise<void>) => void, browser: () => Browser): void {
  for (const [path, [options, answered]] of Object.entries(cases)) {
    test(`the browser’s own WebSocket and a server with ${JSON.stringify(options)} compress each way`, async () => {
      await using site = new Site();
      const page = await openPage(browser(), await site.listen({ [path]: options }));
      assert.is(await page.evaluate((at) => pageSocket.open(at), path), answered);
      await until(() => site.sessions.length === 1, 'the handler is called');
      const session = site.sessions[0] as Session;
      assert.is(session.extensions, answered);

      let plain = 0;
      let before = session.counters;
      for (const kind of ['text', 'multibyte', 'bytes'] as const) {
        for (const size of [0, 1, 125, 126, 127, 1_000, 65_535, 65_536, 200_000, MiB]) {
          const isSame = page.evaluate(([what, length]) => pageSocket.echo(what, length), [kind, size] as const);
          assert.ok(await isSame, `${kind} of ${size} bytes`);
          plain += size;
        }
      }
      assert.ok(session.counters.bytesReceived - before.bytesReceived < plain / 20, 'what the browser sends is small');
      assert.ok(session.counters.bytesSent - before.bytesSent < plain / 20, 'what it gets is small');
      for (const size of [1, 100, 5_000, 100_000, MiB]) {
        assert.ok(await page.evaluate((length) => pageSocket.echo('noise', length), size), `noise of ${size} bytes`);
      }

      before = session.counters;
      assert.is(await page.evaluate(() => pageSocket.many(1000)), 1000);
      const perMessage = (session.counters.bytesReceived - before.bytesReceived) / 1000;
      // About 80 bytes each: what refers to those before takes a part of them.
      assert.is(perMessage < 45, !answered.includes('client_no_context_takeover'), `${perMessage} bytes a message`);

      assert.equal(await page.evaluate(() => pageSocket.close(3001)), { code: 3001, wasClean: true });
      const { wasClean, error } = await within(session.closed, 'the end of the session');
      assert.ok(wasClean);
      assert.is(error, undefined);
      await page.close();
    });
  }

  test('what a server sends below its threshold is plain, and what the browser sends is compressed all the same', async () => {
    await using site = new Site();
    const page = await openPage(browser(), await site.listen({ '/off': { threshold: Number.MAX_SAFE_INTEGER } }));
    assert.is(await page.evaluate(() => pageSocket.open('/off')), 'permessage-deflate');
    assert.ok(await page.evaluate(() => pageSocket.echo('text', 10_000)));
    await until(() => site.sessions.length === 1, 'the handler is called');
    const session = site.sessions[0] as Session;
    assert.is(session.counters.bytesSent, 10_000 + 4, 'each side decides for what it sends');
    assert.ok(session.counters.bytesReceived < 1000);
    assert.is((await page.evaluate(() => pageSocket.close(1000))).code, 1000);
    await page.close();
  });
}
