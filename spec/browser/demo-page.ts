// The demo's page in a real Chromium: finds the browser, starts the demo, opens pages, and watches over what a page must never do.

import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { Child } from '../cli/child.ts';
import { BOUND } from '../support/until.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

// No sandbox: this browser sees nothing but our own page, and in a container there often is none.
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The path of the browser: what CHROMIUM says, or the first one on the PATH. */
export function findChromium(): string {
  const { CHROMIUM, PATH = '' } = process.env;
  const candidates = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = CHROMIUM || candidates.find(isExecutable);
  if (found) return found;
  throw new Error(
    `Cannot find a browser: none of ${names.join(', ')} is on the PATH. Install Chromium (Debian: apt-get install chromium), or set CHROMIUM to its path`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: flags, timeout: BOUND });
}

/** A demo of its own on a free port. */
export class Demo implements AsyncDisposable {
  readonly child: Child;
  readonly url: string;

  constructor(child: Child, url: string) {
    this.child = child;
    this.url = url;
  }

  static async start(): Promise<Demo> {
    const child = new Child(['--import', 'tsx', 'lib/demo/main.ts'], { PORT: '0' });
    const [, url = ''] = await child.printed(/^Now you: open (http:\/\/127\.0\.0\.1:\d+) in a browser/m);
    return new Demo(child, url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

export interface PageOptions extends BrowserContextOptions {
  /** The test makes faults on purpose: what the console says of them is not held against the page. */
  readonly mayComplain?: boolean;
}

/** Makes a test on a page of its own. */
export type OnItsPage = (name: string, options: PageOptions, body: (page: Page) => Promise<void>) => void;

/** Opens the page, waits for its connection, runs the test on it, and asserts that it has kept the peace: no error, nothing from elsewhere. */
export async function onPage(
  browser: Browser,
  demo: Demo,
  { mayComplain = false, ...options }: PageOptions,
  test: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  try {
    context.setDefaultTimeout(BOUND);
    // What esbuild calls for the name of a function, in the functions that run on the page too.
    await context.addInitScript('globalThis.__name = (it) => it;');
    const page = await context.newPage();
    const complaints: string[] = [];
    const foreign: string[] = [];
    const note = (url: string): void => {
      if (new URL(url).host !== new URL(demo.url).host) foreign.push(url);
    };
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => note(request.url()));
    page.on('websocket', (socket) => note(socket.url()));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    await page.goto(demo.url);
    await stateIs(page, /^Open$/);
    await test(page);
    assert.equal(foreign, []);
    if (!mayComplain) assert.equal(complaints, []);
  } finally {
    await context.close();
  }
}

/** Waits until an element reads so. */
export async function reads(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: pattern }).first().waitFor();
}

/** Waits until the state of the connection reads so. */
export function stateIs(page: Page, pattern: RegExp): Promise<void> {
  return reads(page, '#state', pattern);
}

/** Chooses a step of the slider, and waits until the server says that it reads so. */
export async function setSpeed(page: Page, step: number, bytesPerSecond: number | null): Promise<void> {
  await page.locator('#speed').fill(String(step));
  await page.locator(`#speed-text[data-confirmed="${bytesPerSecond}"]`).waitFor();
}

/** Says something, and waits for the answer. */
export async function say(page: Page, text: string, answer: string): Promise<void> {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
  await heard(page, answer);
}

/** Waits for an answer of the server. */
export async function heard(page: Page, answer: string): Promise<void> {
  await page.locator('.said.theirs').getByText(answer, { exact: true }).last().waitFor();
}

/** What a tank holds, in bytes. */
export async function bytesIn(page: Page, id: string): Promise<number> {
  return Number(await page.locator(`#${id} output`).getAttribute('data-bytes'));
}

/** The most that a tank has held, in bytes. */
export async function peakOf(page: Page, id: string): Promise<number> {
  return Number(await page.locator(`#${id} .tank`).getAttribute('data-peak'));
}

/** Waits until a tank holds at least this much. */
export async function fills(page: Page, id: string, least: number): Promise<void> {
  await page.waitForFunction(
    ([selector, bytes]) => Number(document.querySelector<HTMLElement>(selector)?.dataset['bytes']) >= bytes,
    [`#${id} output`, least] as const,
  );
}

/** Keeps a picture of the whole page where SHOTS says, for people to look at. */
export async function shoot(page: Page, name: string): Promise<void> {
  const { SHOTS } = process.env;
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}
