/** `immiscible evaluate`: how good the images of a trained model are. */
import {
  measureQuality,
  makeReference,
  openFeatures,
  parseRunConfig,
  type Quality,
  type Reference,
  type RunConfig,
  type SamplerName,
  samplerOf,
} from '@immiscible/trainer';
import { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import { isObject, type Json } from '../config-file.ts';
import { modesText } from '../compare-summary.ts';
import { UsageError } from '../errors.ts';
import { count, significant } from '../format.ts';
import { interruptible } from '../interrupts.ts';
import { colorsFor, type Io, printJson, printLine } from '../io.ts';
import { type ModelFolder, openModel } from '../model-folder.ts';
import { positiveNumbers, wholeNumber } from '../options.ts';
import {
  addSamplerOptions,
  checkSteps,
  labelsFor,
  type SamplerFlags,
  type Sampling,
  samplingOf,
} from '../sampler-flags.ts';
import { comparableSize, withSampler } from '../sampling.ts';
import { openData, withDevice } from '../session.ts';
import { renderTable } from '../table.ts';

interface EvaluateFlags extends SamplerFlags {
  readonly data?: string;
  readonly features?: string;
  readonly samples?: number;
  readonly steps?: readonly number[];
  readonly seed: number;
  readonly json?: true;
}

export function evaluateCommand(io: Io): Command {
  const command = new Command('evaluate')
    .summary('measure the quality of a trained model')
    .description(
      'Generates images with a model and holds them against real ones: Fréchet distance, precision and recall in named ' +
        'features, beside the floor that real images have against each other. None of these features are those of the ' +
        'FID, and no number here is one.',
    )
    .argument('<model>', 'pipeline folder, or folder of a run')
    .option(
      '--data <set>',
      'real images: fashion-mnist, cifar10:FOLDER, celeba:FOLDER, tiny-imagenet:FOLDER, image-folder:FOLDER, idx:FILE, ' +
        'toy-2d:SHAPE, or {kind: …} as in a config ' +
        '(default: those of the run)',
    )
    .option(
      '--features <name>',
      'what images are compared in: fashion-classifier, pixels-8x8 or values (default: as the run)',
    )
    .option('--samples <number>', 'images to generate (default: as the run, else 1000)', wholeNumber(2))
    .option(
      '--steps <list>',
      'numbers of sampling steps (default: as the run, else what the sampler is good for)',
      positiveNumbers,
    )
    .option('--seed <number>', 'choice of the real images', wholeNumber(0), 0);
  return addSamplerOptions(command, 'as the run, else 250')
    .option('--json', 'print the measurements as JSON on stdout, and nothing else there')
    .addHelpText(
      'after',
      `
Images are generated from the seeds 0, 1, …, so two models are compared on the same noise.

Examples:
  immiscible evaluate runs/demo/immiscible --steps 3,10
  immiscible evaluate ddpm-cifar10-32/ --data cifar10:data/cifar-10-batches-bin --steps 20,50 --samples 5000
  immiscible evaluate model/ --data '{kind: fashion-mnist, size: 16}' --features fashion-classifier`,
    )
    .action((path: string, flags: EvaluateFlags) => runEvaluate(path, flags, io));
}

/** `cifar10:folder` or `{kind: cifar10, path: folder}` as a config has it; sizes come from the model where open. */
function dataOf(text: string, side: number | undefined): Json {
  const value: unknown = text.trimStart().startsWith('{') ? parseYaml(text) : undefined;
  if (value !== undefined) {
    if (!isObject(value)) throw new UsageError(`--data: wants {kind: …, …}, got ${text}`);
    return value;
  }
  const at = text.indexOf(':');
  const [kind, rest] = at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  const field = { idx: 'images', 'toy-2d': 'shape' }[kind] ?? 'path';
  const sized = side !== undefined && !['idx', 'toy-2d'].includes(kind);
  return { kind, ...(rest === undefined ? {} : { [field]: rest }), ...(sized ? { size: side } : {}) };
}

type Settings = Pick<RunConfig, 'data' | 'evaluation'>;

/** What a model with such a sampler may have been trained with; the others are for denoising. */
const objectives: Partial<Record<SamplerName, RunConfig['objective']['kind']>> = {
  cm: 'consistency-training',
  edm: 'edm',
  flow: 'flow-matching',
};

/** What the flags say, over what the run says; checked as a run's config is. */
function settingsOf(
  { pipeline, runConfig }: Awaited<ReturnType<typeof openModel>>,
  flags: EvaluateFlags,
): Settings {
  const { model, scheduler } = pipeline;
  const side = [model.sample_size].flat()[0] ?? undefined;
  const data = flags.data === undefined ? runConfig?.data : dataOf(flags.data, side);
  if (data === undefined) {
    throw new UsageError(
      'wants --data: the folder is no run that would say which real images to compare with',
    );
  }
  const evaluation = {
    ...(model._class_name === 'MLP' ? { features: 'values' } : {}),
    ...runConfig?.evaluation,
    ...(flags.features === undefined ? {} : { features: flags.features }),
    ...(flags.samples === undefined ? {} : { samples: flags.samples }),
    ...(flags.batchSize === undefined ? {} : { batchSize: flags.batchSize }),
  };
  // Only what data and evaluation come to is of use here, but a config is checked as a whole.
  const objective = runConfig?.objective ?? { kind: objectives[samplerOf(scheduler)] ?? 'denoising' };
  return parseRunConfig({ data, model, scheduler, objective, training: { steps: 1 }, evaluation });
}

/** The run's own numbers of steps, where its own sampler is asked for. */
function stepsFor(
  { pipeline, runConfig }: Awaited<ReturnType<typeof openModel>>,
  { scheduler, steps }: Sampling,
): readonly number[] {
  const own = scheduler._class_name === pipeline.scheduler._class_name;
  return (own ? runConfig?.evaluation.samplingSteps : undefined) ?? [steps];
}

/** What `--json` prints. */
export interface Evaluation {
  readonly model: string;
  readonly step?: number;
  readonly dataset: string;
  readonly features: string;
  readonly samples: number;
  /** as the options name it */
  readonly sampler: string;
  readonly realImages: number;
  readonly floor: { readonly mean: number; readonly standardDeviation: number };
  /** sliced Wasserstein distance of the pixels of real images to those of others */
  readonly slicedFloor: number;
  /** of points in the plane: Wasserstein-2 distance of real points to other real ones */
  readonly pointsFloor?: number;
  /** by number of sampling steps */
  readonly quality: Readonly<Record<string, Quality>>;
}

async function runEvaluate(path: string, flags: EvaluateFlags, io: Io): Promise<void> {
  const found = await openModel(path);
  const sampling = samplingOf(found.pipeline, found.runConfig, flags);
  const settings = settingsOf(found, flags);
  const numbersOfSteps = flags.steps ?? stepsFor(found, sampling);
  for (const steps of numbersOfSteps) checkSteps(sampling, steps);
  const result = await withDevice({ device: 'auto' }, flags, async (device) => {
    const { pipeline } = found;
    const dataset = await openData(settings.data, io);
    const size = comparableSize(pipeline.model, dataset, 'choose other --data');
    const { samples, features, batchSize } = settings.evaluation;
    const extractor = await openFeatures(device, features, dataset);
    try {
      const reference = await makeReference(dataset, extractor, { samples, seed: flags.seed });
      const seeds = Array.from({ length: samples }, (_, i) => i);
      const { nullLabel } = sampling;
      const options = { batchSize: Math.min(batchSize, samples), size, nullLabel };
      const quality = await withSampler({ device, pipeline, io }, options, async (make, shape) => {
        const labels = labelsFor(pipeline.model, seeds, flags.labels, nullLabel);
        const measured: Record<string, Quality> = {};
        for (const steps of numbersOfSteps) {
          const images = await interruptible(io, (signal) =>
            make({ ...sampling.options, steps, seeds, ...labels }, signal),
          );
          measured[steps] = await measureQuality(reference, images, shape);
        }
        return measured;
      });
      return evaluationOf(found, sampling, {
        dataset: dataset.name,
        features: extractor.name,
        samples,
        reference,
        quality,
      });
    } finally {
      await extractor.dispose();
    }
  });
  if (flags.json) printJson(io.stdout, result);
  else printEvaluation(result, io);
}

function evaluationOf(
  { folder, step }: ModelFolder,
  { name: sampler }: Sampling,
  {
    reference,
    ...rest
  }: Pick<Evaluation, 'dataset' | 'features' | 'samples' | 'quality'> & {
    reference: Reference;
  },
): Evaluation {
  return {
    model: folder,
    ...(step === undefined ? {} : { step }),
    sampler,
    realImages: reference.images,
    floor: reference.floor,
    slicedFloor: reference.slicedFloor,
    ...(reference.points ? { pointsFloor: reference.points.floor } : {}),
    ...rest,
  };
}

function printEvaluation(evaluation: Evaluation, io: Io): void {
  const { model, sampler, dataset, features, samples, realImages } = evaluation;
  const { floor, slicedFloor, pointsFloor, quality } = evaluation;
  const colors = colorsFor(io.stdout, io.env);
  printLine(io.stdout, colors.bold(model));
  printLine(
    io.stdout,
    colors.dim(
      `${count(samples)} generated images (${sampler}) against ${count(realImages)} of ${dataset}, in ${features} features\n`,
    ),
  );
  const ofPoints = pointsFloor !== undefined;
  const rows = Object.entries(quality).map(([steps, q]) => [
    steps,
    significant(q.frechet),
    q.precision.toFixed(2),
    q.recall.toFixed(2),
    significant(q.slicedWasserstein ?? NaN),
    ...(ofPoints ? [significant(q.points?.wasserstein2 ?? NaN), modesText(q.points?.modes)] : []),
  ]);
  const columns = [
    ...['sampling steps', 'Fréchet distance', 'precision', 'recall', 'sliced Wasserstein'],
    ...(ofPoints ? ['Wasserstein-2', 'modes with samples, share in one'] : []),
  ];
  printLine(io.stdout, renderTable(columns, rows, colors));
  const [what, values] = ofPoints ? ['points', 'values'] : ['images', 'pixels'];
  const exact = ofPoints ? `, Wasserstein-2 distance ${significant(pointsFloor)}` : '';
  printLine(
    io.stdout,
    `\nReal ${what} among themselves: Fréchet distance ${significant(floor.mean)} ± ${significant(floor.standardDeviation, 2)}, ` +
      `sliced Wasserstein distance of the ${values} ${significant(slicedFloor)}${exact}`,
  );
}
