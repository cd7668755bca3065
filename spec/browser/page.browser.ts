// The page of `npm start` in a real Chromium, as a person uses it. Run by `npm run test:browser`; SHOTS=folder keeps pictures.

import process from 'node:process';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { testDeflate } from './deflate.ts';
import {
  bytesIn,
  Demo,
  fills,
  heard,
  launch,
  type OnItsPage,
  onPage,
  peakOf,
  reads,
  say,
  setSpeed,
  shoot,
  stateIs,
} from './demo-page.ts';
import { testLooks } from './looks.ts';
import { testSafety } from './safety.ts';

const test = suite('page in Chromium');

const KIB = 1024;
const MIB = 1024 * KIB;
/** What the server may hold unread: its queue and its look-ahead (lib/limits.ts). */
const LIMIT = 128 * KIB;
const MESSAGE = 16 * KIB;

let browser: Browser;
let demo: Demo;
let total = 0;
let passed = 0;

process.on('exit', () => {
  if (passed < total || total === 0) process.exitCode = 1;
  console.log(`\n${passed} passed, ${total === 0 ? 1 : total - passed} failed`);
});

function counted(name: string, body: () => Promise<void>): void {
  test(name, async () => {
    total++;
    await body();
    passed++;
  });
}

/** A test on a page of its own. */
const onItsPage: OnItsPage = (name, options, body) => {
  counted(name, () => onPage(browser, demo, options, body));
};

test.before(async () => {
  try {
    demo = await Demo.start();
    browser = await launch();
  } catch (error) {
    // uvu says nothing of what fails before the tests.
    console.error(error);
    await demo?.[Symbol.asyncDispose]();
    throw error;
  }
});

test.after(async () => {
  await browser?.close();
  await demo?.[Symbol.asyncDispose]();
});

// --- Talk ------------------------------------------------------------------------------------------------------------

onItsPage('a message comes back through the transform that is chosen', {}, async (page) => {
  await say(page, 'hello, grüße 🚀', 'HELLO, GRÜSSE 🚀');
  for (const [name, code, answer] of [
    ['reverse', 'reverse', 'enola'],
    ['rot13', 'rot13', 'nybar'],
    ['none', 'unchanged', 'alone'],
    ['upper', 'upperCase', 'ALONE'],
  ] as const) {
    await page.selectOption('#transform', name);
    await reads(page, '#code-transform', new RegExp(`^${code}$`));
    await say(page, 'alone', answer);
  }
  assert.is(await page.locator('.said.mine').count(), 5);
  assert.is(await page.locator('.said.theirs').count(), 5);
});

onItsPage('markup that a person types is shown and never becomes part of the page', {}, async (page) => {
  await page.selectOption('#transform', 'none');
  await reads(page, '#code-transform', /^unchanged$/);
  const markup = '<img src="/x" onerror="document.title = 1"><b>bold</b>';
  await say(page, markup, markup);
  assert.is(await page.locator('#conversation img, #conversation b, #rows img, #rows b').count(), 0);
});

// --- Frames ----------------------------------------------------------------------------------------------------------

/** The cells of the newest rows, newest first, without the time. */
async function newestRows(page: Page, count: number): Promise<string[]> {
  await page.waitForFunction((least) => document.querySelectorAll('#rows tr').length >= least, count);
  const rows = await page.locator('#rows tr').evaluateAll((lines) =>
    lines.map((line) =>
      [...line.children]
        .slice(1)
        .map((cell) => cell.textContent)
        .join(' | '),
    ),
  );
  return rows.slice(0, count);
}

onItsPage(
  'the frames of a message and of a ping are told with opcode, length, fin, masked and payload',
  {},
  async (page) => {
    await say(page, 'hé', 'HÉ');
    assert.equal(await newestRows(page, 2), [
      '← you | text 1 | 3 | fin | no | "HÉ"',
      '→ server | text 1 | 3 | fin | masked | "hé"',
    ]);
    assert.match((await page.locator('#rows .time').first().textContent()) ?? '', /^\d\d:\d\d:\d\d\.\d{3}$/);
    await page.click('#ping');
    await reads(page, '#round-trip', /^There and back in \d+\.\d ms\.$/);
    const [pong, ping] = await newestRows(page, 4);
    assert.match(pong ?? '', /^→ server \| pong A \| 4 \| fin \| masked \|/);
    assert.match(ping ?? '', /^← you \| ping 9 \| 4 \| fin \| no \|/);
  },
);

onItsPage('the table can be paused, says how much was missed, and can be cleared', {}, async (page) => {
  await say(page, 'one', 'ONE');
  await newestRows(page, 2);
  await page.click('#pause');
  await say(page, 'two', 'TWO');
  await reads(page, '#pause', /^Go on \(2 missed\)$/);
  assert.is(await page.locator('#rows tr').count(), 2);
  await page.click('#pause');
  assert.equal((await page.locator('#rows tr').allTextContents())[0], '… 2 more frames, 6 B');
  await page.click('#clear');
  assert.is(await page.locator('#rows tr').count(), 0);
});

