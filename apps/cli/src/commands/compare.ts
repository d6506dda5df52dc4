/** `immiscible compare`: the main job. Arms that differ in the pairing alone, trained, measured, reported. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CompareConfig,
  isComparison,
  isRun,
  parseCompareConfig,
  readCompareConfig,
  recipes,
} from '@immiscible/trainer';
import { Command } from 'commander';
import { loadConfig, merge } from '../config-file.ts';
import { addConfigOptions, checkKeepsConfig, type ConfigFlags, overridesOf } from '../config-flags.ts';
import { summarizeComparison } from '../compare-summary.ts';
import { UsageError } from '../errors.ts';
import { colorsFor, type Io, printJson, printLine } from '../io.ts';
import { runComparison } from '../run-comparison.ts';
import { writeReport } from '../report/write-report.ts';
import { type FolderState, nextName, resumeFolder, stateOf, withLock } from '../run-folder.ts';

interface CompareFlags extends ConfigFlags {
  readonly recipe?: string;
  readonly config?: string;
  readonly out: string;
  readonly name?: string;
  readonly resume?: string | true;
  readonly continue?: true;
  readonly json?: true;
}

export function compareCommand(io: Io): Command {
  const command = new Command('compare')
    .summary('train arms that differ in the pairing alone, and report')
    .description(
      'Trains two arms, vanilla and immiscible noise, with the same model, seed, data order, timesteps and noise\n' +
        'draws; measures both; writes report.html and report.json into the folder of the run.',
    )
    .option(
      '--recipe <name>',
      `a config that comes with the program: ${Object.keys(recipes).join(', ')} (default: demo)`,
    )
    .option('--config <file>', 'a config in YAML or JSON; it may say `extends: demo`')
    .option('--out <folder>', 'where runs are kept', 'runs')
    .option('--name <name>', 'name of the run, and of its folder (default: the one in the config)')
    .option('--resume [run]', 'continue a run: its folder, or its name (default: the name in the config)')
    .option(
      '--continue',
      'continue the run of that name if it is unfinished; beside a finished one, start NAME-2, NAME-3, …',
    );
  return addConfigOptions(command)
    .option('--json', 'print the report as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
A run of a name that is taken is refused, unless --resume or --continue says what to do with it. A resumed run keeps
its config. Ctrl-C writes a checkpoint first; a resumed run gives the numbers of one that was never stopped.

Examples:
  immiscible compare                                        the demo, as \`npm start\` runs it
  immiscible compare --recipe demo --name seed-1 --seed 1
  immiscible compare --set training.steps=300 --set evaluation.samples=500 --name quick
  immiscible compare --config my.yaml --json > report.json
  immiscible compare --resume runs/demo`,
    )
    .action((flags: CompareFlags) => runCompare(flags, io));
}

async function runCompare(flags: CompareFlags, io: Io): Promise<void> {
  const { config, folder, continues } = await choose(flags);
  await mkdir(folder, { recursive: true });
  const report = await withLock(folder, async () => {
    const made = await runComparison({ config, folder, continues, flags, io }).catch(
      async (error: unknown) => {
        // What failed before it began (data that do not fit, say) must not stand in the way of the next attempt.
        if (!continues && !(await hasBegun(config, folder)))
          await rm(folder, { recursive: true, force: true });
        throw error;
      },
    );
    await writeReport(folder, made);
    return made;
  });
  if (flags.json) {
    printJson(io.stdout, report);
  } else {
    const colors = colorsFor(io.stdout, io.env);
    printLine(io.stdout, `\n${summarizeComparison(report, colors)}`);
    printLine(io.stdout, `\nReport: ${colors.bold(join(folder, 'report.html'))}`);
  }
}

/** Whether any arm has a folder of its own. */
async function hasBegun({ arms }: CompareConfig, folder: string): Promise<boolean> {
  const begun = await Promise.all(arms.map(({ name }) => isRun(join(folder, name))));
  return begun.includes(true);
}

/** The config and the folder that the flags name, checked against what is there already. */
async function choose(
  flags: CompareFlags,
): Promise<{ config: CompareConfig; folder: string; continues: boolean }> {
  const { out, resume } = flags;
  const given = async (): Promise<CompareConfig> => {
    const loaded = await loadConfig(flags);
    const over = {
      ...(flags.name === undefined ? {} : { name: flags.name }),
      ...overridesOf(flags),
    };
    return parseCompareConfig(merge(loaded, over));
  };
  if (resume !== undefined && flags.continue) throw new UsageError('wants --resume or --continue, got both');
  if (resume !== undefined) {
    checkKeepsConfig(flags);
    const folder = resume === true ? join(out, (await given()).name) : await resumeFolder(resume, out);
    return { config: await readCompareConfig(folder), folder, continues: true };
  }
  const config = await given();
  const state = (name: string): Promise<FolderState> => stateOf(join(out, name), isComparison, isFinished);
  const name = flags.continue ? await nextName(config.name, state) : config.name;
  const folder = join(out, name);
  switch (await state(name)) {
    case 'free':
      return { config: { ...config, name }, folder, continues: false };
    case 'unfinished':
      if (flags.continue) return { config: await readCompareConfig(folder), folder, continues: true };
      throw new UsageError(
        `${folder} holds an unfinished run; continue it with --resume, or choose another --name`,
      );
    case 'finished':
      throw new UsageError(`${folder} holds a finished run; choose another --name, or remove the folder`);
    case 'foreign':
      throw new UsageError(`${folder} holds other files; choose another --name`);
  }
}

function isFinished(folder: string): Promise<boolean> {
  return stat(join(folder, 'report.json')).then(
    () => true,
    () => false,
  );
}
