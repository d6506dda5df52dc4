/** The kernels suite's report as plain text. */
import Table from 'cli-table3';
import { type KernelsBenchReport, type KernelsColumn } from './kernels.ts';

/** A column of GFLOP/s for everyone measured, with the share of the ceiling where that is known. */
export function formatKernelsBench({ node, rounds, columns, rows, skipped }: KernelsBenchReport): string {
  const notes: string[] = [];
  const cell = (
    value: number | string | undefined,
    { ceiling, name }: KernelsColumn,
    row: string,
  ): string => {
    if (value === undefined) return '–';
    if (typeof value === 'string') {
      notes.push(`${name}, ${row}: ${value.split('\n')[0]}`);
      return '–';
    }
    const share = ceiling === null ? '' : ` (${((100 * value) / ceiling).toFixed(0)} %)`;
    return `${value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en')}${share}`;
  };
  const table = new Table({
    head: ['GFLOP/s', ...columns.map(({ name }) => name)],
    style: { head: [], border: [] },
  });
  for (const { name, gflops } of rows) {
    table.push([name, ...columns.map((column) => cell(gflops[column.name], column, name))]);
  }
  return [
    `Products and convolutions in float32; medians of ${rounds} interleaved rounds; Node ${node}`,
    ...columns.map(({ name, description, ceiling }) => {
      const best =
        ceiling === null ? '' : `; multiply-adds alone ${Math.round(ceiling).toLocaleString('en')} GFLOP/s`;
      return `${name}: ${description}${best}`;
    }),
    table.toString(),
    ...notes.map((note) => `not measured: ${note}`),
    ...skipped.map((what) => `skipped: ${what}`),
  ].join('\n');
}
