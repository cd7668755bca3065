// Whether charts of made-up results show all that is in them, in light and in dark.

import { chartSvg } from './chart.js';
import { chartKinds, chartsOf } from './charts.js';
import { DARK, LIGHT } from './colors.js';
import { inDigits } from './result-table.js';
import { median } from './statistics.js';
import { xmlFault } from './xml.js';

const names = ['millrace', 'millrace, pipeTo', 'ws with add-ons', 'a < b & "c"', 'bare TCP'];

/** A result of each case that a chart asks for, with figures of its own. */
function madeUp() {
  const connections = ['1 connection', '8 connections', '64 connections', '1,000 connections', '10,000 connections'];
  const titles = ['64 B', '16 KiB', '1 MiB'].flatMap((size) =>
    [1, 16].flatMap((inFlight) => connections.map((each) => `${size}, ${inFlight} in flight, ${each}`)),
  );
  let value = 0.37;
  const entries = () =>
    names.map((name) => {
      value *= 1.061;
      return { name, values: [value, value * 1.02, value * 0.97] };
    });
  const sections = ['echo', 'idle-memory', 'growth', 'client'];
  return sections.flatMap((section) =>
    ['node24', 'bun', 'deno'].flatMap((group) =>
      titles.map((title) => ({ section, group, title, unit: 'us of CPU a message', entries: entries() })),
    ),
  );
}

/** How well a colour is told from another one (WCAG 2, relative luminance). @param {string} one @param {string} other */
function contrast(one, other) {
  const [least = 0, most = 0] = [one, other]
    .map((color) => {
      const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
        const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    })
    .sort((first, second) => first - second);
  return (most + 0.05) / (least + 0.05);
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** @param {import('./chart.js').Chart} chart @returns {string | undefined} */
function faultOf(chart) {
  const svg = chartSvg(chart);
  const fault = xmlFault(svg);
  if (fault !== undefined) return fault;
  if (chartSvg(chart) !== svg) return 'the same results give another file';
  const texts = new Set([...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text));
  const bars = chart.panels.flatMap((panel) => panel.bars);
  const figures = bars.map(({ values }) => inDigits(median(values)));
  const headings = chart.panels.flatMap(({ heading }) => heading ?? []);
  const shown = [chart.title, ...chart.notes, ...headings, ...bars.map(({ name }) => name), ...figures];
  const missing = shown.find(
    (text) => !texts.has(text) && !texts.has(escaped(text)) && !texts.has(escaped(text).replaceAll('&quot;', '"')),
  );
  if (missing !== undefined) return `"${missing}" is not in it`;
  const [, dark] = /@media \(prefers-color-scheme:dark\)\{(.*?)\}<\/style>/s.exec(svg) ?? [];
  const colors = new Set([...svg.matchAll(/ (?:fill|stroke)="(#[\da-f]{6})"/g)].map(([, color]) => color));
  const undecided = [...colors].find((color) => !dark?.includes(`[fill="${color}"]`));
  return undecided === undefined ? undefined : `${undecided} has no colour on a dark page`;
}

/** @returns {{ name: string, fault?: string | undefined }[]} */
export function checkCharts() {
  const charts = chartsOf(madeUp(), ['A note & another one', '2 cores']);
  const contrasts = [LIGHT, DARK].flatMap((colors) =>
    /** @type {const} */ (['text', 'quiet']).map((name) => ({
      name: `charts: ${name} in ${colors[name]} is readable`,
      fault: contrast(colors[name], colors.background) >= 4.5 ? undefined : 'too little contrast',
    })),
  );
  return [
    {
      name: 'charts: there are results for each',
      fault: charts.length === chartKinds.length ? undefined : `${charts.length}`,
    },
    ...charts.map((chart) => ({ name: `charts: ${chart.name}`, fault: faultOf(chart) })),
    ...contrasts,
  ];
}
