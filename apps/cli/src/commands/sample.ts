/** `immiscible sample`: images from a trained model. */
import { type SampleStart } from '@immiscible/trainer';
import { Command, Option } from 'commander';
import { count, duration, plural } from '../format.ts';
import { interruptible } from '../interrupts.ts';
import { type Io, printJson, printLine } from '../io.ts';
import { openModel } from '../model-folder.ts';
import { type Interpolation, interpolations, wholeNumber, wholeNumbers } from '../options.ts';
import { SampleFiles } from '../sample-files.ts';
import {
  addSamplerOptions,
  checkSteps,
  labelsFor,
  type SamplerFlags,
  type Sampling,
  samplingOf,
} from '../sampler-flags.ts';
import { withSampler } from '../sampling.ts';
import { withDevice } from '../session.ts';

interface SampleFlags extends SamplerFlags {
  readonly steps?: number;
  readonly timesteps?: readonly number[];
  readonly seeds?: readonly number[];
  readonly size?: number;
  readonly interpolate?: readonly Interpolation[];
  readonly grid?: string;
  readonly columns?: number;
  readonly scale?: number;
  readonly out?: string;
  readonly json?: true;
}

const BATCH = 64;
const SEEDS = '0-63';
const GRID = 'samples.png';

export function sampleCommand(io: Io): Command {
  const command = new Command('sample')
    .summary('make images with a trained model')
    .description(
      'Makes images with a model: a pipeline folder of ours or of diffusers, or the folder of a run (its newest ' +
        'checkpoint). An image depends on its seed alone, not on how many are made at a time. Models of points in the ' +
        'plane give a picture of all points, and a table in place of single pictures.',
    )
    .argument('<model>', 'pipeline folder, or folder of a run')
    .option('--seeds <list>', `one image for each, such as 0-63 or 1,5,9 (default: ${SEEDS})`, wholeNumbers)
    .addOption(
      new Option(
        '--interpolate <A,B,N>',
        'N images (8 where omitted) on the way from seed A to seed B, a row of the grid; may be given several times',
      )
        .argParser(interpolations)
        .conflicts('seeds'),
    )
    .option('--steps <number>', 'sampling steps (default: what the sampler is good for)', wholeNumber(1))
    .addOption(
      new Option(
        '--timesteps <list>',
        'which to visit, falling, such as 22,0; with euler, heun, dpm++ and cm',
      )
        .argParser(wholeNumbers)
        .conflicts('steps'),
    );
  return addSamplerOptions(command, String(BATCH))
    .option('--size <pixels>', 'side of an image, where the model does not say', wholeNumber(1))
    .addOption(
      new Option(
        '--grid [file]',
        `one PNG of all images (${GRID} where no file is named, and where there is no --out)`,
      ).preset(GRID),
    )
    .option('--columns <number>', 'images in a row of the grid (default: as wide as high)', wholeNumber(1))
    .option(
      '--scale <number>',
      'side of a pixel in the grid (default: images of about 64 pixels)',
      wholeNumber(1),
    )
    .option('--out <folder>', 'a PNG of each image, named after its seed')
    .option('--json', 'print what was made as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
ddim, ddpm, pndm, euler, heun and dpm++ sample any model of a noise schedule;
cm consistency models, in one step or several; edm and flow those that were
trained so. Steps where none are given: 20; for ddpm all of the schedule, for
cm 1, for edm what its scheduler says.

Examples:
  immiscible sample runs/demo/immiscible --steps 10 --grid shirts.png
  immiscible sample runs/demo/vanilla/checkpoints/step-00000600 --sampler dpm++ --karras --seeds 0-999 --out samples/
  immiscible sample runs/demo/immiscible --interpolate 3,9 --interpolate 5,2 --grid between.png
  immiscible sample ddpm-cifar10-32/ --sampler ddpm --steps 1000 --seeds 7 --grid seven.png`,
    )
    .action((path: string, flags: SampleFlags) => runSample(path, flags, io));
}

/** What is sampled, and how wide a grid of it is. */
function startsOf({ seeds, interpolate, columns }: SampleFlags): {
  readonly starts: readonly SampleStart[];
  readonly columns: number;
} {
  if (interpolate === undefined) {
    const starts = seeds ?? wholeNumbers(SEEDS);
    return { starts, columns: columns ?? Math.ceil(Math.sqrt(starts.length)) };
  }
  const starts = interpolate.flatMap(({ from, to, count }) =>
    Array.from({ length: count }, (_, i) => ({ from, to, at: i / (count - 1) })),
  );
  return { starts, columns: columns ?? Math.max(...interpolate.map(({ count }) => count)) };
}

/** The seed that stands for a start where classes are given in turn: a way keeps the class of its first seed. */
function seedOf(start: SampleStart): number {
  return typeof start === 'number' ? start : start.from;
}

async function runSample(path: string, flags: SampleFlags, io: Io): Promise<void> {
  const { folder, pipeline, runConfig } = await openModel(path);
  const { starts, columns } = startsOf(flags);
  const sampling = samplingOf(pipeline, runConfig, flags);
  const { out, scale, timesteps } = flags;
  const steps = flags.steps ?? timesteps?.length ?? sampling.steps;
  checkSteps(sampling, steps);
  const labels = labelsFor(pipeline.model, starts.map(seedOf), flags.labels, sampling.nullLabel);
  const grid = flags.grid ?? (out === undefined ? GRID : undefined);
  const began = performance.now();
  let done = 0;
  const files = await withDevice({ device: 'auto' }, flags, (device) => {
    const batchSize = Math.min(flags.batchSize ?? BATCH, starts.length);
    const size = flags.size === undefined ? undefined : ([flags.size, flags.size] as const);
    const options = { batchSize, size, nullLabel: sampling.nullLabel };
    return withSampler({ device, pipeline, io }, options, async (make, shape) => {
      const written = await SampleFiles.create({ starts, grid, columns, scale, out }, shape);
      const onBatch = async (samples: Float32Array, first: number): Promise<void> => {
        await written.addBatch(samples, first);
        done = first + samples.length / (shape[0] * shape[1] * shape[2]);
      };
      const options = { ...sampling.options, steps, ...(timesteps ? { timesteps } : {}), ...labels };
      const samples = await interruptible(io, (signal) =>
        make({ ...options, seeds: starts, onBatch }, signal),
      );
      await written.finish(samples);
      return written.written;
    });
  }).catch((error: unknown) => {
    if (done > 0 && out !== undefined) {
      printLine(
        io.stderr,
        `${count(done)} of ${plural(starts.length, 'image')} had been made, and are in ${out}`,
      );
    }
    throw error;
  });
  report({ flags, folder, sampling, starts, steps, labels, grid, files, began }, io);
}

/** What was made, for people or as JSON. */
function report(
  made: {
    readonly flags: SampleFlags;
    readonly folder: string;
    readonly sampling: Sampling;
    readonly starts: readonly SampleStart[];
    readonly steps: number;
    readonly labels: { readonly labels?: readonly number[] };
    readonly grid: string | undefined;
    readonly files: readonly string[];
    readonly began: number;
  },
  io: Io,
): void {
  const { flags, folder, sampling, starts, steps, labels, grid, files, began } = made;
  const { name: sampler, options } = sampling;
  const { interpolate, out, timesteps } = flags;
  const seconds = (performance.now() - began) / 1000;
  if (flags.json) {
    const { sampler: scheduler, ...settings } = options;
    const how = { sampler, scheduler: scheduler._class_name, steps, timesteps, ...settings };
    const what = interpolate === undefined ? { seeds: starts } : { interpolate };
    printJson(io.stdout, { model: folder, ...how, ...what, ...labels, files, seconds });
    return;
  }
  const singles = files.filter((file) => file !== grid);
  const where = [
    ...(grid === undefined ? [] : [grid]),
    ...(singles.length < 2 ? singles : [`${plural(singles.length, 'file')} in ${out}`]),
  ];
  const what = `${plural(starts.length, 'image')} with ${sampler}, ${plural(steps, 'step')}`;
  printLine(io.stdout, `${what}, in ${duration(seconds)}: ${where.join(' and ')}`);
}
