/** Benchmark results as tables for a terminal. */
import Table from 'cli-table3';
import { type DataBenchReport } from './suites/data.ts';
import { type StepBenchReport } from './suites/step.ts';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const result = new Table({ head: [...head], style: { head: [], border: [] } });
  result.push(...rows.map((row) => [...row]));
  return result.toString();
}

/** @returns lines for a terminal */
export function formatDataBench({ node, rows }: DataBenchReport): string {
  const cells = rows.map((row) => [
    row.set,
    row.shape,
    String(row.batchSize),
    row.medianMs.toFixed(2),
    row.p95Ms.toFixed(2),
    row.maxMs.toFixed(1),
    Math.round(row.imagesPerSecond).toLocaleString('en'),
    Math.round(row.openMs).toLocaleString('en'),
  ]);
  const head = ['set', 'shape', 'batch', 'median ms', 'p95 ms', 'max ms', 'images/s', 'open ms'];
  return `Loading batches, shuffled and flipped, once warm; Node ${node}\n${table(head, cells)}`;
}

const torchNames = { f32: 'PyTorch', tf32: 'PyTorch TF32', f16: 'PyTorch f16' } as const;

/** @returns lines for a terminal */
export function formatStepBench(report: StepBenchReport): string {
  const modes = [...new Set(report.rows.flatMap(({ pytorch }) => pytorch.map(({ mode }) => mode)))];
  const columns = modes.length > 0 ? modes : (['f32'] as const);
  const cells = report.rows.map((row) => [
    row.network,
    row.precision,
    row.parameters.toLocaleString('en'),
    row.shape.join('×'),
    row.ours.toFixed(1),
    ...columns.flatMap((mode) => {
      const peer = row.pytorch.find((one) => one.mode === mode);
      return peer ? [peer.milliseconds.toFixed(1), peer.ratio.toFixed(2)] : ['–', '–'];
    }),
    row.compileMilliseconds.toFixed(0),
  ]);
  const peers = columns.flatMap((mode) => [`${torchNames[mode]} ms`, `ours / ${torchNames[mode]}`]);
  const head = ['network', 'in', 'parameters', 'batch', 'ours ms', ...peers, 'compile ms'];
  return [
    'A training step: forward, backward, clip, Adam, moving average; medians of interleaved rounds',
    `${report.device}; Node ${report.node}; PyTorch ${report.pytorch}; ${report.rounds} rounds`,
    table(head, cells),
    ...report.skipped.map((reason) => `not measured: ${reason}`),
    `peak memory of this process: ${(report.peakMemoryBytes / 2 ** 30).toFixed(2)} GiB`,
  ].join('\n');
}
