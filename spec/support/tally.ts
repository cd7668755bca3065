// What uvu says at the end of a file, as numbers.

/** The count behind a label: Total, Passed, Skipped; 0 where there is none. */
export function count(output: string, label: string): number {
  return Number(output.match(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'm'))?.[1] ?? 0);
}
