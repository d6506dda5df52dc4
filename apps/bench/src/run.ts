/** The program: one command a suite. A table for people, `--json` for machines, progress on stderr. */
import { DatasetError } from '@immiscible/datasets';
import { TensorError } from '@immiscible/tensor-core';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { formatDataBench, formatStepBench } from './format.ts';
import { runAssignmentBench } from './suites/assignment.ts';
import { FAMILY_NAMES, USUAL_FAMILIES } from './suites/assignment-families.ts';
import { checkPlotFile, writeAssignmentPlot } from './suites/assignment-plot.ts';
import { formatAssignmentStepBench, runAssignmentStepBench } from './suites/assignment-step.ts';
import { formatAssignmentBench } from './suites/assignment-table.ts';
import { runDataBench } from './suites/data.ts';
import { runKernelsBench } from './suites/kernels.ts';
import { formatKernelsBench } from './suites/kernels-table.ts';
import {
  BENCH_NETWORKS,
  BENCH_OBJECTIVES,
  formatObjectivesBench,
  runObjectivesBench,
} from './suites/objectives.ts';
import { runStepBench, STEP_NETWORKS } from './suites/step.ts';

/** Where the program writes to. */
export interface BenchIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('It wants a whole number of at least 1.');
  }
  return value;
}

function wholes(text: string): number[] {
  return text.split(',').map((part) => whole(part.trim()));
}

function names(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

/** What a shell says of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Something was measured and printed, but not as it must be. */
class BenchFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.name = 'BenchFailure';
    this.exitCode = exitCode;
  }
}

/** Runs until it is done, or asks it to end when Ctrl-C is pressed. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  process.once('SIGINT', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

/** Fields that were given; an option that was not is absent. */
function given<T extends object>(flags: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function createProgram(io: BenchIo): Command {
  const print = <R>(report: R, json: boolean | undefined, format: (report: R) => string): void => {
    const text = json ? JSON.stringify(report, null, 2) : format(report).trimEnd();
    io.stdout.write(`${text}\n`);
  };
  const progress = (text: string): void => {
    io.stderr.write(`${text}\n`);
  };
  const program = new Command('immiscible-bench')
    .description('Times what this repository computes, beside its peers where they are installed.')
    .showHelpAfterError('(--help shows every option)');

  program
    .command('assignment')
    .description('the pairing of noise with images: the paper’s table on this machine, beside other solvers')
    .option('--sizes <list>', 'batch sizes (default: 128,256,512,1024; 8192 wants 2 GB)', wholes)
    .option(
      '--family <list>',
      `which costs: ${FAMILY_NAMES.join(', ')} (default: ${USUAL_FAMILIES.join(',')})`,
      names,
    )
    .option('--repeats <number>', 'timed turns, medians are reported', whole)
    .option('--cifar10 <path>', 'folder or archive of CIFAR-10 (default: generated images of its shape)')
    .option('--python <list>', 'Pythons that may have SciPy, lap, lapx, lapjv (default: python3)', names)
    .option('--no-python', 'without them')
    .option('--limit <seconds>', 'leave a peer out where one solve would take longer (default: 30)', whole)
    .option('--plot <file>', 'draw the solving times too, as .svg or .png')
    .option('--step', 'instead: what assignment adds to a training step, with and without look-ahead')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  npm run bench -- assignment --sizes 128,512 --repeats 9')
    .action(async ({ json, step, plot, family: families, python: pythons, ...flags }: AssignmentFlags) => {
      if (step) {
        const { sizes, repeats, cifar10 } = flags;
        const report = await runAssignmentStepBench({ ...given({ sizes, repeats, cifar10 }), progress });
        print(report, json, formatAssignmentStepBench);
        return;
      }
      if (plot !== undefined) checkPlotFile(plot);
      const python = pythons === true ? undefined : pythons;
      const report = await untilInterrupted((signal) =>
        runAssignmentBench({ ...given({ ...flags, families, python }), progress, signal }),
      );
      print(report, json, formatAssignmentBench);
      if (plot !== undefined && report.rows.length > 0) await writeAssignmentPlot(report, plot);
      if (report.interrupted) throw new BenchFailure('interrupted', INTERRUPTED);
      if (report.disagreements.length > 0) {
        throw new BenchFailure(`the costs disagree: ${report.disagreements.join('; ')}`, 1);
      }
    });

  program
    .command('step')
    .description('a whole training step, on the CPU or a GPU, beside PyTorch eager on the same')
    .option(
      '--networks <list>',
      `which: ${STEP_NETWORKS.join(', ')} (default: what the device computes in seconds)`,
      names,
    )
    .option('--device <name>', 'cpu (default), webgpu, webgpu:software, or part of a GPU’s name')
    .option('--rounds <number>', 'timed rounds, in which both take a turn', whole)
    .option('--threads <number>', 'CPU threads of both (default: all)', whole)
    .option('--python <path>', 'a Python that may have PyTorch and diffusers (default: python3)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  npm run bench -- step --threads 2 --python venv/bin/python')
    .action(async ({ json, ...flags }: StepFlags) => {
      print(await runStepBench({ ...given(flags), onProgress: progress }), json, formatStepBench);
    });

  program
    .command('objectives')
    .description('a training step of each objective beside the passes through the network that are in it')
    .option('--objectives <list>', `which: ${BENCH_OBJECTIVES.join(', ')} (default: all)`, names)
    .option('--networks <list>', `which: ${BENCH_NETWORKS.join(', ')} (default: all)`, names)
    .option('--device <name>', 'cpu (default), webgpu, webgpu:software, or part of a GPU’s name')
    .option('--rounds <number>', 'timed rounds, in which both take a turn', whole)
    .option('--threads <number>', 'CPU threads (default: all)', whole)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  npm run bench -- objectives --objectives consistency-training')
    .action(async ({ json, ...flags }: ObjectivesFlags) => {
      print(await runObjectivesBench({ ...given(flags), onProgress: progress }), json, formatObjectivesBench);
    });

  program
    .command('kernels')
    .description('products of matrices and convolutions on every adapter, beside tfjs and jax-js')
    .option(
      '--device <list>',
      'devices: cpu, webgpu, webgpu:software, names (default: cpu and all adapters)',
      (text) => text.split(','),
    )
    .option('--large', 'a product of 4096 and the layers of the CIFAR-10 U-Net, for GPUs')
    .option('--rounds <number>', 'timed rounds, in which all take a turn', whole)
    .option('--peers <folder>', 'a folder where tfjs and jax-js are installed (default: this one)')
    .option('--no-peers', 'without them')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  npm run bench -- kernels --device webgpu --large')
    .action(async ({ json, device, ...flags }: KernelsFlags) => {
      const devices = device && { devices: device };
      const peers = flags.peers === true ? {} : given({ peers: flags.peers });
      const options = { ...given({ large: flags.large, rounds: flags.rounds }), ...peers, ...devices };
      print(await runKernelsBench({ ...options, onProgress: progress }), json, formatKernelsBench);
    });

  program
    .command('data')
    .description('opening data sets, and loading batch after batch')
    .option('--cifar10 <path>', 'folder or archive of CIFAR-10 (default: generated images of its shape)')
    .option('--image-folder <path>', 'a folder of images, decoded while loading, measured too')
    .option('--batch-size <number>', 'images in a batch', whole)
    .option('--batches <number>', 'timed batches', whole)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  npm run bench -- data --cifar10 data/cifar-10-batches-bin')
    .action(async ({ json, ...flags }: DataFlags) => {
      print(await runDataBench(given(flags)), json, formatDataBench);
    });

  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    });
  }
  return program;
}

