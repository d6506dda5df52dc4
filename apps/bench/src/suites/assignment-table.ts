/** The assignment suite's result as plain text: what an assignment costs and gains, then everybody's solving. */
import { table } from '../format.ts';
import { type AssignmentBenchResult, type AssignmentBenchRow, PAPER } from './assignment.ts';
import { AUTO, DENSE } from './assignment-solvers.ts';

/** What this machine's best peer in C++ is compared as; munkres is JavaScript, SciPy has a column of its own. */
const COMPILED_PEERS = ['lap', 'lapx', 'lapjv'];

/** How often as long as ours others took for the same matrix; null where nobody was measured. */
export interface Ratios {
  readonly scipy: number | null;
  readonly bestCompiled: number | null;
  readonly dense: number | null;
}

function ratiosOf({ solvers }: AssignmentBenchRow): Ratios {
  const ours = solvers[AUTO]?.milliseconds ?? NaN;
  const ratio = (names: readonly string[]): number | null => {
    const times = names.flatMap((name) => solvers[name]?.milliseconds ?? []);
    return times.length === 0 ? null : Math.min(...times) / ours;
  };
  return { scipy: ratio(['SciPy']), bestCompiled: ratio(COMPILED_PEERS), dense: ratio([DENSE]) };
}

/** A title for a family's rows, with the scaling that its reductions depend on. */
export function titleOf({ family, name, vectors }: AssignmentBenchRow): string {
  const scaling = vectors ? `, ${vectors.scaling}` : '';
  return `${name}${scaling}${family === 'f16' ? ', float16 costs' : ''}`;
}

/** Tables for a terminal; ends with a line break. */
export function formatAssignmentBench(result: AssignmentBenchResult): string {
  const { rows, node, repeats, solvers, skipped, disagreements, interrupted } = result;
  const known = solvers.map(({ name, version, precision }) => `${name} (${version}, ${precision})`);
  const lines = [
    `Noise assignment; medians of ${repeats} turns, all in turn on the same matrices, after untimed ones; Node ${node}`,
    `Solvers, one thread each: ${known.join(', ')}`,
    ...skipped.map((what) => `Skipped: ${what}`),
  ];
  if (interrupted) lines.push('Interrupted: these rows were complete.');
  if (rows.some(({ vectors }) => vectors !== null)) lines.push('', ...wholeAssignment(rows));
  if (rows.length > 0) lines.push('', ...solving(rows, solvers));
  if (disagreements.length > 0) lines.push('', 'THE COSTS DISAGREE:', ...disagreements);
  else if (rows.length > 0)
    lines.push('Costs agree in float64, to the rounding of solvers that compute in float32.');
  return `${lines.join('\n')}\n`;
}

const ms = (value: number | null | undefined): string =>
  value === null || value === undefined
    ? '–'
    : value < 10
      ? value.toPrecision(3)
      : value.toFixed(value < 100 ? 1 : 0);
const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : `${(100 * value).toFixed(2).replace('-', '−')} %`;
const times = (value: number | null): string =>
  value === null ? '–' : `${value.toFixed(value < 10 ? 2 : 1)}×`;

/** Distances, rounding and solving of images and noise, beside the paper. */
function wholeAssignment(rows: readonly AssignmentBenchRow[]): string[] {
  const head = [
    'images',
    'batch',
    'distances\none thread',
    '\nall threads',
    '\nmatmul',
    'rounding\nms',
    'solving\nms',
    'all\nms',
    'paper\nms',
    'distance\nchange',
    '\npaper',
  ];
  const cells = rows.flatMap((row) => {
    if (row.vectors === null) return [];
    const { dimensions, times: took, reduction } = row.vectors;
    const speed = (milliseconds: number): string =>
      (Math.round((2 * row.size ** 2 * dimensions) / milliseconds / 1e5) / 10).toFixed(1);
    const solve = row.solvers[AUTO]?.milliseconds ?? NaN;
    const paper = row.family === 'latents' ? undefined : PAPER[row.size]; // the paper's are of CIFAR-10's size
    return [
      [
        titleOf(row),
        String(row.size),
        `${ms(took.oneThread)} (${speed(took.oneThread)})`,
        `${ms(took.allThreads)} (${speed(took.allThreads)})`,
        took.matmul === null ? '–' : `(${speed(took.matmul)})`,
        ms(took.quantise),
        ms(solve),
        ms(took.allThreads + (took.quantise ?? 0) + solve),
        ms(paper?.milliseconds),
        percent(reduction),
        percent(paper?.reduction),
      ],
    ];
  });
  return [
    'Images and N(0, I), L2: ms (GFLOP/s); matmul: ONNX Runtime, all threads; all: the threads’ distances, rounding, solving.',
    'Paper: Table 2, one A6000, float16 costs. Its reductions are those of images at unit variance.',
    table(head, cells),
  ];
}

/** Everybody's solving, and how many times as long as ours it took. */
function solving(rows: readonly AssignmentBenchRow[], solvers: AssignmentBenchResult['solvers']): string[] {
  const names = solvers.map(({ name }) => name);
  const head = [
    'costs',
    'batch',
    ...names,
    'SciPy\n/ ours',
    'best C++\n/ ours',
    'dense JV\n/ ours',
    'proved',
  ];
  const cells = rows.map((row) => {
    const { scipy, bestCompiled, dense } = ratiosOf(row);
    return [
      row.family,
      String(row.size),
      ...names.map((name) => {
        const time = row.solvers[name];
        return `${ms(time?.milliseconds)}${time?.slow === true ? '¹' : ''}`;
      }),
      times(scipy),
      times(bestCompiled),
      times(dense),
      row.exact ? 'yes' : 'NO',
    ];
  });
  return [
    'Solving alone, ms, ours with its certificate. ¹: one turn only; –: would have taken too long (--limit).',
    table(head, cells),
  ];
}
