/** The assignment suite's result as plain text. */
import { type AssignmentBenchResult, type AssignmentBenchRow } from './assignment.ts';

interface Column {
  readonly head: readonly [string, string];
  readonly cell: (row: AssignmentBenchRow) => string;
}

const ms = (value: number | null | undefined): string =>
  value === null || value === undefined ? '-' : value.toFixed(value < 100 ? 2 : 0);
const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? '-' : `${(100 * value).toFixed(2)} %`;

const COLUMNS: readonly Column[] = [
  { head: ['', 'batch'], cell: (row) => String(row.size) },
  { head: ['distance', 'ms'], cell: (row) => ms(row.distanceMs) },
  { head: ['quantise', 'ms'], cell: (row) => ms(row.quantiseMs) },
  { head: ['solve f16', 'ms'], cell: (row) => ms(row.solveMs) },
  { head: ['paper, all', 'ms'], cell: (row) => ms(row.paper?.milliseconds) },
  { head: ['sparse core', 'f32, ms'], cell: (row) => ms(row.solversMs['sparse-core']) },
  { head: ['dense JV', 'f32, ms'], cell: (row) => ms(row.solversMs['jonker-volgenant']) },
  { head: ['SciPy', 'f32, ms'], cell: (row) => ms(row.scipyMs) },
  { head: ['distance', 'f32'], cell: (row) => percent(row.reduction) },
  { head: ['distance', 'f16'], cell: (row) => percent(row.reductionF16) },
  { head: ['distance', 'paper'], cell: (row) => percent(row.paper?.reduction) },
  { head: ['proved', 'exact'], cell: (row) => (row.exact ? 'yes' : 'NO') },
];

/** A table for each kind of images and scaling, columns right-aligned; ends with a line break. */
export function formatAssignmentBench(result: AssignmentBenchResult): string {
  const scipy =
    'version' in result.scipy ? `SciPy ${result.scipy.version}` : `SciPy skipped: ${result.scipy.skipped}`;
  const lines = [
    `Noise assignment, 3×32×32 images against N(0, I), L2; medians of ${result.repeats}; Node ${result.node}; ${scipy}`,
    'Paper: Table 2, one A6000, float16. Its reductions are those of images of unit variance.',
  ];
  const groups = new Map<string, AssignmentBenchRow[]>();
  for (const row of result.rows) {
    const title = `${row.images}, ${row.scaling}`;
    groups.set(title, [...(groups.get(title) ?? []), row]);
  }
  for (const [title, rows] of groups) {
    const cells = COLUMNS.map(({ head, cell }) => [...head, ...rows.map(cell)]);
    const widths = cells.map((column) => Math.max(...column.map((text) => text.length)));
    lines.push('', title);
    for (let line = 0; line < rows.length + 2; line++) {
      lines.push(cells.map((column, c) => (column[line] ?? '').padStart(widths[c] ?? 0)).join('  '));
    }
  }
  return `${lines.join('\n')}\n`;
}