interface AssignmentFlags {
  readonly sizes?: readonly number[];
  readonly family?: readonly string[];
  readonly repeats?: number;
  readonly cifar10?: string;
  /** `true` where neither it nor its negation was given */
  readonly python?: readonly string[] | boolean;
  readonly limit?: number;
  readonly plot?: string;
  readonly step?: boolean;
  readonly json?: boolean;
}

interface StepFlags {
  readonly networks?: readonly string[];
  readonly device?: string;
  readonly rounds?: number;
  readonly threads?: number;
  readonly python?: string;
  readonly json?: boolean;
}

interface ObjectivesFlags {
  readonly objectives?: readonly string[];
  readonly networks?: readonly string[];
  readonly device?: string;
  readonly rounds?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

interface KernelsFlags {
  readonly device?: readonly string[];
  readonly large?: boolean;
  readonly rounds?: number;
  readonly peers?: string | boolean;
  readonly json?: boolean;
}

interface DataFlags {
  readonly cifar10?: string;
  readonly imageFolder?: string;
  readonly batchSize?: number;
  readonly batches?: number;
  readonly json?: boolean;
}

/**
 * Runs one command line.
 *
 * @param argv without `node` and the script
 * @returns the exit code: 0 measured, 1 failed, 2 an option or input cannot be used, 130 interrupted
 */
export async function run(argv: readonly string[], io: BenchIo = process): Promise<number> {
  try {
    await createProgram(io).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof BenchFailure) {
      io.stderr.write(`error: ${error.message}\n`);
      return error.exitCode;
    }
    const isInput = error instanceof DatasetError || error instanceof RangeError;
    if (!isInput && !(error instanceof TensorError)) throw error;
    io.stderr.write(`error: ${error.message}\n`);
    return isInput ? 2 : 1;
  }
}
