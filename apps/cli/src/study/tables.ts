/** What a summary over seeds says, as tables: for a terminal, and for a file in Markdown. */
import { type ArmSummary, type Interval, type PieceSummary, type QualityRow } from '@immiscible/trainer';
import { change, count, list, milliseconds, plural, share, significant } from '../format.ts';
import { type Colors } from '../io.ts';
import { renderTable } from '../table.ts';

/** What tables and figures of quality at the end of training need of a summary. */
export type QualityView = Pick<
  PieceSummary,
  'name' | 'seeds' | 'quality' | 'features' | 'floor' | 'slicedFloor' | 'baseline'
> & { readonly arms: readonly { readonly name: string }[] };

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** `6.60 [5.45, 7.75]`; the mean alone where there is one seed */
function withEnds({ mean, low, high }: Interval, text: (value: number) => string): string {
  return low === undefined || high === undefined ? text(mean) : `${text(mean)} [${text(low)}, ${text(high)}]`;
}

/** `−26 % [−47 %, +3.2 %]` */
export function changeText(interval: Interval | undefined): string {
  return interval === undefined ? '' : withEnds(interval, change);
}

function sortedSteps(rows: readonly { readonly samplingSteps: number }[]): number[] {
  return [...new Set(rows.map(({ samplingSteps }) => samplingSteps))].sort((a, b) => a - b);
}

/** One row a number of sampling steps, a column an arm, and a column for each arm beside the baseline. */
function qualityTable(
  { arms, quality, baseline }: QualityView,
  title: string,
  value: (row: QualityRow) => Interval | undefined,
  against: (row: QualityRow) => Interval | undefined,
): Table {
  const treated = baseline === undefined ? [] : arms.filter(({ name }) => name !== baseline);
  const at = (arm: QualityView['arms'][number], steps: number): QualityRow | undefined =>
    quality.find((row) => row.arm === arm.name && row.samplingSteps === steps);
  return {
    title,
    head: [
      'sampling steps',
      ...arms.map(({ name }) => name),
      ...treated.map(({ name }) => `${name}, change`),
    ],
    rows: sortedSteps(quality).map((steps) => [
      String(steps),
      ...arms.map((arm) => {
        const row = at(arm, steps);
        const interval = row && value(row);
        return interval === undefined ? '' : withEnds(interval, (v) => significant(v));
      }),
      ...treated.map((arm) => {
        const row = at(arm, steps);
        return changeText(row && against(row));
      }),
    ]),
  };
}

/** Training images to a quality: means over the seeds that come there, and how many do not. */
export function thresholdTable({ arms, thresholds, baseline, seeds }: PieceSummary): Table {
  const treated = baseline === undefined ? [] : arms.filter(({ name }) => name !== baseline);
  const goals = [...new Set(thresholds.map(({ samplingSteps, goal }) => `${samplingSteps} ${goal}`))];
  return {
    title: 'Training images to a Fréchet distance',
    head: [
      'sampling steps',
      'Fréchet distance',
      ...arms.map(({ name }) => name),
      ...treated.map(({ name }) => `${name}, change`),
    ],
    rows: goals.map((key) => {
      const rows = thresholds.filter(({ samplingSteps, goal }) => `${samplingSteps} ${goal}` === key);
      const of = (arm: ArmSummary): (typeof rows)[number] | undefined =>
        rows.find((row) => row.arm === arm.name);
      return [
        String(rows[0]!.samplingSteps),
        significant(rows[0]!.goal),
        ...arms.map((arm) => {
          const row = of(arm);
          if (row === undefined || row.reached === 0) return 'not reached';
          const images = row.images.filter((value) => value !== null);
          const mean = images.reduce((sum, value) => sum + value, 0) / images.length;
          const some = row.reached < seeds.length ? ` (${row.reached} of ${seeds.length})` : '';
          return `${row.atMost.includes(true) ? '≤ ' : ''}${count(mean)}${some}`;
        }),
        ...treated.map((arm) => {
          const row = of(arm);
          if (row?.change === undefined) return '–';
          const some = row.change.count < seeds.length ? ` (${row.change.count} of ${seeds.length})` : '';
          return `${changeText(row.change)}${some}`;
        }),
      ];
    }),
  };
}

/** Quality at the end of training: by Fréchet distance, and by sliced Wasserstein distance where it was measured. */
export function qualityTables(piece: QualityView): Table[] {
  const { quality, features, floor, slicedFloor } = piece;
  const frechet = qualityTable(
    piece,
    `Fréchet distance in ${features} features (real images: ${significant(floor)})`,
    (row) => row.frechet,
    ({ against }) => against?.change,
  );
  if (!quality.some(({ slicedWasserstein }) => slicedWasserstein)) return [frechet];
  const sliced = qualityTable(
    piece,
    `Sliced Wasserstein distance of pixels (real images: ${significant(slicedFloor ?? NaN)})`,
    ({ slicedWasserstein }) => slicedWasserstein,
    ({ slicedAgainst }) => slicedAgainst?.change,
  );
  return [frechet, sliced];
}

/** Every table of a setting. */
export function tablesOf(piece: PieceSummary): Table[] {
  const { thresholds, arms } = piece;
  const tables = qualityTables(piece);
  if (thresholds.length > 0) tables.push(thresholdTable(piece));
  tables.push({
    title: 'What assignment does to the pairs, and what a step takes',
    head: ['arm', 'method', 'metric', 'distance cut', 'a step'],
    rows: arms.map(({ name, assignment, distanceCut, secondsPerStep }) => [
      name,
      assignment.method,
      assignment.method === 'identity' ? '' : assignment.metric,
      withEnds(distanceCut, share),
      milliseconds(1000 * secondsPerStep),
    ]),
  });
  return tables;
}

/** What was compared, in one sentence. */
export function settingText(piece: PieceSummary): string {
  const { seeds, dataset, parameters, steps, batchSize, images, objective, scheduler, samples } = piece;
  return (
    `${dataset}; ${objective}, ${scheduler}; ${count(parameters)} parameters; ${plural(steps, 'step')} of ${batchSize}, ` +
    `${count(images)} images; ${count(samples)} samples a measurement; ${seeds.length === 1 ? 'seed' : 'seeds'} ${list(seeds)}`
  );
}

/** How to read the numbers, once for all tables. */
export const READING =
  'Means over seeds with 95 % confidence intervals (Student’s t). A change compares arms of the same seed with the baseline: ' +
  'the geometric mean of their ratios, less 1; negative is better. Fréchet distances here are not the FID, which has other features.';

function markdownTable({ title, head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `**${title}**`,
    '',
    line(head),
    line(head.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map(line),
  ].join('\n');
}

/** @returns a section of Markdown */
export function markdownOf(piece: PieceSummary): string {
  return [`## ${piece.name}`, settingText(piece), ...tablesOf(piece).map(markdownTable)].join('\n\n');
}

/** @returns several lines, without a newline at the end */
export function terminalOf(piece: PieceSummary, colors: Colors): string {
  return [
    `${colors.bold(piece.name)}\n${colors.dim(settingText(piece))}`,
    ...tablesOf(piece).map(({ title, head, rows }) => `${title}\n${renderTable(head, rows, colors)}`),
  ].join('\n\n');
}
