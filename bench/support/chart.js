// A chart of results as SVG: bars with their values, whiskers from the least to the most of the rounds, and colours of its own for a dark page.

import { BarChart, CustomChart } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { DARK, LIGHT } from './colors.js';
import { inDigits } from './result-table.js';
import { median } from './statistics.js';

use([BarChart, CustomChart, GridComponent, TitleComponent, SVGRenderer]);

const WIDTH = 760;
const MARGIN = 16;
const ROW = 26;
const BAR = 15;
const HEADING = 30;
/** A character of the names, at its widest in the fonts that are likely. */
const CHARACTER = 6.9;
// Without quotes, which would end the attribute that it is written into.
const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, DejaVu Sans, sans-serif';

/**
 * @typedef {object} Bar
 * @property {string} name
 * @property {number[]} values One of each round; none: it is said why instead.
 * @property {string} [missing]
 * @property {import('./colors.js').Color} color
 *
 * @typedef {object} Panel Bars that share an axis.
 * @property {string} [heading]
 * @property {Bar[]} bars
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} unit
 * @property {string[]} notes Small lines beneath: machine, versions, date.
 * @property {Panel[]} panels
 * @property {boolean} [isOneScale] The panels are compared with each other.
 */

/** @param {string} text @param {number} left @param {number} top @param {number} size @param {string} color */
function textAt(text, left, top, size, color, fontWeight = 'normal') {
  return { text, left, top, padding: 0, textStyle: { fontSize: size, color, fontWeight, fontFamily: FONT } };
}

/** How far an axis goes: to the whiskers, but one round that was disturbed does not flatten all bars. @param {readonly Bar[]} bars */
function lengthOf(bars) {
  const medians = bars.map(({ values }) => median(values));
  const most = Math.max(...bars.flatMap(({ values }) => values), 0);
  return Math.min(most, 1.5 * Math.max(...medians)) || 1;
}

/** The whisker of a bar, and its value behind both. @param {readonly Bar[]} bars @param {number} longest */
function valueRenderer(bars, longest) {
  return (/** @type {any} */ parameters, /** @type {any} */ api) => {
    const { values, missing } = /** @type {Bar} */ (bars[parameters.dataIndex]);
    const least = values.length === 0 ? 0 : Math.min(...values);
    const most = Math.min(values.length === 0 ? 0 : Math.max(...values), longest);
    const [from, y] = api.coord([least, parameters.dataIndex]);
    const [to] = api.coord([most, parameters.dataIndex]);
    const style = { stroke: LIGHT.whisker, lineWidth: 1.25 };
    const line = (/** @type {number[]} */ [x1, y1, x2, y2]) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style });
    const text = values.length === 0 ? (missing ?? 'no figure') : inDigits(median(values));
    const textStyle = {
      text,
      x: to + 8,
      y,
      verticalAlign: 'middle',
      fill: values.length === 0 ? LIGHT.quiet : LIGHT.text,
      font: `12px ${FONT}`,
    };
    const label = { type: 'text', style: textStyle };
    if (values.length < 2) return { type: 'group', children: [label] };
    const whisker = [line([from, y, to, y]), line([from, y - 4, from, y + 4]), line([to, y - 4, to, y + 4])];
    return { type: 'group', children: [...whisker, label] };
  };
}

/** @param {readonly Bar[]} bars @param {number} at Which panel it is. @param {number} longest @param {number} top @param {number} left */
function panelOption(bars, at, longest, top, left) {
  const axes = { xAxisIndex: at, yAxisIndex: at, silent: true };
  return {
    grid: { left, right: MARGIN, top, height: bars.length * ROW },
    // Room for a value behind the longest bar.
    xAxis: { type: 'value', gridIndex: at, min: 0, max: longest * 1.16, show: false },
    yAxis: {
      type: 'category',
      gridIndex: at,
      inverse: true,
      data: bars.map(({ name }) => name),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: LIGHT.line } },
      axisLabel: { color: LIGHT.text, fontSize: 12, fontFamily: FONT, interval: 0, margin: 8 },
    },
    series: [
      {
        type: 'bar',
        ...axes,
        barWidth: BAR,
        data: bars.map(({ values, color }) => ({
          value: values.length === 0 ? 0 : median(values),
          itemStyle: { color: LIGHT[color] },
        })),
      },
      {
        type: 'custom',
        ...axes,
        clip: false,
        z: 10,
        renderItem: valueRenderer(bars, longest),
        data: bars.map((_, index) => [0, index]),
      },
    ],
  };
}

/** The colours of a dark page, by those that the chart was drawn with. */
function darkStyle() {
  const rules = Object.entries(LIGHT).flatMap(([name, light]) => {
    const dark = DARK[/** @type {keyof typeof DARK} */ (name)];
    return [`[fill="${light}"]{fill:${dark}}`, `[stroke="${light}"]{stroke:${dark}}`];
  });
  return `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** The chart as SVG, the same for the same results. @param {Chart} chart */
export function chartSvg({ title, unit, notes, panels, isOneScale = false }) {
  const longest = isOneScale ? lengthOf(panels.flatMap(({ bars }) => bars)) : undefined;
  const names = panels.flatMap(({ bars }) => bars.map(({ name }) => name.length));
  const left = Math.max(110, Math.ceil(MARGIN + 8 + Math.max(...names) * CHARACTER));
  const texts = [
    textAt(title, MARGIN, 14, 16, LIGHT.text, 'bold'),
    textAt(`${unit}; less is better`, MARGIN, 38, 12, LIGHT.quiet),
  ];
  let top = 62;
  const options = panels.map((panel, at) => {
    if (panel.heading !== undefined) {
      texts.push(textAt(panel.heading, MARGIN, top + 6, 13, LIGHT.text, 'bold'));
      top += HEADING;
    }
    const option = panelOption(panel.bars, at, longest ?? lengthOf(panel.bars), top, left);
    top += panel.bars.length * ROW + 6;
    return option;
  });
  for (const note of notes) {
    texts.push(textAt(note, MARGIN, top + 6, 11, LIGHT.quiet));
    top += 16;
  }
  const chart = init(null, undefined, { renderer: 'svg', ssr: true, width: WIDTH, height: top + 14 });
  chart.setOption({
    animation: false,
    backgroundColor: LIGHT.background,
    title: texts,
    grid: options.map(({ grid }) => grid),
    xAxis: options.map(({ xAxis }) => xAxis),
    yAxis: options.map(({ yAxis }) => yAxis),
    series: options.flatMap(({ series }) => series),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // What it says to a script beside the chart, which there is none of; a class has the number of the chart in this process.
  const plain = svg
    .replaceAll(/ (ecmeta_\w+|class|pointer-events)="[^"]*"/g, '')
    // An area around each title that nobody sees.
    .replaceAll(/<path [^>]*fill-opacity="0"[^>]*stroke-width="0"[^>]*><\/path>\n?/g, '')
    .replace(/<style >.*?<\/style>\s*/s, '');
  return `${plain}\n`.replace(/^<svg[^>]*>/, (open) => `${open}\n<title>${escaped(title)}</title>\n${darkStyle()}`);
}
