/** `immiscible analyze steps`: quality by number of sampling steps (the paper's table 4 and figure 5). */
import { join } from 'node:path';
import {
  type CompareReport,
  isRun,
  type Measured,
  type QualityRow,
  readRunConfig,
  type RunConfig,
  summarize,
} from '@immiscible/trainer';
import { Command } from 'commander';
import { type LoadedReport, loadReports, nameOf } from '../analyze/load-reports.ts';
import { type MeasuredRuns, measureRuns } from '../analyze/measure-runs.ts';
import { printAnalysis, writeAnalysis } from '../analyze/write-analysis.ts';
import { UsageError } from '../errors.ts';
import { renderSheet } from '../figures/sheet.ts';
import { plural } from '../format.ts';
import { colorsFor, type Io } from '../io.ts';
import { deviceOption, positiveNumbers, wholeNumber } from '../options.ts';
import { withDevice } from '../session.ts';
import { changePanel, stepsPanel } from '../study/panels.ts';
import { qualityTables, type QualityView, READING, settingText } from '../study/tables.ts';
import { qualityCsv } from '../study/tables-as-csv.ts';
import { renderTable } from '../table.ts';

interface StepsFlags {
  readonly steps?: readonly number[];
  readonly samples?: number;
  readonly out?: string;
  readonly device?: string;
  readonly threads?: number;
  readonly json?: true;
}

