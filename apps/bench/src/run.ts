/** The program: one command a suite. A table for people, `--json` for machines, progress on stderr. */
import { DatasetError } from '@immiscible/datasets';
import { TensorError } from '@immiscible/tensor-core';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { formatDataBench, formatStepBench } from './format.ts';
import { formatAssignmentBench, runAssignmentBench } from './suites/assignment.ts';
import { formatAssignmentStepBench, runAssignmentStepBench } from './suites/assignment-step.ts';
import { runDataBench } from './suites/data.ts';
import { runKernelsBench } from './suites/kernels.ts';
import { formatKernelsBench } from './suites/kernels-table.ts';
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
    .description('the pairing of noise with images: the table of the paper on this machine, beside SciPy')
    .option('--sizes <list>', 'batch sizes', wholes)
    .option('--repeats <number>', 'timed repeats, medians are reported', whole)
    .option('--cifar10 <path>', 'folder or archive of CIFAR-10, measured too')
    .option('--python <path>', 'a Python that may have NumPy and SciPy (default: python3)')
    .option('--no-python', 'without SciPy')
    .option('--step', 'instead: what assignment adds to a training step, with and without look-ahead')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  npm run bench -- assignment --sizes 128,512 --repeats 9')
    .action(async ({ json, step, ...flags }: AssignmentFlags) => {
      if (step) {
        const { sizes, repeats, cifar10 } = flags;
        const report = await runAssignmentStepBench({ ...given({ sizes, repeats, cifar10 }), progress });
        print(report, json, formatAssignmentStepBench);
        return;
      }
      print(await runAssignmentBench({ ...given(flags), progress }), json, formatAssignmentBench);
    });

  program
    .command('step')
    .description('a whole training step on the CPU, beside PyTorch eager with the same threads')
    .option('--networks <list>', `which: ${STEP_NETWORKS.join(', ')} (default: all)`, (text) =>
      text.split(','),
    )
    .option('--rounds <number>', 'timed rounds, in which both take a turn', whole)
    .option('--threads <number>', 'CPU threads of both (default: all)', whole)
    .option('--python <path>', 'a Python that may have PyTorch and diffusers (default: python3)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  npm run bench -- step --threads 2 --python venv/bin/python')
    .action(async ({ json, ...flags }: StepFlags) => {
      print(await runStepBench({ ...given(flags), onProgress: progress }), json, formatStepBench);
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
  readonly repeats?: number;
  readonly cifar10?: string;
  readonly python?: string | false;
  readonly step?: boolean;
  readonly json?: boolean;
}

interface StepFlags {
  readonly networks?: readonly string[];
  readonly rounds?: number;
  readonly threads?: number;
  readonly python?: string;
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
 * @returns the exit code: 0 measured, 1 failed, 2 an option or input cannot be used
 */
export async function run(argv: readonly string[], io: BenchIo = process): Promise<number> {
  try {
    await createProgram(io).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const isInput = error instanceof DatasetError || error instanceof RangeError;
    if (!isInput && !(error instanceof TensorError)) throw error;
    io.stderr.write(`error: ${error.message}\n`);
    return isInput ? 2 : 1;
  }
}
