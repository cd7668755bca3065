// Writes README.md and the charts from a report. The charts need their library, which is installed with the rivals.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chartSvg } from './chart.js';
import { chartsOf } from './charts.js';
import { chartNotes, pageOf } from './report.js';

const page = fileURLToPath(new URL('../README.md', import.meta.url));
const folder = fileURLToPath(new URL('../charts/', import.meta.url));

/**
 * @param {import('./report.js').Report} report
 * @param {Readonly<Record<string, string>>} abouts How each of the measurements is made.
 * @returns {string[]} What was written.
 */
export function writePage(report, abouts) {
  writeFileSync(page, pageOf(readFileSync(page, 'utf8'), report, abouts));
  mkdirSync(folder, { recursive: true });
  const charts = chartsOf(report.results, chartNotes(report));
  return [
    page,
    ...charts.map((chart) => {
      const file = `${folder}${chart.name}.svg`;
      writeFileSync(file, chartSvg(chart));
      return file;
    }),
  ];
}
