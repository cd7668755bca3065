// Our WebSocketStream over Chromium's WebSocket beside Chromium's own: the same page, the same servers, the same outcomes. Run by `npm run test:browser`, behind a build.

import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Refusal, type Session, serve } from '../../lib/node.ts';
import { runScenarios } from '../support/stream-scenarios.ts';
import { within } from '../support/until.ts';
import { counted } from './counted.ts';
import { launch } from './demo-page.ts';
import { root, Site, withPage } from './site.ts';
import { runAlone } from './socket-alone.ts';
import { runSocketScenarios } from './socket-scenarios.ts';
import { StreamServer } from './stream-server.ts';

const test = suite('WebSocketStream over WebSocket in Chromium');
const check = counted(test);

type Told = Record<string, string>;

const NOT_WRITTEN = 'rejects InvalidStateError | fulfils undefined | rejects InvalidStateError';
const UNANSWERED = 'close: "1005", messages: 0, received: 0, sent: 0';

/**
 * Every scenario in which the two differ, what ours tells, and why. Of Chromium's own is asserted only that it does as ours, or as it did (156; where several are listed, now this and now that): a later one may do as the draft says.
 */
const differences: Readonly<
  Record<string, { readonly ours: string; readonly theirs: string | readonly string[]; readonly why: string }>
> = {
  'differs: a server that sends 40 MiB to a page that does not read': {
    ours: 'is not held up',
    theirs: 'is held up',
    why: 'impossible: a WebSocket cannot be told to wait; what waits unread is bounded (maxQueued)',
  },
  'differs: what binary chunks are': {
    ours: 'Uint8Array',
    theirs: 'ArrayBuffer',
    why: 'the draft, since 2024-01; so on Node too',
  },
  'differs: messages that nobody has read when the server closes': {
    ours: '0: "1", 1: "2", 2: "3"',
    theirs: '0: "1"',
    why: 'Chromium loses what has come before the close frame; ours gives it, as on Node',
  },
  'differs: messages that nobody has read when the server vanishes': {
    ours: 'fulfils done: false, value: "last words" | rejects WebSocketError 1006 ""',
    theirs: 'rejects WebSocketError 1006 "" | rejects WebSocketError 1006 ""',
    why: 'as above',
  },
  'differs: a server that closes while writes wait': {
    ours: [...Array(2).fill('rejects WebSocketError 4001 "enough"'), NOT_WRITTEN].join(' | '),
    theirs: [
      `fulfils closeCode: 4001, reason: "enough" | fulfils done: true, value: undefined | ${NOT_WRITTEN}`,
      `rejects WebSocketError 4001 "enough" | fulfils done: true, value: undefined | ${NOT_WRITTEN}`,
    ],
    why: 'Chromium sees whether the write has gone out at the very last, ours cannot; the draft: an end that is not clean errors both streams',
  },
  'differs: writer, and the server is unanswered': {
    ours: [...Array(8).fill('rejects WebSocketError 1006 ""'), UNANSWERED].join(' | '),
    theirs: [1006, null, 1006, 1006, 1006, null, null, null]
      .map((code) => `rejects WebSocketError ${code} ""`)
      .concat(UNANSWERED)
      .join(' | '),
    why: 'the draft: one error for all',
  },
  'differs: a reason of one’s own to abort for': {
    ours: 'rejects "mine" | rejects "mine"',
    theirs: 'rejects AbortError | rejects AbortError',
    why: 'the draft: the reason of the signal',
  },
  'differs: the arguments beside a signal that was aborted': {
    ours: 'ws://127.0.0.1:9/x | SyntaxError',
    theirs: ' | ',
    why: 'the draft: the URL is looked at first',
  },
};

const page = `<script type="module">
import { WebSocketStream, WebSocketError } from '/dist/browser/index.js';
globalThis.classes = { WebSocketStream, WebSocketError };
</script>`;
const hidden =
  'globalThis.own = globalThis.WebSocketStream; delete globalThis.WebSocketStream; delete globalThis.WebSocketError;';

