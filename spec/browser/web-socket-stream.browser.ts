// Chromium's own WebSocketStream beside ours: the same page, the same server, the same outcomes. Run by `npm run test:browser`.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import type { Browser } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Refusal, type Session, serve, WebSocketError, WebSocketStream } from '../../lib/node.ts';
import { runScenarios } from '../support/stream-scenarios.ts';
import { within } from '../support/until.ts';
import { launch } from './demo-page.ts';

const test = suite('WebSocketStream in Chromium');

let total = 0;
let passed = 0;

process.on('exit', () => {
  if (passed < total || total === 0) process.exitCode = 1;
  console.log(`\n${passed} passed, ${total === 0 ? 1 : total - passed} failed`);
});

async function handle(session: Session): Promise<void> {
  const path = session.request?.url;
  if (path === '/three') for (const text of ['1', '2', '3']) await session.send(text);
  else for await (const message of session) await session.send(message);
  if (path === '/late') await session.send('late');
}

/** What is the same in both, scenario by scenario. */
async function compare(browser: Browser): Promise<void> {
  const page = createServer((_, response) =>
    response.setHeader('Content-Type', 'text/html').end('<title>page</title>'),
  );
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  await using server = await serve(
    {
      admitOrigin: () => true,
      admit: ({ url }) => (url === '/404' ? new Refusal(404) : undefined),
      subprotocols: ['beta'],
    },
    handle,
  );
  try {
    const chromium = await browser.newPage();
    await chromium.goto(`http://127.0.0.1:${(page.address() as AddressInfo).port}`);
    // What esbuild calls for the name of a function.
    await chromium.evaluate('globalThis.__name = (it) => it;');
    const call = `(${runScenarios})({ WebSocketStream, WebSocketError }, ${JSON.stringify(server.url)})`;
    const theirs = await within(chromium.evaluate<Record<string, string>>(call), 'the scenarios in Chromium');
    const ours = await within(runScenarios({ WebSocketStream, WebSocketError }, server.url), 'the scenarios here');
    assert.ok(Object.keys(theirs).length >= 15);
    assert.equal(ours, theirs);
    assert.equal(
      Object.values(ours).filter((line) => line.startsWith('failed')),
      [],
    );
  } finally {
    page.closeAllConnections();
    page.close();
  }
}

test('ours and Chromium’s do the same with the same server', async () => {
  total++;
  const browser = await launch();
  try {
    await compare(browser);
  } finally {
    await browser.close();
  }
  passed++;
});

test.run();
