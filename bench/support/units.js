// Numbers as people read them, and a table for the terminal that is a table in README.md too.

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/** @param {number} bytes */
export function inMiB(bytes) {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

/** @param {number} bytes */
export function inBytes(bytes) {
  if (bytes >= GiB) return `${bytes / GiB} GiB`;
  if (bytes >= MiB) return `${bytes / MiB} MiB`;
  return bytes >= KiB ? `${bytes / KiB} KiB` : `${bytes} B`;
}

/** @param {number} milliseconds */
export function inMilliseconds(milliseconds) {
  return `${milliseconds.toFixed(2)} ms`;
}

/**
 * A table in Markdown that is one in the terminal too.
 *
 * @param {readonly string[]} headings
 * @param {readonly (readonly string[])[]} rows
 */
export function toTable(headings, rows) {
  const widths = headings.map((heading, at) => Math.max(heading.length, ...rows.map((row) => (row[at] ?? '').length)));
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(headings), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}

/**
 * Prints rows under their headings.
 *
 * @param {readonly string[]} headings
 * @param {readonly (readonly string[])[]} rows
 */
export function printTable(headings, rows) {
  console.log(`\n${toTable(headings, rows)}`);
  console.log(`\nNode ${process.version}, ${process.platform} ${process.arch}`);
}

/**
 * Prints how far something is, over the line before where it is a terminal. It goes to standard error: what is on standard output are the tables.
 *
 * @param {string} text
 */
export function printProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else console.error(text);
}

/**
 * A number from the environment.
 *
 * @param {string} name
 * @param {number} usual
 */
export function setting(name, usual) {
  const value = Number(process.env[name] ?? usual);
  if (!(value > 0)) throw new RangeError(`${name} is no positive number`);
  return value;
}
