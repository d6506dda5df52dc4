/** `immiscible sample`: images from a trained model. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gridPng } from '@immiscible/trainer';
import { Command, Option } from 'commander';
import { duration, plural } from '../format.ts';
import { interruptible } from '../interrupts.ts';
import { type Io, printJson, printLine } from '../io.ts';
import { openModel } from '../model-folder.ts';
import { deviceOption, numberFrom, wholeNumber, wholeNumbers } from '../options.ts';
import { checkSamplingSteps, labelsFor, withSampler } from '../sampling.ts';
import { withDevice } from '../session.ts';

interface SampleFlags {
  readonly steps: number;
  readonly seeds: readonly number[];
  readonly sampler: 'ddim' | 'ddpm';
  readonly eta: number;
  readonly labels?: readonly number[];
  readonly size?: number;
  readonly grid?: string;
  readonly columns?: number;
  readonly scale?: number;
  readonly out?: string;
  readonly batchSize: number;
  readonly device?: string;
  readonly threads?: number;
  readonly json?: true;
}

export function sampleCommand(io: Io): Command {
  return new Command('sample')
    .summary('make images with a trained model')
    .description(
      'Makes images with a model: a pipeline folder of ours or of diffusers, or the folder of a run (its newest\n' +
        'checkpoint). An image depends on its seed alone, not on how many are made at a time.',
    )
    .argument('<model>', 'pipeline folder, or folder of a run')
    .option('--steps <number>', 'sampling steps', wholeNumber(1), 20)
    .option('--seeds <list>', 'one image for each, such as 0-63 or 1,5,9', wholeNumbers, wholeNumbers('0-63'))
    .addOption(new Option('--sampler <name>', 'how to sample').choices(['ddim', 'ddpm']).default('ddim'))
    .option('--eta <number>', 'noise that DDIM adds: 0 none, 1 as much as DDPM', numberFrom(0, 1), 0)
    .option(
      '--labels <list>',
      'classes in turn, for a model that has classes (default: every one in turn)',
      wholeNumbers,
    )
    .option('--size <pixels>', 'side of an image, where the model does not say', wholeNumber(1))
    .option('--grid <file>', 'one PNG of all images (default: samples.png, unless --out is given)')
    .option('--columns <number>', 'images in a row of the grid (default: as wide as high)', wholeNumber(1))
    .option(
      '--scale <number>',
      'side of a pixel in the grid (default: images of about 64 pixels)',
      wholeNumber(1),
    )
    .option('--out <folder>', 'a PNG of each image, named after its seed')
    .option('--batch-size <number>', 'images at a time', wholeNumber(1), 64)
    .addOption(deviceOption())
    .option('--threads <number>', 'CPU threads (default: all)', wholeNumber(1))
    .option('--json', 'print what was made as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
Examples:
  immiscible sample runs/demo/immiscible --steps 10 --grid shirts.png
  immiscible sample runs/demo/vanilla/checkpoints/step-00000900 --seeds 0-999 --out samples/
  immiscible sample ddpm-cifar10-32/ --sampler ddpm --steps 1000 --seeds 7 --grid seven.png`,
    )
    .action((path: string, flags: SampleFlags) => runSample(path, flags, io));
}

async function runSample(path: string, flags: SampleFlags, io: Io): Promise<void> {
  const { folder, pipeline } = await openModel(path);
  checkSamplingSteps(pipeline, [flags.steps]);
  const { seeds, steps, sampler, eta } = flags;
  const labels = labelsFor(pipeline.model, seeds, flags.labels);
  const began = performance.now();
  const files = await withDevice({ device: 'auto' }, flags, (device) => {
    const batchSize = Math.min(flags.batchSize, seeds.length);
    const size = flags.size === undefined ? undefined : ([flags.size, flags.size] as const);
    return withSampler({ device, pipeline, io }, { batchSize, size }, async (make, shape) => {
      const images = await interruptible(io, (signal) =>
        make({ sampler, steps, seeds, eta, ...labels }, signal),
      );
      return writeImages(images, shape, flags);
    });
  });
  const seconds = (performance.now() - began) / 1000;
  if (flags.json) {
    printJson(io.stdout, { model: folder, sampler, steps, eta, seeds, ...labels, files, seconds });
  } else {
    const where = files.length === 1 ? files[0]! : `${plural(files.length, 'file')}, the first ${files[0]!}`;
    printLine(
      io.stdout,
      `${plural(seeds.length, 'image')} with ${plural(steps, 'step')} in ${duration(seconds)}: ${where}`,
    );
  }
}

/** @returns the paths of what was written */
async function writeImages(
  images: Float32Array,
  shape: readonly [number, number, number],
  { grid, out, seeds, columns, scale }: SampleFlags,
): Promise<string[]> {
  const files: string[] = [];
  const [channels, height, width] = shape;
  const write = async (file: string, png: Uint8Array): Promise<void> => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, png);
    files.push(file);
  };
  if (grid !== undefined || out === undefined) {
    const options = {
      columns: columns ?? Math.ceil(Math.sqrt(seeds.length)),
      scale: scale ?? Math.max(1, Math.round(64 / height)),
    };
    await write(grid ?? 'samples.png', await gridPng(images, shape, options));
  }
  if (out !== undefined) {
    const size = channels * height * width;
    for (const [i, seed] of seeds.entries()) {
      const png = await gridPng(images.subarray(i * size, (i + 1) * size), shape, { columns: 1 });
      await write(join(out, `${String(seed).padStart(6, '0')}.png`), png);
    }
  }
  return files;
}
