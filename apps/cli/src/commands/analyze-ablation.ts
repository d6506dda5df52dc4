/** `immiscible analyze ablation`: transport or not, l1 or l2, batch sizes (the paper's figure 7, table 5 and figure 8). */
import { join } from 'node:path';
import {
  ablationStudy,
  batchSizeRows,
  pairingOf,
  parseCompareConfig,
  type PieceSummary,
} from '@immiscible/trainer';
import { Command } from 'commander';
import { printAnalysis, writeAnalysis } from '../analyze/write-analysis.ts';
import { loadConfig } from '../config-file.ts';
import { PartFailedError } from '../errors.ts';
import { renderSheet } from '../figures/sheet.ts';
import { share, significant } from '../format.ts';
import { colorsFor, type Io, ownName } from '../io.ts';
import { deviceOption, gather, positiveNumbers, wholeNumber, wholeNumbers } from '../options.ts';
import { batchSizePanel, changePanel, curvePanels, stepsPanel } from '../study/panels.ts';
import { runStudy } from '../study/run-study.ts';
import { changeText, READING, type Table, tablesOf } from '../study/tables.ts';
import { qualityCsv } from '../study/tables-as-csv.ts';
import { type StudyReport } from '../study/write-study.ts';
import { renderTable } from '../table.ts';

interface AblationFlags {
  readonly recipe?: string;
  readonly config?: string;
  readonly set: readonly string[];
  readonly batchSizes?: readonly number[];
  readonly seeds: readonly number[];
  readonly out?: string;
  readonly device?: string;
  readonly threads?: number;
  readonly json?: true;
}

export function ablationCommand(io: Io): Command {
  return new Command('ablation')
    .summary('transport or not, l1 or l2, batch sizes (figures 7 and 8, table 5)')
    .description(
      'Trains arms of one setting that are paired with transport (l2, l1), without (flipped), and not at all; and pairs of\n' +
        'arms at other batch sizes, with as many steps. Shows what each choice does to quality.',
    )
    .option('--recipe <name>', 'the setting: a config that comes with the program (default: demo)')
    .option('--config <file>', 'the setting: a config in YAML or JSON')
    .option('--set <path=value>', 'change one field of the config; may be given again', gather, [])
    .option(
      '--batch-sizes <list>',
      'batch sizes beside the setting’s (default: half and twice it)',
      positiveNumbers,
    )
    .option('--seeds <list>', 'one comparison of everything for each', wholeNumbers, [0])
    .option('--out <folder>', 'where the comparisons and the files go (default: runs/ablation-NAME)')
    .addOption(deviceOption())
    .option('--threads <number>', 'CPU threads (default: all)', wholeNumber(1))
    .option('--json', 'print the numbers as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
The same command continues an ablation that was stopped, or killed, where it was. Writes ablation.svg, .png, .csv and .json
into the folder, anew after every comparison. Given in several terminals at a time, each takes the comparisons that no other
is at.

Examples:
  immiscible analyze ablation --recipe demo
  immiscible analyze ablation --recipe demo --seeds 0-2 --batch-sizes 32,128,256 --set training.steps=1200`,
    )
    .action((flags: AblationFlags) => analyze(flags, io));
}

function batchSizeTable(pieces: readonly PieceSummary[]): Table {
  return {
    title: 'Fréchet distance by batch size',
    head: ['batch size', 'sampling steps', 'vanilla', 'immiscible', 'change', 'distance cut'],
    rows: batchSizeRows(pieces).map((row) => [
      String(row.batchSize),
      String(row.samplingSteps),
      significant(row.vanilla.frechet.mean),
      significant(row.immiscible.frechet.mean),
      changeText(row.immiscible.against?.change),
      share(row.distanceCut),
    ]),
  };
}

function figure({ name, pieces }: StudyReport): string {
  const pairing = pairingOf(pieces);
  const steps = (pairing?.quality ?? []).map(({ samplingSteps }) => samplingSteps);
  const ends = [...new Set([Math.min(...steps), Math.max(...steps)])].filter(Number.isFinite);
  const panels = [
    ...(pairing ? [...curvePanels(pairing), stepsPanel(pairing), changePanel(pairing)] : []),
    ...ends.map((samplingSteps) => batchSizePanel(batchSizeRows(pieces), samplingSteps)),
  ];
  const arms = (pairing ?? pieces[0])?.arms ?? [];
  return renderSheet({
    title: `Ablation: ${name.replace(/^ablation-/, '')}`,
    subtitle: 'With transport (l2, l1) and without (flipped), then other batch sizes; lower is better',
    legend: arms.map((arm) => arm.name),
    panels: panels.filter((panel) => panel !== undefined),
    columns: 2,
    description: `Fréchet distances of ${arms.map((arm) => arm.name).join(', ')}, and by batch size`,
  });
}

async function analyze(flags: AblationFlags, io: Io): Promise<void> {
  const config = parseCompareConfig(await loadConfig(flags));
  const own = config.training.batchSize;
  const study = ablationStudy(config, {
    batchSizes: flags.batchSizes ?? [Math.max(1, Math.round(own / 2)), 2 * own],
    seeds: flags.seeds,
  });
  const folder = flags.out ?? join('runs', study.name);
  let files: readonly string[] = [];
  const report = await runStudy({
    study,
    folder,
    flags,
    io,
    again: `the same command (${ownName(io.env)} analyze ablation, into ${folder})`,
    onReport: async (report) => {
      files = await writeAnalysis(join(folder, 'ablation'), {
        json: report,
        csv: qualityCsv(report.pieces),
        svg: figure(report),
      });
    },
  });
  const colors = colorsFor(io.stdout, io.env);
  const pairing = pairingOf(report.pieces);
  const tables = [...(pairing ? tablesOf(pairing) : []), batchSizeTable(report.pieces)];
  const text = [
    colors.bold(`Ablation: ${config.name}`),
    ...tables.map(({ title, head, rows }) => `\n${title}\n${renderTable(head, rows, colors)}`),
    '',
    READING,
  ].join('\n');
  printAnalysis(io, { json: report }, files, { text, asJson: flags.json === true });
  const failures = Object.keys(report.failed);
  if (failures.length > 0)
    throw new PartFailedError(`${failures.join(', ')} failed; ablation.json in ${folder} says why`);
}
