// A small static site for pages that are made for a test, and what a page must never say on its console.

import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { BOUND } from '../support/until.ts';

/** The root of the package. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Serves folders by their first name in the path, and pages that are given as text. */
export class Site implements AsyncDisposable {
  readonly #server: Server;
  readonly #folders: Readonly<Record<string, string>>;
  readonly #pages: Readonly<Record<string, string>>;

  constructor(folders: Readonly<Record<string, string>>, pages: Readonly<Record<string, string>>) {
    this.#folders = folders;
    this.#pages = pages;
    this.#server = createServer(({ url = '/' }, response) => {
      const path = new URL(url, 'http://localhost').pathname;
      const found = this.#find(path);
      found.then(
        (body) => response.setHeader('Content-Type', types[extname(path)] ?? 'text/html').end(body),
        () => response.writeHead(404).end(),
      );
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #find(path: string): Promise<string | Buffer> {
    const page = this.#pages[path];
    if (page !== undefined) return `<!doctype html><link rel="icon" href="data:,"><title>page</title>${page}`;
    const [, name = '', ...rest] = path.split('/');
    const folder = this.#folders[name];
    if (folder === undefined) throw new Error(`There is no ${path}`);
    return readFile(join(folder, normalize(`/${rest.join('/')}`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

// Chromium's own word on a connection that has failed.
const expected = /^(error|warning): WebSocket connection to '[^']*' failed: /;

/**
 * Opens a page, runs the test on it, and asserts that nothing was complained of: no error, no unhandled rejection, no file that is missing.
 *
 * @param before Runs on the page before anything else.
 */
export async function withPage<T>(
  browser: Browser,
  url: string,
  body: (page: Page) => Promise<T>,
  before = '',
): Promise<T> {
  const context = await browser.newContext();
  context.setDefaultTimeout(BOUND);
  try {
    // What esbuild calls for the name of a function.
    await context.addInitScript(`globalThis.__name = (it) => it; ${before}`);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(`uncaught: ${error}`));
    page.on('crash', () => complaints.push('the page has crashed'));
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(url);
    const result = await body(page);
    assert.equal(
      complaints.filter((line) => !expected.test(line)),
      [],
    );
    return result;
  } finally {
    await context.close();
  }
}
