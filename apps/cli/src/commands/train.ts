/** `immiscible train`: one run. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Device } from '@immiscible/tensor-core';
import {
  armConfig,
  checkpointPath,
  isRun,
  parseCompareConfig,
  parseRunConfig,
  readLog,
  readRunConfig,
  recipes,
  type RunConfig,
  type StepReport,
  TrainingRun,
} from '@immiscible/trainer';
import { Command } from 'commander';
import { type JsonObject, loadConfig, merge } from '../config-file.ts';
import { addConfigOptions, checkKeepsConfig, type ConfigFlags, overridesOf } from '../config-flags.ts';
import { survivingLoss } from '../device-loss.ts';
import { InterruptedError, UsageError } from '../errors.ts';
import { milliseconds, plural, share, significant } from '../format.ts';
import { interruptible } from '../interrupts.ts';
import { colorsFor, type Io, ownName, printJson, printLine } from '../io.ts';
import { ArmProgress } from '../progress/arm-progress.ts';
import { CompileDisplay } from '../progress/compile-progress.ts';
import { createDisplay } from '../progress/display.ts';
import { resumeFolder, stateOf, withLock } from '../run-folder.ts';
import { openData, withDevice } from '../session.ts';
import { StepProfile } from '../step-profile.ts';

interface TrainFlags extends ConfigFlags {
  readonly recipe?: string;
  readonly config?: string;
  readonly arm?: string;
  readonly out: string;
  readonly name?: string;
  readonly resume?: string | true;
  readonly profile?: true;
  readonly tune?: true;
  readonly json?: true;
}

export function trainCommand(io: Io): Command {
  const command = new Command('train')
    .summary('train one model')
    .description(
      'Trains one model with the pairing that the config names (assignment.method: linear, nearest, flipped, identity).\n' +
        'Its checkpoints are diffusers pipeline folders: sample, evaluate and Python open them.',
    )
    .option(
      '--recipe <name>',
      `a config that comes with the program: ${Object.keys(recipes).join(', ')} (default: demo)`,
    )
    .option('--config <file>', 'a config in YAML or JSON; it may say `extends: demo`')
    .option('--arm <name>', 'the arm to train, where the config is one of a comparison')
    .option('--out <folder>', 'where runs are kept', 'runs')
    .option('--name <name>', 'name of the run, and of its folder (default: config name and method)')
    .option(
      '--resume [run]',
      'continue a run: its folder, or its name (default: the name as without --resume)',
    );
  return addConfigOptions(command)
    .option(
      '--profile',
      'time ten steps kernel by kernel: a table, and profile.json and trace.json in the folder of the run',
    )
    .option('--tune', 'measure which kernels are the fastest on this GPU, once, before the first step')
    .option('--json', 'print what was reached as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
A run of a name that is taken is refused, unless --resume continues it; a resumed run keeps its config.

Examples:
  immiscible train --recipe demo                            with immiscible noise, into runs/demo-linear
  immiscible train --recipe demo --set assignment.method=identity
  immiscible train --config cifar.yaml --name cifar --threads 8
  immiscible train --resume runs/demo-linear`,
    )
    .action((flags: TrainFlags) => runTrain(flags, io));
}

async function runTrain(flags: TrainFlags, io: Io): Promise<void> {
  const { config, folder } = await choose(flags);
  await mkdir(folder, { recursive: true });
  const result = await withLock(folder, () => train(config, folder, flags, io));
  if (flags.json) {
    printJson(io.stdout, result);
  } else {
    const { steps, images, loss, distanceReduction, secondsPerStep, checkpoint, skippedSteps } = result;
    printLine(
      io.stdout,
      `\n${plural(steps, 'step')}, ${plural(images, 'image')}: loss ${significant(loss)}, distance cut ` +
        `${share(distanceReduction)}, ${milliseconds(1000 * secondsPerStep)} a step` +
        (skippedSteps ? `; ${plural(skippedSteps, 'step')} skipped, where float16 overflowed` : ''),
    );
    printLine(io.stdout, `Model: ${colorsFor(io.stdout, io.env).bold(checkpoint)}`);
  }
}

/** The run's own config: one arm of a comparison, or a config without arms. */
function runConfigOf(loaded: JsonObject, flags: TrainFlags): RunConfig {
  const value = merge(loaded, overridesOf(flags)) as JsonObject;
  const named = (config: RunConfig): RunConfig =>
    parseRunConfig({ ...config, name: flags.name ?? config.name });
  if (value['arms'] !== undefined || flags.arm !== undefined) {
    const compareConfig = parseCompareConfig(value);
    if (flags.arm === undefined) {
      const arms = compareConfig.arms.map(({ name }) => name).join(', ');
      throw new UsageError(`the config is one of a comparison; choose an arm with --arm: ${arms}`);
    }
    return named(armConfig(compareConfig, flags.arm));
  }
  const config = parseRunConfig(value);
  // A recipe's name is its comparison's; a config file is named by whoever wrote it.
  return named(
    flags.config === undefined ? { ...config, name: `${config.name}-${config.assignment.method}` } : config,
  );
}

