/** `immiscible analyze threshold`: training images that arms need to come to a quality (the paper's table 3). */
import { join } from 'node:path';
import { summarize, type Thresholds } from '@immiscible/trainer';
import { Command, InvalidArgumentError } from 'commander';
import { loadReports, nameOf } from '../analyze/load-reports.ts';
import { printAnalysis, writeAnalysis } from '../analyze/write-analysis.ts';
import { UsageError } from '../errors.ts';
import { renderSheet } from '../figures/sheet.ts';
import { colorsFor, type Io } from '../io.ts';
import { positiveNumbers } from '../options.ts';
import { curvePanel } from '../study/panels.ts';
import { READING, settingText, thresholdTable } from '../study/tables.ts';
import { thresholdsCsv } from '../study/tables-as-csv.ts';
import { renderTable } from '../table.ts';

interface ThresholdFlags {
  readonly goals?: readonly number[];
  readonly steps?: readonly number[];
  readonly out?: string;
  readonly json?: true;
}

function distances(text: string): number[] {
  const values = text.split(',').map(Number);
  if (!values.every((value) => value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError('It wants distances above 0, such as 12,11,10.');
  }
  return values;
}

export function thresholdCommand(io: Io): Command {
  return new Command('threshold')
    .summary('training images to a quality (table 3)')
    .description(
      'Reads off the measurements of finished comparisons how many training images each arm needs to come down to a\n' +
        'Fréchet distance: between two measurements by a straight line, “not reached” where it does not. Comparisons\n' +
        'that differ in their seed alone are averaged, with intervals, and compared pair by pair.',
    )
    .argument('<comparisons...>', 'folders of finished comparisons, or one of a study’s piece')
    .option(
      '--goals <list>',
      'Fréchet distances (default: what the worst seed of the baseline ends with, and half as much again)',
      distances,
    )
    .option(
      '--steps <list>',
      'numbers of sampling steps (default: all that were measured while training)',
      positiveNumbers,
    )
    .option('--out <path>', 'where the files go, without extension (default: COMPARISON/analysis/threshold)')
    .option('--json', 'print the numbers as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
Writes a figure (SVG and PNG), a CSV and a JSON file.

Examples:
  immiscible analyze threshold runs/demo
  immiscible analyze threshold runs/seed-0 runs/seed-1 runs/seed-2 --goals 5,4 --steps 3`,
    )
    .action((folders: string[], flags: ThresholdFlags) => analyze(folders, flags, io));
}

async function analyze(folders: readonly string[], flags: ThresholdFlags, io: Io): Promise<void> {
  const reports = await loadReports(folders);
  const own = reports[0]!.report;
  const measured = Object.keys(own.arms[0]?.measurements[0]?.quality ?? {}).map(Number);
  const steps = flags.steps ?? measured;
  const missing = steps.filter((value) => !measured.includes(value));
  if ((own.arms[0]?.measurements.length ?? 0) < 2 || missing.length > 0) {
    throw new UsageError(
      `--steps: wants numbers that were measured while training (${measured.join(', ')}), at two points or more, got ${steps.join(', ')}; set evaluation.points and evaluation.pointSamplingSteps`,
    );
  }
  const given: Thresholds | undefined =
    flags.goals && Object.fromEntries(steps.map((value) => [value, flags.goals!]));
  const whole = summarize(
    nameOf(folders, reports),
    reports.map(({ report }) => report),
    given,
  );
  const chosen = <T extends { readonly samplingSteps: number }>(rows: readonly T[]): T[] =>
    rows.filter(({ samplingSteps }) => steps.includes(samplingSteps));
  const piece = { ...whole, curves: chosen(whole.curves), thresholds: chosen(whole.thresholds) };
  const { name, seeds, dataset, features, floor, arms, baseline, thresholds, curves } = piece;
  const json = { name, seeds, dataset, features, floor, arms, baseline, thresholds, curves };
  const title = 'Training images to a Fréchet distance';
  const svg = renderSheet({
    title,
    subtitle: settingText(piece),
    legend: arms.map((arm) => arm.name),
    panels: steps.map((value) => curvePanel(piece, value)),
    columns: Math.min(2, steps.length),
    description: `${title}: ${name}`,
  });
  const stem = flags.out ?? join(folders[0]!, 'analysis', 'threshold');
  const files = await writeAnalysis(stem, { json, csv: thresholdsCsv([piece]), svg });
  const colors = colorsFor(io.stdout, io.env);
  const { head, rows } = thresholdTable(piece);
  const text = [
    colors.bold(title),
    colors.dim(settingText(piece)),
    '',
    renderTable(head, rows, colors),
    '',
    READING,
  ].join('\n');
  printAnalysis(io, { json }, files, { text, asJson: flags.json === true });
}
