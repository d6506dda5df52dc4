/** `immiscible study`: many comparisons over several seeds, one after the other, and what they say together. */
import { join } from 'node:path';
import { parseStudyConfig, studies, type StudyConfig } from '@immiscible/trainer';
import { Command } from 'commander';
import { PartFailedError, UsageError } from '../errors.ts';
import { colorsFor, type Io, ownName, printJson, printLine } from '../io.ts';
import { deviceOption, gather, wholeNumber } from '../options.ts';
import { loadStudy } from '../study/load-study.ts';
import { runStudy } from '../study/run-study.ts';
import { READING, terminalOf } from '../study/tables.ts';
import { writeStudy } from '../study/write-study.ts';

interface StudyFlags {
  readonly config?: string;
  readonly out?: string;
  readonly data: readonly string[];
  readonly only?: string;
  readonly report?: true;
  readonly device?: string;
  readonly threads?: number;
  readonly json?: true;
}

export function studyCommand(io: Io): Command {
  return new Command('study')
    .summary('run comparisons over several seeds, and summarize them with intervals')
    .description(
      'Runs paired comparisons for several settings and seeds, one after the other, and writes what they say together:\n' +
        'quality by sampling steps, training images to a quality, distance cuts, as means with confidence intervals and\n' +
        'as paired changes; tables (Markdown, CSV), figures (SVG, PNG) and study.json.',
    )
    .argument(
      '[name]',
      `a study that comes with the program: ${Object.keys(studies).join(', ')}`,
      'small-scale',
    )
    .option('--config <file>', 'a study in YAML or JSON, in place of one that comes with the program')
    .option('--out <folder>', 'the folder of the study (default: runs/NAME)')
    .option(
      '--data <kind=path>',
      'where a data set is (cifar10=FOLDER), for every piece that has it; may be given again',
      gather,
      [],
    )
    .option(
      '--only <names>',
      'pieces to run now, with commas between them; the report is about all that is finished',
    )
    .option('--report', 'train nothing: summarize what is finished')
    .addOption(deviceOption())
    .option('--threads <number>', 'CPU threads (default: all)', wholeNumber(1))
    .option('--json', 'print the summary as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
The same command continues a study that was stopped, or killed, where it was; Ctrl-C writes a checkpoint first. The tables
and figures are written anew after every comparison. Every piece has its first seed before any has its second. Given in
several terminals at a time, each takes the comparisons that no other is at: two with --threads 1 are faster than one
with --threads 2.

A study in YAML:
  name: mine
  seeds: [0, 1, 2]
  pieces:
    - name: demo-longer
      config: { extends: demo, training: { steps: 1200 } }
      thresholds: { 3: [5, 4] }   # optional: Fréchet distances to count images to, by sampling steps

Examples:
  immiscible study small-scale --data cifar10=data/cifar-10-batches-bin
  immiscible study --config mine.yaml --out runs/mine --threads 1
  immiscible study small-scale --report`,
    )
    .action((name: string, flags: StudyFlags) => study(name, flags, io));
}

/** The pieces that were asked for. @throws UsageError for one that there is not */
function piecesOf({ pieces }: StudyConfig, names: string): string[] {
  const wanted = names.split(',').map((name) => name.trim());
  const known = pieces.map(({ name }) => name);
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--only: there is no piece ${unknown}; the study has ${known.join(', ')}`);
  }
  return wanted;
}

async function study(name: string, flags: StudyFlags, io: Io): Promise<void> {
  const config = parseStudyConfig(await loadStudy(name, flags));
  const only = flags.only === undefined ? undefined : piecesOf(config, flags.only);
  const folder = flags.out ?? join('runs', config.name);
  const report = await runStudy({
    study: config,
    folder,
    flags,
    io,
    only,
    reportOnly: flags.report === true,
    again: `the same command (${ownName(io.env)} study, into ${folder})`,
    onReport: (found) => writeStudy(folder, found),
  });
  if (flags.json) {
    printJson(io.stdout, report);
    return;
  }
  const colors = colorsFor(io.stdout, io.env);
  for (const piece of report.pieces) printLine(io.stdout, `\n${terminalOf(piece, colors)}`);
  printLine(io.stdout, `\n${READING}`);
  printLine(
    io.stdout,
    `\n${report.finished} of ${report.planned} comparisons: ${colors.bold(join(folder, 'study.md'))}`,
  );
  const failures = Object.keys(report.failed);
  if (failures.length > 0)
    throw new PartFailedError(
      `${failures.join(', ')} failed; the messages are in ${join(folder, 'study.md')}`,
    );
}
