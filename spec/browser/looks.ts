// How the page looks: by day and by night, on a phone and on a desktop.

import * as assert from 'uvu/assert';
import { type OnItsPage, reads, say, shoot, stateIs } from './demo-page.ts';
import { contrasts, smallTargets, sticksOut } from './look.ts';

export function testLooks(onItsPage: OnItsPage): void {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, width, height] of [
      ['desktop', 1366, 900],
      ['phone', 360, 740],
    ] as const) {
      onItsPage(
        `it can be read in ${colorScheme} on a ${name}: contrast, size of targets, no scrolling sideways`,
        { colorScheme, viewport: { width, height } },
        async (page) => {
          await say(page, 'good morning', 'GOOD MORNING');
          await page.selectOption('#transform', 'reverse');
          await reads(page, '#code-transform', /^reverse$/);
          await say(page, 'streams all the way', 'yaw eht lla smaerts');
          await say(page, 'w'.repeat(300), 'w'.repeat(300));
          await page.click('#ping');
          await page.waitForFunction(() => document.querySelectorAll('#rows tr').length >= 8);
          await page.mouse.move(0, 0);
          const seen = await contrasts(page);
          assert.ok(seen.length > 60);
          assert.equal(
            seen.filter(({ ratio }) => ratio < 4.5),
            [],
          );
          assert.equal(await smallTargets(page), []);
          assert.equal(await sticksOut(page), []);
          await shoot(page, `${name}-${colorScheme}`);
          await page.click('#close');
          await stateIs(page, /^Closed/);
          assert.equal(
            (await contrasts(page)).filter(({ ratio }) => ratio < 4.5),
            [],
          );
          assert.equal(await sticksOut(page), []);
        },
      );
    }
  }

  onItsPage('light and dark differ in the colours of the ground, the cards and the text', {}, async (page) => {
    const seen: string[][] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      seen.push(
        await page.evaluate(() =>
          ['body', '.card', '.primary'].flatMap((selector) => {
            const { backgroundColor, color } = getComputedStyle(document.querySelector(selector) as Element);
            return [backgroundColor, color];
          }),
        ),
      );
    }
    const [light = [], dark = []] = seen;
    assert.is(light.length, 6);
    for (const [index, colour] of light.entries()) assert.is.not(colour, dark[index]);
  });

  onItsPage('who wants no motion gets none', { reducedMotion: 'reduce' }, async (page) => {
    const durations = await page.evaluate(() =>
      [...document.querySelectorAll('*')].map((it) => getComputedStyle(it).transitionDuration),
    );
    assert.equal([...new Set(durations)], ['0s']);
  });

  onItsPage('nothing sticks out at any width from 320 pixels on', {}, async (page) => {
    for (const width of [320, 360, 480, 639, 641, 800, 1023, 1025, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      assert.equal(await sticksOut(page), [], `at ${width}`);
    }
  });
}