let browser: Browser;
let site: Site;

test.before(async () => {
  try {
    site = await new Site({ dist: join(root, 'dist') }, { '/a/page': page }).start();
    browser = await launch();
  } catch (error) {
    // uvu says nothing of what fails before the tests.
    console.error(error);
    throw error;
  }
});

test.after(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

/** Runs a script on a page with Chromium's own, and on one with ours. */
async function runBoth(script: (name: string) => string): Promise<{ readonly theirs: Told; readonly ours: Told }> {
  const run = (name: string, before: string): Promise<Told> =>
    withPage(
      browser,
      `${site.url}/a/page`,
      async (it) => {
        await it.waitForFunction('globalThis.classes !== undefined');
        const isNative = await it.evaluate<boolean>("String(classes.WebSocketStream).includes('[native code]')");
        assert.is(isNative, name === 'theirs');
        return within(it.evaluate<Told>(script(name)), `the scenarios with ${name}`, 120_000);
      },
      before,
    );
  return { theirs: await run('theirs', ''), ours: await run('ours', hidden) };
}

function assertNoneFailed(told: Told): void {
  assert.equal(
    Object.entries(told).filter(([, line]) => line.startsWith('failed')),
    [],
  );
}

async function handle(session: Session): Promise<void> {
  const path = session.request?.url;
  if (path === '/three') for (const text of ['1', '2', '3']) await session.send(text);
  else for await (const message of session) await session.send(message);
  if (path === '/late') await session.send('late');
}

check('the scenarios that run on Node too: ours does what Chromium’s own does', async () => {
  await using server = await serve(
    {
      admitOrigin: () => true,
      admit: ({ url }) => (url === '/404' ? new Refusal(404) : undefined),
      subprotocols: ['beta'],
    },
    handle,
  );
  const { theirs, ours } = await runBoth(() => `(${runScenarios})(classes, ${JSON.stringify(server.url)})`);
  assertNoneFailed(ours);
  assert.ok(Object.keys(theirs).length >= 15);
  assert.equal(ours, theirs);
});

check(
  'with servers that close, vanish, break the protocol or read slowly, they differ only where it is written down',
  async () => {
    await using server = await StreamServer.start();
    const { theirs, ours } = await runBoth(
      (name) => `(${runSocketScenarios})(classes, ${JSON.stringify(server.url)}, '${name}')`,
    );
    assertNoneFailed(ours);
    assert.ok(Object.keys(ours).length > 40);
    const marked = Object.keys(ours).filter((name) => name.startsWith('differs: '));
    assert.equal(marked.sort(), Object.keys(differences).sort());
    for (const [name, line] of Object.entries(differences)) {
      assert.is(ours[name], line.ours, name);
      assert.ok([line.ours, line.theirs].flat().includes(theirs[name] as string), `${name}: ${theirs[name]}`);
    }
    const same = ({ ...told }: Told): Told => {
      for (const name of marked) delete told[name];
      return told;
    };
    assert.equal(same(ours), same(theirs));
  },
);

// Chromium's own brings its page down when it is closed while writes wait (156), so there is nothing to compare with.
check('ours alone: what waits to be sent goes out before the close, and what waits unread is bounded', async () => {
  await using server = await StreamServer.start();
  const told = await withPage(
    browser,
    `${site.url}/a/page`,
    async (page) => {
      await page.waitForFunction('globalThis.classes !== undefined');
      return within(page.evaluate<Told>(`(${runAlone})(classes, ${JSON.stringify(server.url)})`), 'ours alone');
    },
    hidden,
  );
  assert.equal(told, {
    'close with writes that wait': 'closed with 3500, all was sent: true',
    'too much unread': 'close code 1006, ERR_WS_UNREAD, 4009 Too much waits unread, kept: true',
  });
});

test.run();