export function stepsCommand(io: Io): Command {
  return new Command('steps')
    .summary('quality by number of sampling steps (table 4, figure 5)')
    .description(
      'Fréchet and sliced Wasserstein distances by number of sampling steps, and how arms change them. As measured at the\n' +
        'end of training; with --steps, measured anew at other numbers. Comparisons that differ in their seed alone are\n' +
        'averaged, with intervals, and compared pair by pair; single runs stand side by side.',
    )
    .argument('<folders...>', 'finished comparisons, or a study’s piece; or runs')
    .option(
      '--steps <list>',
      'numbers of sampling steps to measure anew, such as 2,5,10,50,1000',
      positiveNumbers,
    )
    .option('--samples <number>', 'generated images, with --steps (default: as the run)', wholeNumber(2))
    .option('--out <path>', 'where the files go, without extension (default: FOLDER/analysis/steps)')
    .addOption(deviceOption())
    .option('--threads <number>', 'CPU threads (default: all)', wholeNumber(1))
    .option('--json', 'print the numbers as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
Writes a figure (SVG and PNG), a CSV and a JSON file.

Examples:
  immiscible analyze steps runs/seed-0 runs/seed-1 runs/seed-2
  immiscible analyze steps runs/demo --steps 2,5,20,100,1000 --samples 2000
  immiscible analyze steps runs/a/immiscible runs/b/immiscible --steps 2,10`,
    )
    .action((folders: string[], flags: StepsFlags) => analyze(folders, flags, io));
}

async function analyze(folders: readonly string[], flags: StepsFlags, io: Io): Promise<void> {
  if (flags.samples !== undefined && flags.steps === undefined) {
    throw new UsageError('--samples: wants --steps beside it; without it, what was measured is shown');
  }
  const runs = await Promise.all(folders.map(isRun));
  const { view, setting } = runs.includes(true)
    ? await ofRuns(folders, runs, flags, io)
    : await ofComparisons(folders, flags, io);
  const { name, seeds, features, floor, slicedFloor, arms, baseline, quality } = view;
  const json = { name, setting, seeds, features, floor, slicedFloor, arms, baseline, quality };
  const panels = [stepsPanel(view), stepsPanel(view, 'slicedWasserstein'), changePanel(view)];
  const title = 'Quality by number of sampling steps';
  const svg = renderSheet({
    title,
    subtitle: setting,
    legend: arms.map((arm) => arm.name),
    panels: panels.filter((panel) => panel !== undefined),
    columns: 2,
    description: `${title}: ${name}`,
  });
  const stem = flags.out ?? join(folders[0]!, 'analysis', 'steps');
  const files = await writeAnalysis(stem, { json, csv: qualityCsv([view]), svg });
  const colors = colorsFor(io.stdout, io.env);
  const text = [
    colors.bold(title),
    colors.dim(setting),
    ...qualityTables(view).map((table) => `\n${table.title}\n${renderTable(table.head, table.rows, colors)}`),
    '',
    READING,
  ].join('\n');
  printAnalysis(io, { json }, files, { text, asJson: flags.json === true });
}

/** What is shown, and of what. */
interface Shown {
  readonly view: QualityView;
  readonly setting: string;
}

/** The settings to measure with: those of the run, with as many samples as the flag says. */
function withSamples(
  config: Pick<RunConfig, 'data' | 'evaluation' | 'seed'>,
  { samples }: StepsFlags,
): typeof config {
  return samples === undefined ? config : { ...config, evaluation: { ...config.evaluation, samples } };
}

async function ofComparisons(folders: readonly string[], flags: StepsFlags, io: Io): Promise<Shown> {
  const reports = await loadReports(folders);
  const { steps } = flags;
  const shown =
    steps === undefined
      ? reports.map(({ report }) => report)
      : await withDevice(reports[0]!.report.config, flags, async (device) => {
          const anew: CompareReport[] = [];
          for (const one of reports) {
            const arms = one.report.arms.map((arm) => join(one.folder, arm.name));
            const settings = withSamples(one.report.config, flags);
            anew.push(measuredAnew(one, await measureRuns(device, io, settings, arms, steps)));
          }
          return anew;
        });
  const piece = summarize(nameOf(folders, reports), shown);
  return { view: piece, setting: settingText(piece) };
}

/** A report with other measurements at its end. */
function measuredAnew({ folder, report }: LoadedReport, measured: MeasuredRuns): CompareReport {
  const { floor, slicedFloor, samples } = measured;
  return {
    ...report,
    floor,
    slicedFloor,
    config: { ...report.config, evaluation: { ...report.config.evaluation, samples } },
    arms: report.arms.map((arm) => {
      const quality = measured.quality.get(join(folder, arm.name))!;
      const by = (value: (q: (typeof quality)[string]) => number): Record<string, number> =>
        Object.fromEntries(Object.entries(quality).map(([steps, q]) => [steps, value(q)]));
      return {
        ...arm,
        frechet: by((q) => q.frechet),
        precision: by((q) => q.precision),
        recall: by((q) => q.recall),
        measurements: [{ step: arm.steps, images: arm.images, quality }],
      };
    }),
  };
}

/** Runs side by side; none of them is a baseline. */
async function ofRuns(
  folders: readonly string[],
  areRuns: readonly boolean[],
  flags: StepsFlags,
  io: Io,
): Promise<Shown> {
  const other = folders[areRuns.indexOf(false)];
  if (other !== undefined) {
    throw new UsageError(
      `wants comparisons or runs, got both: ${other} is no run; name its arms, or leave it out`,
    );
  }
  const configs = await Promise.all(folders.map(readRunConfig));
  const first = configs[0]!;
  const steps = flags.steps ?? first.evaluation.samplingSteps;
  const measured = await withDevice(first, flags, (device) =>
    measureRuns(device, io, withSamples(first, flags), folders, steps),
  );
  const { floor, slicedFloor, features, dataset, samples } = measured;
  const one = (value: number): Measured => ({ mean: value, count: 1, values: [value] });
  const quality = folders.flatMap((arm) =>
    Object.entries(measured.quality.get(arm)!).map(([number, q]): QualityRow => ({
      arm,
      samplingSteps: Number(number),
      frechet: one(q.frechet),
      ...(q.slicedWasserstein === undefined ? {} : { slicedWasserstein: one(q.slicedWasserstein) }),
      precision: one(q.precision),
      recall: one(q.recall),
    })),
  );
  return {
    view: {
      name: dataset,
      seeds: [first.seed],
      arms: folders.map((name) => ({ name })),
      quality,
      features,
      floor: floor.mean,
      slicedFloor,
    },
    setting: `${dataset}; ${plural(samples, 'sample')} a measurement`,
  };
}
