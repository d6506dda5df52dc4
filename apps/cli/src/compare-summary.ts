/** The tables that end a comparison on a terminal. */
import { type CompareReport, type Quality } from '@immiscible/trainer';
import { findingOf, toneOf } from './report/finding.ts';
import { bytes, change, count, duration, list, milliseconds, share, significant } from './format.ts';
import { type Colors } from './io.ts';
import { renderTable } from './table.ts';

/** @returns several lines, without a newline at the end */
export function summarizeComparison(report: CompareReport, colors: Colors): string {
  const { arms, floor } = report;
  const numbers = Object.keys(arms[0]?.frechet ?? {});
  const finding = findingOf(report);
  const head = ['sampling steps', ...numbers];
  const rows = (
    values: (arm: CompareReport['arms'][number]) => Readonly<Record<string, number>>,
  ): string[][] => arms.map((arm) => [arm.name, ...numbers.map((n) => significant(values(arm)[n] ?? NaN))]);
  const frechet = rows((arm) => arm.frechet);
  if (finding.pair) {
    const changes = finding.changes.map(({ change: value }) => {
      const paint = { good: colors.green, bad: colors.red, plain: String }[toneOf(value)];
      return paint(change(value));
    });
    frechet.push([colors.dim('change'), ...changes]);
  }
  const last = (values: readonly { readonly loss: number }[]): string =>
    significant(values.at(-1)?.loss ?? NaN);
  return [
    colors.bold(finding.headline),
    ...finding.details.map((line) => colors.dim(line)),
    '',
    `Fréchet distance in ${report.features} features; real images among themselves: ${significant(floor.mean)} ± ${significant(floor.standardDeviation, 2)}`,
    renderTable(head, frechet, colors),
    '',
    'Precision and recall',
    renderTable(
      head,
      arms.map((arm) => [
        arm.name,
        ...numbers.map(
          (n) => `${(arm.precision[n] ?? NaN).toFixed(2)} / ${(arm.recall[n] ?? NaN).toFixed(2)}`,
        ),
      ]),
      colors,
    ),
    ...pointTables(report, numbers, colors),
    '',
    renderTable(
      ['arm', 'distance cut', 'last loss', 'a step', 'images/s', 'training'],
      arms.map((arm) => [
        arm.name,
        share(arm.distanceReduction),
        last(arm.loss),
        milliseconds(1000 * arm.secondsPerStep),
        count(arm.images / arm.steps / arm.secondsPerStep),
        duration(arm.trainingSeconds),
      ]),
      colors,
    ),
    ...skipped(report).map((line) => colors.dim(line)),
    '',
    colors.dim(
      `${duration(report.seconds)} in all, ${bytes(report.peakMemoryBytes)} of memory; ${report.device}`,
    ),
  ].join('\n');
}

/** `7/8, 93 %`: modes with samples, and the share of samples that are in a mode. */
export function modesText(modes: NonNullable<Quality['points']>['modes']): string {
  return modes ? `${modes.covered}/${modes.of}, ${share(modes.inReach)}` : '–';
}

/** Of points in the plane: the exact distance, and the modes that have samples. */
function pointTables({ arms, pointsFloor }: CompareReport, numbers: string[], colors: Colors): string[] {
  if (pointsFloor === undefined) return [];
  const head = ['sampling steps', ...numbers];
  const points = arms.map(({ name, measurements }) => ({
    name,
    at: numbers.map((steps) => measurements.at(-1)?.quality[steps]?.points),
  }));
  const distances = points.map(({ name, at }) => [
    name,
    ...at.map((quality) => significant(quality?.wasserstein2 ?? NaN)),
  ]);
  const modes = points.map(({ name, at }) => [name, ...at.map((quality) => modesText(quality?.modes))]);
  const table = (title: string, rows: string[][]): string[] => ['', title, renderTable(head, rows, colors)];
  return [
    ...table(`Wasserstein-2 distance; real points among themselves: ${significant(pointsFloor)}`, distances),
    ...(points.some(({ at }) => at.some((quality) => quality?.modes))
      ? table('Modes with samples, and the share of samples that are in a mode', modes)
      : []),
  ];
}

/** What float16 cost, where it was used. */
function skipped({ arms }: CompareReport): string[] {
  const counts = arms.flatMap(({ name, skippedSteps }) =>
    skippedSteps === undefined ? [] : [`${count(skippedSteps)} of ${name}`],
  );
  return counts.length === 0 ? [] : [`Steps skipped, where float16 overflowed: ${list(counts)}`];
}
