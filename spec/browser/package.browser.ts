// The built files in Chromium: as they are, and through bundlers. What the engine does there is what it does here. Run by `npm run test:browser`, behind a build.

import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build as buildWithEsbuild } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { build as buildWithVite } from 'vite';
import * as engine from '../../lib/browser.ts';
import * as core from '../../lib/core.ts';
import * as testing from '../../lib/testing.ts';
import { within } from '../support/until.ts';
import { counted } from './counted.ts';
import { launch } from './demo-page.ts';
import { runEngine } from './engine-scenarios.ts';
import { root, Site, withPage } from './site.ts';

const test = suite('the package in Chromium');
const check = counted(test);

// What a page of a user's says, with a bundler and without.
const app = `
import * as engine from 'millrace';
import * as core from 'millrace/core';
import * as testing from 'millrace/testing';
globalThis.modules = { engine, core, testing };
document.documentElement.dataset.is = 'loaded';
`;

const importMap = {
  imports: {
    millrace: '/dist/browser/index.js',
    'millrace/core': '/dist/browser/core.js',
    'millrace/testing': '/dist/browser/testing.js',
  },
};

const pages = {
  '/plain': `<script type="importmap">${JSON.stringify(importMap)}</script><script type="module">${app}</script>`,
  '/esbuild': '<script type="module" src="/bundles/esbuild/app.js"></script>',
};

let folder: string;
let browser: Browser;
let site: Site;
let here: Record<string, string>;

test.before(async () => {
  try {
    folder = await mkdtemp(join(tmpdir(), 'bundles-'));
    await mkdir(join(folder, 'node_modules'));
    // As npm installs a package that lies beside.
    await symlink(root, join(folder, 'node_modules/millrace'), 'dir');
    await writeFile(join(folder, 'app.js'), app);
    await writeFile(
      join(folder, 'index.html'),
      '<link rel="icon" href="data:,"><script type="module" src="./app.js"></script>',
    );
    site = await new Site({ dist: join(root, 'dist'), bundles: folder }, pages).start();
    browser = await launch();
    here = await runEngine({ engine, core, testing });
  } catch (error) {
    // uvu says nothing of what fails before the tests.
    console.error(error);
    throw error;
  }
});

test.after(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs all on the page, and asserts that it tells what is told here. */
async function runThere(path: string): Promise<void> {
  const there = await withPage(browser, site.url + path, async (page) => {
    await page.waitForFunction("document.documentElement.dataset.is === 'loaded'");
    return within(page.evaluate<Record<string, string>>(`(${runEngine})(modules)`), `the engine on ${path}`);
  });
  assert.ok(Object.keys(there).length > 35);
  assert.equal(there, here);
}

/** Asserts that nothing of Node is asked for in the text of a bundle. */
function assertForBrowsers(text: string): void {
  // By the compiler's own reading: texts of messages have such words too.
  const asked = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
  assert.equal(
    asked.filter((name) => !/^[./]/.test(name)),
    [],
  );
  assert.not.match(text, 'vite-browser-external');
  assert.not.match(text, /["'`]node:/);
}

check('nothing fails of what is told', async () => {
  assert.equal(
    Object.entries(here).filter(([, line]) => line.includes('failed: ')),
    [],
  );
});

check('the files as they are, without a bundler, do what they do here', () => runThere('/plain'));

check('through esbuild: the entry for browsers is taken, and it does what it does here', async () => {
  const { metafile } = await buildWithEsbuild({
    absWorkingDir: folder,
    entryPoints: ['app.js'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    outdir: 'esbuild',
    metafile: true,
    logLevel: 'error',
  });
  const inputs = Object.keys(metafile.inputs).map((path) => path.replace(/^.*\/dist\//, ''));
  assert.ok(
    inputs.some((input) => input.endsWith('browser/index.js')),
    String(inputs),
  );
  assert.not(inputs.includes('index.js') || inputs.includes('node.js'));
  assert.equal(
    Object.values(metafile.outputs).flatMap(({ imports }) => imports),
    [],
  );
  assertForBrowsers(await readFile(join(folder, 'esbuild/app.js'), 'utf8'));
  await runThere('/esbuild');
});

check('through Vite: the entry for browsers is taken, and it does what it does here', async () => {
  await buildWithVite({
    root: folder,
    base: '/bundles/vite/',
    configFile: false,
    logLevel: 'error',
    build: { outDir: 'vite', target: 'es2023', modulePreload: false },
  });
  const assets = join(folder, 'vite/assets');
  const scripts = (await readdir(assets)).filter((name) => name.endsWith('.js'));
  assert.ok(scripts.length > 0);
  for (const name of scripts) assertForBrowsers(await readFile(join(assets, name), 'utf8'));
  await runThere('/bundles/vite/index.html');
});

check('a page that does not install permessage-deflate gets nothing of its codec', async () => {
  const sizeOf = async (name: string): Promise<number> => {
    const stdin = { contents: `import { ${name} } from 'millrace'; console.log(${name});`, resolveDir: folder };
    const options = { bundle: true, format: 'esm', platform: 'browser', minify: true, write: false } as const;
    const { outputFiles } = await buildWithEsbuild({ stdin, logLevel: 'error', ...options });
    return (outputFiles[0] as { contents: Uint8Array }).contents.byteLength;
  };
  const withCodec = await sizeOf('permessageDeflate');
  for (const name of ['FrameDecoderStream', 'WebSocketStream', 'upgrade'])
    assert.ok((await sizeOf(name)) < withCodec - 40 * 1024, name);
});

check('the platform’s own WebSocketStream is taken where it is, and ours where it is not', async () => {
  const ask =
    'modules.engine.WebSocketStream === globalThis.WebSocketStream && modules.engine.WebSocketError === globalThis.WebSocketError';
  const loaded = "document.documentElement.dataset.is === 'loaded'";
  for (const [before, isNative] of [
    ['', true],
    ['delete globalThis.WebSocketStream;', false],
    ['delete globalThis.WebSocketError;', false],
    ['delete globalThis.WebSocketStream; delete globalThis.WebSocketError;', false],
  ] as const) {
    const body = async (page: Page): Promise<[boolean, string]> => {
      await page.waitForFunction(loaded);
      return [await page.evaluate<boolean>(ask), await page.evaluate<string>('String(modules.engine.WebSocketStream)')];
    };
    const [isTheirs, text] = await withPage(browser, `${site.url}/plain`, body, before);
    assert.is(isTheirs, isNative, before);
    assert.is(text.includes('[native code]'), isNative, before);
  }
});

test.run();
