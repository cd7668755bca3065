// The matrix as it is printed.

/** What a cell says: where there is none, the row does not have that column. */
export interface CellResult {
  readonly passed: number;
  readonly failed: number;
  readonly milliseconds: number;
}

function toText(cell: CellResult | undefined): string {
  if (cell === undefined) return '';
  const counts = cell.failed === 0 ? `${cell.passed}` : `${cell.failed}/${cell.passed}`;
  return `${counts} ${Math.ceil(cell.milliseconds / 1000)}s`;
}

/** Writes the matrix: a line a row, in each cell `passed` or `failed/passed`, and the seconds. A row that has none of the columns is left out. */
export function toTable(
  rows: readonly string[],
  columns: readonly string[],
  cellOf: (row: string, column: string) => CellResult | undefined,
): string {
  const lines = [
    ['', ...columns],
    ...rows
      .filter((row) => columns.some((column) => cellOf(row, column) !== undefined))
      .map((row) => [row, ...columns.map((column) => toText(cellOf(row, column)))]),
  ];
  const widths = lines[0]?.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line.map((text, index) => (index === 0 ? text.padEnd : text.padStart).call(text, widths[index] ?? 0)),
    )
    .map((line) => line.join('  ').trimEnd())
    .join('\n');
}