// --- Backpressure ----------------------------------------------------------------------------------------------------

/** Notes the longest time between two frames of the screen. */
async function watchFrames(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    let last = performance.now();
    const look = (): void => {
      const now = performance.now();
      const { dataset } = document.documentElement;
      dataset['gap'] = String(Math.max(Number(dataset['gap'] ?? 0), now - last));
      last = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  return () => page.evaluate(() => Number(document.documentElement.dataset['gap']));
}

onItsPage(
  'a flood on a slow reader stays in the browser and on the way; the server holds its limit and no more',
  {},
  async (page) => {
    const longestGap = await watchFrames(page);
    await setSpeed(page, 3, 256 * KIB);
    await page.click('#flood');
    await reads(page, '#progress', /^Done: 20\.0 MiB of 20\.0 MiB/);
    await fills(page, 'unread', LIMIT - MESSAGE);
    await fills(page, 'received', 512 * KIB);
    assert.ok((await bytesIn(page, 'buffered')) > MIB, 'the browser holds most of it');
    assert.ok((await bytesIn(page, 'there')) > 128 * KIB, 'some is on the way');
    assert.ok(
      (await peakOf(page, 'unread')) <= LIMIT + MESSAGE,
      `the server held ${await peakOf(page, 'unread')} at most`,
    );
    await shoot(page, 'flood');

    // All is alive meanwhile, and what is typed waits its turn behind the flood.
    await page.fill('#text', 'behind it all');
    await page.press('#text', 'Enter');
    assert.is(await page.locator('.said.theirs').count(), 0);
    await setSpeed(page, 6, null);
    await heard(page, 'BEHIND IT ALL');
    await page.waitForFunction(() => document.querySelector<HTMLElement>('#buffered output')?.dataset['bytes'] === '0');
    assert.is(await bytesIn(page, 'received'), 1285 * (MESSAGE - 64) + 13);
    for (const id of ['there', 'unread', 'queued', 'back']) {
      await page.waitForFunction(
        (name) => document.querySelector<HTMLElement>(`#${name} output`)?.dataset['bytes'] === '0',
        id,
      );
    }
    assert.ok((await peakOf(page, 'unread')) <= LIMIT + MESSAGE);
    assert.ok(
      (await peakOf(page, 'queued')) <= 64 * KIB + 2 * MESSAGE,
      `${await peakOf(page, 'queued')} waited to be sent`,
    );
    assert.ok((await page.locator('#rows tr').count()) <= 120, 'the table is bounded');
    assert.ok((await page.locator('#rows .skipped').count()) > 0, 'what nobody could read is a number');
    const gap = await longestGap();
    assert.ok(gap < 2000, `the page stood still for ${gap} ms`);
  },
);

onItsPage('a reader that stands still holds messages back until it goes on', {}, async (page) => {
  await setSpeed(page, 0, 0);
  for (const text of ['one', 'two', 'three']) {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
  }
  // The first is in the reader's hands; each that waits counts 64 bytes more than its payload.
  await fills(page, 'unread', 64 + 3 + 64 + 5);
  assert.is(await page.locator('.said.theirs').count(), 0);
  await setSpeed(page, 6, null);
  await heard(page, 'THREE');
  assert.equal(
    await page.locator('.said.theirs').evaluateAll((lines) => lines.map((it) => it.lastChild?.textContent)),
    ['ONE', 'TWO', 'THREE'],
  );
});

onItsPage('a polite flood waits for the browser, and can be stopped', {}, async (page) => {
  await setSpeed(page, 2, 64 * KIB);
  await page.check('#polite');
  await page.click('#flood');
  await reads(page, '#progress', /^Waiting/);
  assert.ok((await peakOf(page, 'buffered')) <= MIB + 32 * MESSAGE);
  await page.click('#stop');
  await reads(page, '#progress', /^Stopped: /);
});

// --- The end ---------------------------------------------------------------------------------------------------------

onItsPage('it closes with the code that is chosen, from both sides, and connects again', {}, async (page) => {
  for (const [button, side] of [
    ['#close', 'this page'],
    ['#close-server', 'the server'],
  ] as const) {
    for (const code of ['1000', '3000', '4001']) {
      await page.selectOption('#close-code', code);
      await page.fill('#reason', 'enough said');
      await page.click(button);
      await stateIs(page, new RegExp(`^Closed with ${code}`));
      await reads(page, '#server-verdict', new RegExp(`has completed, the close was clean and began with ${side}.`));
      const closeRows = (await newestRows(page, 2)).filter((row) => row.includes(`close 8`) && row.includes(code));
      assert.is(closeRows.length, 2);
      if (side === 'the server') assert.match((await page.textContent('#state')) ?? '', '“enough said”');
      await page.click('#reconnect');
      await stateIs(page, /^Open$/);
      await say(page, `after ${code}`, `AFTER ${code}`);
    }
  }
});

onItsPage('a connection that breaks is told as 1006, and what is typed then is not lost', {}, async (page) => {
  await page.click('#drop');
  await stateIs(page, /^Closed with 1006/);
  await shoot(page, 'broken');
  await page.fill('#text', 'still here');
  await page.press('#text', 'Enter');
  await reads(page, '.said.note', /^Not sent/);
  assert.is(await page.inputValue('#text'), 'still here');
  await page.click('#reconnect');
  await stateIs(page, /^Open$/);
  await page.press('#text', 'Enter');
  await heard(page, 'STILL HERE');
});

onItsPage('a close waits behind a flood that nobody reads, and the server can hang up instead', {}, async (page) => {
  await setSpeed(page, 0, 0);
  await page.click('#flood');
  await reads(page, '#progress', /^Done/);
  await page.click('#close');
  await stateIs(page, /^Closing/);
  await fills(page, 'buffered', MIB);
  await page.click('#drop');
  await stateIs(page, /^Closed with 1006/);
  await reads(page, '#server-verdict', /the job has failed, there was no clean close\.$/);
});

onItsPage(
  'settings outlive the connection, and a page that is loaded again has what its controls show',
  {},
  async (page) => {
    await page.selectOption('#transform', 'rot13');
    await page.click('#close');
    await stateIs(page, /^Closed with 1000/);
    await page.click('#reconnect');
    await stateIs(page, /^Open$/);
    await say(page, 'alone', 'nybar');
    await page.reload();
    await stateIs(page, /^Open$/);
    await say(page, 'alone', (await page.inputValue('#transform')) === 'rot13' ? 'nybar' : 'ALONE');
  },
);

test('a demo that is stopped is told as 1001, and one that is gone cannot be reached', async () => {
  total++;
  await using other = await Demo.start();
  await onPage(browser, other, { mayComplain: true }, async (page) => {
    await say(page, 'hello', 'HELLO');
    other.child.signal('SIGINT');
    await stateIs(page, /^Closed with 1001: the server is going away/);
    const { code, stdout } = await other.child.exit();
    assert.is(code, 0);
    assert.match(stdout, /Stopped: 1 session closed with 1001\.\n$/);
    assert.match(stdout, /page 1 +→ +text +5 +fin masked +"hello"/);
    await page.click('#reconnect');
    await stateIs(page, /^Closed with 1006/);
  });
  passed++;
});

// --- Keyboard --------------------------------------------------------------------------------------------------------

const tabStops = [
  ...['transform', 'conversation', 'text', 'send', 'pause', 'clear', 'scroll', 'flood', 'stop', 'polite', 'speed'],
  ...['close-code', 'reason', 'close', 'close-server', 'drop', 'reconnect', 'ping'],
];

/** Goes on by Tab until the element has the focus. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let presses = 0; presses <= tabStops.length + 2; presses++) {
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return;
    await page.keyboard.press('Tab');
  }
  assert.unreachable(`Tab never comes to #${id}`);
}

onItsPage('Tab visits everything in the order in which it is read, and one sees where one is', {}, async (page) => {
  const visited: string[] = [];
  for (const _ of tabStops) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const { activeElement: it } = document;
      const { outlineStyle, outlineWidth } = getComputedStyle(it ?? document.body);
      return { id: it?.id ?? '', isSeen: outlineStyle === 'solid' && Number.parseFloat(outlineWidth) >= 2 };
    });
    visited.push(at.id);
    assert.ok(at.isSeen, `one sees the focus on #${at.id}`);
  }
  assert.equal(visited, tabStops);
});

onItsPage('all of it works by keyboard alone', {}, async (page) => {
  await tabTo(page, 'transform');
  await page.keyboard.press('ArrowDown');
  await reads(page, '#code-transform', /^reverse$/);
  await tabTo(page, 'text');
  await page.keyboard.type('drawkcab');
  await page.keyboard.press('Enter');
  await heard(page, 'backward');
  await tabTo(page, 'speed');
  await page.keyboard.press('ArrowLeft');
  await page.locator('#speed-text[data-confirmed="4194304"]').waitFor();
  assert.is(await page.getAttribute('#speed', 'aria-valuetext'), '4 MiB a second');
  await page.keyboard.press('Home');
  await page.locator('#speed-text[data-confirmed="0"]').waitFor();
  await page.keyboard.press('End');
  await page.locator('#speed-text[data-confirmed="null"]').waitFor();
  await tabTo(page, 'flood');
  await page.keyboard.press('Enter');
  await fills(page, 'received', 20_971_200);
  await tabTo(page, 'close');
  await page.keyboard.press('Enter');
  await stateIs(page, /^Closed with 1000/);
  assert.is(await page.evaluate(() => document.activeElement?.id), 'close', 'the place is not lost');
  await tabTo(page, 'reconnect');
  await page.keyboard.press('Space');
  await stateIs(page, /^Open$/);
});

testLooks(onItsPage);
testSafety(onItsPage, () => demo.url);
testDeflate(counted, () => browser);

test.run();
