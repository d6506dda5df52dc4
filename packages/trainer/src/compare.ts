/**
 * The comparison: arms with the same model, seeds, data order, timesteps and noise draws, which differ in the pairing
 * alone, trained side by side and measured at the same numbers of images.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLoader, type ImageDataset, readValues } from '@immiscible/datasets';
import { type Device } from '@immiscible/tensor-core';
import { writeFileAtomic } from './atomic.ts';
import { armConfig, type AssignmentConfig, type CompareConfig, parseCompareConfig } from './config.ts';
import { checkSameConfig } from './config-difference.ts';
import { CheckpointError } from './errors.ts';
import { classCountOf } from './label-dropout.ts';
import { makeReference, measureQuality, openFeatures, type Quality, type Reference } from './evaluate.ts';
import { gridPng } from './image-grid.ts';
import { arePoints } from './points.ts';
import { pointsPng } from './points-picture.ts';
import { appendJsonLine, keepJsonLines, readJsonLines } from './json-lines.ts';
import { readJson } from './pipeline-folder.ts';
import { describeEnvironment, type Environment } from './run-dir.ts';
import { type LogEntry, readLog } from './run-log.ts';
import { trainStepOf } from './parts.ts';
import { checkData, type StepReport, TrainingRun } from './run.ts';
import { createSampler, type Sampler } from './sample.ts';

/** Quality by number of sampling steps. */
export type QualityBySteps = Readonly<Record<string, Quality>>;

/** One measurement of an arm. */
export interface Measurement {
  readonly step: number;
  /** training images seen */
  readonly images: number;
  readonly quality: QualityBySteps;
}

export interface ArmReport {
  readonly name: string;
  readonly assignment: AssignmentConfig;
  readonly steps: number;
  /** training images seen */
  readonly images: number;
  readonly loss: readonly { readonly images: number; readonly loss: number }[];
  /** share by which assignment brought images and noise nearer: 0.02 is two per cent */
  readonly distanceReduction: number;
  /** Fréchet distance at the end, by number of sampling steps */
  readonly frechet: Readonly<Record<string, number>>;
  readonly precision: Readonly<Record<string, number>>;
  readonly recall: Readonly<Record<string, number>>;
  /** during training, the last at the end */
  readonly measurements: readonly Measurement[];
  /** a training step, data and assignment included; the median of the log */
  readonly secondsPerStep: number;
  readonly trainingSeconds: number;
  /** of float16 training: steps that overflowed and were left out */
  readonly skippedSteps?: number;
  /** PNG files relative to the report, by number of sampling steps */
  readonly grids: Readonly<Record<string, string>>;
}

