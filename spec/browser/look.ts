// How a page looks, measured in the browser: contrasts, sizes of what one presses, what sticks out.

import type { Page } from 'playwright-core';

/** A text and its contrast with what is behind it. */
export interface Contrast {
  readonly text: string;
  readonly ratio: number;
}

/** The contrasts of all texts that are seen, as WCAG 2 counts them. */
export function contrasts(page: Page): Promise<Contrast[]> {
  return page.evaluate(() => {
    const parse = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (colour: string): number => {
      const [red = 0, green = 0, blue = 0] = parse(colour).map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const behind = (element: Element | null): string => {
      for (let it = element; it !== null; it = it.parentElement) {
        const { backgroundColor } = getComputedStyle(it);
        if ((parse(backgroundColor)[3] ?? 1) > 0) return backgroundColor;
      }
      return 'rgb(255, 255, 255)';
    };
    const found: { text: string; ratio: number }[] = [];
    for (const element of document.body.querySelectorAll('*')) {
      const text = [...element.childNodes]
        .filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
        .map((it) => it.nodeValue);
      const label = text.join('').trim();
      if (label === '' || !element.checkVisibility() || element.closest('noscript, option, .hidden') !== null) continue;
      const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      found.push({ text: label.slice(0, 40), ratio });
    }
    return found;
  });
}

/** What one presses and what is too small for a finger: under 40 pixels. */
export function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, select, input')]
      .map((it) => it.closest<HTMLElement>('label') ?? it)
      .filter((it) => it.getBoundingClientRect().height < 40 || it.getBoundingClientRect().width < 40)
      .map((it) => it.outerHTML.slice(0, 80)),
  );
}

/** The elements that stick out of the window to the right, but for those in what scrolls by itself. */
export function sticksOut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    const wide = [...document.body.querySelectorAll('*')].filter(
      (it) => it.closest('table, .hidden') === null && it.getBoundingClientRect().right > clientWidth + 0.5,
    );
    const names = wide.map((it) => `${it.tagName} ${it.className}`);
    return scrollWidth > clientWidth ? [`the page is ${scrollWidth} wide, the window ${clientWidth}`, ...names] : names;
  });
}