async function choose(flags: TrainFlags): Promise<{ config: RunConfig; folder: string }> {
  const { out, resume } = flags;
  if (resume !== undefined) checkKeepsConfig(flags);
  if (typeof resume === 'string') {
    const folder = await resumeFolder(resume, out);
    return { config: await readRunConfig(folder), folder };
  }
  const config = runConfigOf(await loadConfig(flags), flags);
  const folder = join(out, config.name);
  if (resume) return { config: await readRunConfig(folder), folder };
  const state = await stateOf(folder, isRun, async () => false);
  if (state === 'free') return { config, folder };
  throw new UsageError(
    state === 'foreign'
      ? `${folder} holds other files; choose another --name`
      : `${folder} holds a run already; continue it with --resume, or choose another --name`,
  );
}

/** What `--json` prints. */
interface TrainResult {
  readonly name: string;
  readonly folder: string;
  readonly steps: number;
  readonly images: number;
  /** of the last line of the log, as the two after it */
  readonly loss: number;
  readonly distanceReduction: number;
  readonly secondsPerStep: number;
  readonly trainingSeconds: number;
  readonly checkpoint: string;
  /** of float16 training: steps that overflowed and were left out, and the loss scale at the end */
  readonly skippedSteps?: number;
  readonly lossScale?: number;
}

async function train(config: RunConfig, folder: string, flags: TrainFlags, io: Io): Promise<TrainResult> {
  const colors = colorsFor(io.stderr, io.env);
  const compiling = new CompileDisplay();
  let reached = 0;
  const trainOn = async (device: Device): Promise<TrainResult> => {
    const dataset = await openData(config.data, io);
    const run = await TrainingRun.open(config, { folder, device, dataset });
    const { steps } = config.training;
    const arm = new ArmProgress(config.name, steps);
    const display = createDisplay(io, [arm]);
    compiling.show = (text, done, total) => display.activity(text, done, total);
    const profile = flags.profile ? new StepProfile(device, steps - run.progress.step) : undefined;
    printLine(
      io.stderr,
      `${colors.bold(config.name)}: ${plural(dataset.length, 'image')} of ${dataset.name}; ${config.assignment.method} pairing; ` +
        `from step ${run.progress.step} to ${steps}${config.precision === 'f16' ? ' in float16' : ''}; ${device.name}: ${device.description}`,
    );
    try {
      await interruptible(io, async (signal) => {
        while (!run.finished) {
          if (signal.aborted) {
            await run.checkpoint();
            signal.throwIfAborted();
          }
          profile?.beforeStep();
          const report: StepReport = await run.step();
          reached = report.step;
          arm.add(report);
          display.step(arm, (steps - report.step) * arm.secondsPerStep);
        }
      });
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error;
      throw new InterruptedError(
        error.signal,
        `Stopped at step ${run.progress.step}. Continue with: ${ownName(io.env)} train --resume ${folder}`,
      );
    } finally {
      display.stop();
      compiling.show = () => undefined;
      await profile?.finish(folder, flags.json ? io.stderr : io.stdout, io);
      if (flags.tune ?? device.tuning?.problem !== undefined) printLine(io.stderr, tuningLine(device));
      await run.close();
    }
    const { step, images, seconds } = run.progress;
    const log = await readLog(folder);
    const { skippedSteps, lossScale } = log.at(-1) ?? {};
    return {
      name: config.name,
      folder,
      steps: step,
      images,
      loss: log.at(-1)?.loss ?? NaN,
      distanceReduction: 0 - (log.at(-1)?.distanceChange ?? 0),
      secondsPerStep: log.at(-1)?.secondsPerStep ?? NaN,
      trainingSeconds: seconds,
      checkpoint: checkpointPath(folder, step),
      ...(skippedSteps === undefined ? {} : { skippedSteps }),
      ...(lossScale === undefined ? {} : { lossScale }),
    };
  };
  return survivingLoss(
    io,
    () => reached,
    () => withDevice(config, { ...flags, onProgress: compiling.report }, trainOn),
  );
}

/** What is known of the device's kernels, and what is wrong with the file that holds it. */
function tuningLine({ name, tuning }: Device): string {
  if (!tuning) return `Nothing to tune: the device ${name} chooses its own kernels`;
  const { measured, file, problem } = tuning;
  const where =
    problem === undefined ? `kept in ${file ?? 'this process'}` : `${file} is left out: ${problem}`;
  return `The fastest kernels of ${plural(measured, 'shape')} are known; ${where}`;
}