export interface CompareReport extends Environment {
  readonly name: string;
  readonly seed: number;
  readonly dataset: { readonly name: string; readonly images: number; readonly shape: readonly number[] };
  readonly parameters: number;
  readonly features: string;
  /** what real images have against each other, at the number of images that is generated */
  readonly floor: Reference['floor'];
  /** the same by sliced Wasserstein distance; earlier reports have none */
  readonly slicedFloor?: number;
  /** of points in the plane: Wasserstein-2 distance of real points to other real ones */
  readonly pointsFloor?: number;
  readonly arms: readonly ArmReport[];
  /** PNG of real images */
  readonly realGrid: string;
  readonly config: CompareConfig;
  /** of all sessions, without what was lost to interruptions */
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

export type CompareEvent =
  | { readonly type: 'phase'; readonly text: string }
  | { readonly type: 'step'; readonly arm: string; readonly report: StepReport; readonly steps: number }
  | {
      readonly type: 'sampling';
      readonly arm: string;
      readonly samplingSteps: number;
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'measurement'; readonly arm: string; readonly measurement: Measurement };

export interface CompareOptions {
  readonly folder: string;
  readonly device: Device;
  readonly dataset: ImageDataset;
  /** Checkpoints every arm when it is aborted, and rejects with its reason. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: CompareEvent) => void;
}

const CONFIG = 'compare.json';
const TIME = 'time.json';

/** The config of the comparison in `folder`. @throws CheckpointError where there is none */
export async function readCompareConfig(folder: string): Promise<CompareConfig> {
  const path = join(folder, CONFIG);
  if (!(await isComparison(folder))) {
    throw new CheckpointError(`${folder} holds no comparison (no ${CONFIG}); start it without resuming`);
  }
  return parseCompareConfig(await readJson(path));
}

/** True where `folder` holds a comparison. */
export async function isComparison(folder: string): Promise<boolean> {
  return readFile(join(folder, CONFIG)).then(
    () => true,
    () => false,
  );
}

function measurementsPath(armFolder: string): string {
  return join(armFolder, 'measurements.jsonl');
}

function readMeasurements(armFolder: string): Promise<Measurement[]> {
  return readJsonLines<Measurement>(measurementsPath(armFolder));
}

/** Steps at which arms are measured; the last is the end. */
export function milestones(steps: number, points: number): number[] {
  const all = Array.from({ length: points }, (_, i) => Math.round((steps * (i + 1)) / points));
  return [...new Set(all)].filter((step) => step > 0);
}

function gridPath(steps: number): string {
  return join('samples', `steps-${String(steps).padStart(3, '0')}.png`);
}

/**
 * Runs a comparison, or continues the one in the folder.
 *
 * @throws ConfigError where the folder's comparison has another config, or the model does not take the set's images; nothing is
 *   written then
 * @throws the signal's reason when stopped, with everything written that a later call continues from
 */
export async function compare(config: CompareConfig, options: CompareOptions): Promise<CompareReport> {
  const { folder, device, dataset, signal, onEvent } = options;
  const { evaluation, training } = config;
  createLoader(dataset, { batchSize: training.batchSize }); // throws at once unless the set fills a batch
  const first = armConfig(config, config.arms[0]!.name);
  checkData(first, dataset);
  const started = performance.now();
  const environment = describeEnvironment(device);
  await mkdir(folder, { recursive: true });
  if (await isComparison(folder)) checkSameConfig(folder, await readCompareConfig(folder), config);
  else await writeFileAtomic(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
  const before = await readFile(join(folder, TIME), 'utf8').then(
    (text) => (JSON.parse(text) as { seconds: number }).seconds,
    () => 0,
  );
  const saveTime = (): Promise<void> =>
    writeFileAtomic(
      join(folder, TIME),
      JSON.stringify({ seconds: before + (performance.now() - started) / 1000 }),
    );

  onEvent?.({ type: 'phase', text: 'measuring real images' });
  const extractor = await openFeatures(device, evaluation.features, dataset);
  const reference = await makeReference(dataset, extractor, {
    samples: evaluation.samples,
    seed: config.seed,
  });
  const trainStep = trainStepOf(device, first);
  const sampler = createSampler(device, {
    model: config.model,
    scheduler: config.scheduler,
    size: [dataset.height, dataset.width],
    batchSize: Math.min(evaluation.batchSize, evaluation.samples),
  });
  const arms: { name: string; folder: string; run: TrainingRun }[] = [];
  try {
    for (const { name } of config.arms) {
      const own = join(folder, name);
      const run = await TrainingRun.open(armConfig(config, name), {
        folder: own,
        device,
        dataset,
        trainStep,
      });
      arms.push({ name, folder: own, run });
      await keepJsonLines<Measurement>(measurementsPath(own), ({ step }) => step <= run.progress.step);
    }
    const realGrid = await writeRealGrid(folder, dataset, evaluation);
    for (const milestone of milestones(training.steps, evaluation.points)) {
      for (const arm of arms) {
        if (arm.run.progress.step < milestone) onEvent?.({ type: 'phase', text: `training ${arm.name}` });
        while (arm.run.progress.step < milestone) {
          signal?.throwIfAborted();
          const report = await arm.run.step();
          onEvent?.({ type: 'step', arm: arm.name, report, steps: training.steps });
        }
        const done = await readMeasurements(arm.folder);
        if (arm.run.progress.step > milestone || done.some(({ step }) => step === milestone)) continue;
        await arm.run.checkpoint();
        const measurement = await measure(arm, config, reference, sampler, options);
        await appendJsonLine(measurementsPath(arm.folder), measurement);
        onEvent?.({ type: 'measurement', arm: arm.name, measurement });
        await saveTime();
      }
    }
    const report: CompareReport = {
      name: config.name,
      seed: config.seed,
      ...environment,
      dataset: { name: dataset.name, images: dataset.length, shape: sampler.shape },
      parameters: arms[0]!.run.parameterCount,
      features: extractor.name,
      floor: reference.floor,
      slicedFloor: reference.slicedFloor,
      ...(reference.points && { pointsFloor: reference.points.floor }),
      arms: await Promise.all(arms.map(({ name, folder: own, run }) => armReport(config, name, own, run))),
      realGrid,
      config,
      seconds: before + (performance.now() - started) / 1000,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
    await writeFileAtomic(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    return report;
  } catch (error) {
    if (signal?.aborted) for (const { run } of arms) await run.checkpoint();
    await saveTime();
    throw error;
  } finally {
    for (const { run } of arms) await run.close();
    await Promise.all([trainStep.dispose(), sampler.dispose(), extractor.dispose()]);
  }
}

async function measure(
  arm: { name: string; folder: string; run: TrainingRun },
  config: CompareConfig,
  reference: Reference,
  sampler: Sampler,
  { signal, onEvent }: CompareOptions,
): Promise<Measurement> {
  const { run } = arm;
  const { evaluation } = config;
  const atEnd = run.finished;
  const numbers = atEnd
    ? evaluation.samplingSteps
    : (evaluation.pointSamplingSteps ?? evaluation.samplingSteps);
  const seeds = Array.from({ length: evaluation.samples }, (_, i) => i);
  const classes = classCountOf(config);
  const quality: Record<string, Quality> = {};
  const parameters = await run.averagedParameters();
  for (const steps of numbers) {
    onEvent?.({ type: 'phase', text: `sampling ${arm.name} with ${steps} steps` });
    const images = await sampler.sample(parameters, {
      steps,
      seeds,
      ...(classes === undefined ? {} : { labels: seeds.map((seed) => seed % classes) }),
      ...(signal ? { signal } : {}),
      onProgress: (done, total) =>
        onEvent?.({ type: 'sampling', arm: arm.name, samplingSteps: steps, done, total }),
    });
    quality[steps] = await measureQuality(reference, images, sampler.shape);
    if (atEnd) {
      const count = Math.min(evaluation.gridSize ** 2, evaluation.samples);
      const [c, h, w] = sampler.shape;
      const shown = arePoints(sampler.shape) ? images : images.subarray(0, count * c * h * w);
      const png = await picture(shown, sampler.shape, evaluation.gridSize);
      await mkdir(join(arm.folder, 'samples'), { recursive: true });
      await writeFileAtomic(join(arm.folder, gridPath(steps)), png);
    }
  }
  return { step: run.progress.step, images: run.progress.images, quality };
}

/** Points are drawn into the plane, images side by side; small ones are enlarged so that a grid can be looked at. */
async function picture(
  images: Float32Array,
  shape: readonly [number, number, number],
  columns: number,
): Promise<Uint8Array> {
  if (arePoints(shape)) return pointsPng(images);
  return gridPng(images, shape, { columns, scale: Math.max(1, Math.round(40 / shape[1])) });
}

async function writeRealGrid(
  folder: string,
  dataset: ImageDataset,
  { gridSize, samples }: CompareConfig['evaluation'],
): Promise<string> {
  const { channels, height, width } = dataset;
  const shape = [channels, height, width] as const;
  const count = Math.min(arePoints(shape) ? samples : gridSize ** 2, dataset.length);
  const images = await readValues(
    dataset,
    Int32Array.from({ length: count }, (_, i) => i),
  );
  await writeFileAtomic(join(folder, 'real.png'), await picture(images, shape, gridSize));
  return 'real.png';
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

async function armReport(
  config: CompareConfig,
  name: string,
  folder: string,
  run: TrainingRun,
): Promise<ArmReport> {
  const log: LogEntry[] = await readLog(folder);
  const measurements = await readMeasurements(folder);
  const final = measurements.at(-1)?.quality ?? {};
  const { skippedSteps } = log.at(-1) ?? {};
  // Lines of the log stand for as many images as came since the line before: the last one may stand for fewer.
  const change = log.reduce(
    (sum, { distanceChange, images }, i) =>
      sum + (distanceChange * (images - (log[i - 1]?.images ?? 0))) / run.progress.images,
    0,
  );
  return {
    name,
    assignment: run.config.assignment,
    steps: run.progress.step,
    images: run.progress.images,
    loss: log.map(({ images, loss }) => ({ images, loss })),
    distanceReduction: change === 0 ? 0 : -change,
    frechet: mapValues(final, (q) => q.frechet),
    precision: mapValues(final, (q) => q.precision),
    recall: mapValues(final, (q) => q.recall),
    measurements,
    secondsPerStep: median(log.map((entry) => entry.secondsPerStep)),
    trainingSeconds: run.progress.seconds,
    ...(skippedSteps === undefined ? {} : { skippedSteps }),
    grids: Object.fromEntries(
      config.evaluation.samplingSteps.map((steps) => [steps, join(name, gridPath(steps))]),
    ),
  };
}
