/**
 * A training run: steps, log, checkpoints. It can be stopped after any step and continued to the same numbers.
 */
import { applyUnet2d, initUnet2d, unet2dParameters } from '@immiscible/models';
import { type ImageDataset, NO_LABEL } from '@immiscible/datasets';
import { NoiseSchedule } from '@immiscible/schedulers';
import { type Device, disposeTree } from '@immiscible/tensor-core';
import { BatchSource, type PreparedBatch } from './batches.ts';
import { type Progress, readLatestCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { checkSameConfig } from './config-difference.ts';
import { type RunConfig } from './config.ts';
import { emaDecay } from './ema.ts';
import { ConfigError } from './errors.ts';
import { ParameterLayout } from './layout.ts';
import { adamScalars, type Tensors } from './optim/adam.ts';
import { learningRateFactor } from './optim/learning-rate.ts';
import { createRunDir, describeEnvironment, isRun, readRunConfig } from './run-dir.ts';
import { appendLog, cutLog } from './run-log.ts';
import { initialState, type TrainState } from './state.ts';
import { type ApplyModel, compileTrainStep, type StepBatch, type TrainStep } from './step.ts';

/** One step, for progress displays. */
export interface StepReport {
  readonly step: number;
  readonly images: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly distanceChange: number;
  readonly milliseconds: PreparedBatch['milliseconds'] & { readonly step: number };
}

export interface OpenRunOptions {
  readonly folder: string;
  readonly device: Device;
  readonly dataset: ImageDataset;
  /** Compiled steps of a run with the same model and optimizer, to be shared; the run compiles its own otherwise. */
  readonly trainStep?: TrainStep;
}

/** The model of a config, as steps and samplers call it. */
export function modelOf(config: RunConfig): ApplyModel {
  return (parameters, { labels, ...inputs }) =>
    applyUnet2d(config.model, parameters, { ...inputs, ...(labels ? { classLabels: labels } : {}) });
}

/** Where the parameters of a config's model lie in a state. */
export function layoutOf(config: RunConfig): ParameterLayout {
  return new ParameterLayout(unet2dParameters(config.model));
}

/** Compiles the steps that runs of `config` take. */
export function trainStepOf(device: Device, config: RunConfig): TrainStep {
  const { maxGradientNorm } = config.training;
  return compileTrainStep(device, {
    layout: layoutOf(config),
    apply: modelOf(config),
    prediction: config.scheduler.prediction_type,
    optimizer: config.optimizer,
    maxGradientNorm: maxGradientNorm ?? undefined,
  });
}

const nothingPending = { steps: 0, loss: 0, distanceChange: 0, seconds: 0 };
const atTheStart: Progress = {
  step: 0,
  images: 0,
  seconds: 0,
  loader: { epoch: 0, position: 0 },
  pending: nothingPending,
};

export class TrainingRun {
  readonly config: RunConfig;
  readonly folder: string;
  readonly schedule: NoiseSchedule;
  readonly #layout: ParameterLayout;
  readonly #source: BatchSource;
  readonly #trainStep: TrainStep;
  readonly #ownsStep: boolean;
  #state: TrainState;
  #progress: Progress;
  #checkpointed: number;

  private constructor(
    config: RunConfig,
    { folder, device, dataset, trainStep }: OpenRunOptions,
    state: TrainState,
    progress: Progress,
    checkpointed: number,
  ) {
    this.config = config;
    this.folder = folder;
    this.schedule = new NoiseSchedule(config.scheduler);
    this.#layout = layoutOf(config);
    this.#source = new BatchSource(config, dataset, this.schedule);
    this.#source.restore(progress.loader);
    this.#trainStep = trainStep ?? trainStepOf(device, config);
    this.#ownsStep = trainStep === undefined;
    this.#state = state;
    this.#progress = progress;
    this.#checkpointed = checkpointed;
  }

  /**
   * Starts a run in a folder that holds none. Config and environment are written before the first step.
   *
   * @throws CheckpointError where there is a run already; ConfigError where the data do not fit the model
   */
  static async create(config: RunConfig, options: OpenRunOptions): Promise<TrainingRun> {
    checkData(config, options.dataset);
    const state = await startOf(config);
    const run = new TrainingRun(config, options, state, atTheStart, -1);
    await createRunDir(options.folder, config, describeEnvironment(options.device));
    return run;
  }

  /**
   * Continues the run in a folder from its newest complete checkpoint, or from the beginning where it has none.
   *
   * @throws CheckpointError where there is no run, or its checkpoint is damaged
   */
  static async resume(options: OpenRunOptions): Promise<TrainingRun> {
    const config = await readRunConfig(options.folder);
    checkData(config, options.dataset);
    const checkpoint = await readLatestCheckpoint(options.folder, layoutOf(config));
    if (checkpoint) {
      await cutLog(options.folder, checkpoint.progress.step);
      return new TrainingRun(
        config,
        options,
        checkpoint.state,
        checkpoint.progress,
        checkpoint.progress.step,
      );
    }
    await cutLog(options.folder, 0);
    return new TrainingRun(config, options, await startOf(config), atTheStart, -1);
  }

  /** `resume` where the folder holds a run, else `create`. @throws ConfigError where its config is another one */
  static async open(config: RunConfig, options: OpenRunOptions): Promise<TrainingRun> {
    const { folder } = options;
    if (!(await isRun(folder))) return TrainingRun.create(config, options);
    checkSameConfig(folder, await readRunConfig(folder), config);
    return TrainingRun.resume(options);
  }

  get progress(): Progress {
    return this.#progress;
  }

  get finished(): boolean {
    return this.#progress.step >= this.config.training.steps;
  }

  /** The averaged weights, for sampling: views of the run's own memory, which its next steps write over. */
  averagedParameters(): Promise<Tensors> {
    return this.#layout.unpack(this.#state.ema);
  }

  /** How many parameters the model has. */
  get parameterCount(): number {
    return this.#layout.size;
  }

  /** Numbers about the compiled step, by name. */
  get report(): Readonly<Record<string, number>> {
    return this.#trainStep.report;
  }

  /**
   * One update. The log gets a line and the folder a checkpoint when they are due.
   *
   * @throws DivergedError where loss or gradients are not finite; the last checkpoint stands
   */
  async step(): Promise<StepReport> {
    const { training, optimizer, logging } = this.config;
    const start = performance.now();
    const prepared: PreparedBatch[] = [];
    for (let i = 0; i < training.accumulate; i++) prepared.push(await this.#source.next());
    const k = this.#progress.step + 1;
    const learningRate =
      optimizer.learningRate * learningRateFactor(training.schedule, k - 1, training.steps);
    const scalars = { ...adamScalars(optimizer, learningRate, k), emaRate: 1 - emaDecay(training.ema, k) };
    const batches = prepared.map(({ batch }): StepBatch => batch);
    const { state, loss, gradientNorm } = await this.#trainStep.run(this.#state, batches, scalars, k);
    this.#state = state;
    const seconds = (performance.now() - start) / 1000;
    const mean = (f: (p: PreparedBatch) => number): number =>
      prepared.reduce((sum, p) => sum + f(p), 0) / prepared.length;
    const distanceChange = mean((p) => p.distanceChange);
    const before = this.#progress;
    const images = before.images + prepared.reduce((sum, p) => sum + p.images, 0);
    const pending = {
      steps: before.pending.steps + 1,
      loss: before.pending.loss + loss,
      distanceChange: before.pending.distanceChange + distanceChange,
      seconds: before.pending.seconds + seconds,
    };
    this.#progress = {
      step: k,
      images,
      seconds: before.seconds + seconds,
      loader: this.#source.state(),
      pending,
    };
    if (k % logging.every === 0 || this.finished) {
      await appendLog(this.folder, {
        step: k,
        images,
        loss: pending.loss / pending.steps,
        distanceChange: pending.distanceChange / pending.steps,
        gradientNorm,
        learningRate,
        secondsPerStep: pending.seconds / pending.steps,
      });
      this.#progress = { ...this.#progress, pending: nothingPending };
    }
    if (k % logging.checkpointEvery === 0 || this.finished) await this.checkpoint();
    const sum = (f: (p: PreparedBatch) => number): number => prepared.reduce((total, p) => total + f(p), 0);
    return {
      step: k,
      images,
      loss,
      gradientNorm,
      learningRate,
      distanceChange,
      milliseconds: {
        load: sum((p) => p.milliseconds.load),
        noise: sum((p) => p.milliseconds.noise),
        assign: sum((p) => p.milliseconds.assign),
        step: seconds * 1000,
      },
    };
  }

  /**
   * Writes a checkpoint of where the run stands, unless it is written already.
   *
   * @throws CheckpointError where the disk does not take it, DivergedError where the state is not finite; earlier
   *   checkpoints then stand as they were
   */
  async checkpoint(): Promise<void> {
    if (this.#checkpointed === this.#progress.step) return;
    const { model, scheduler, logging } = this.config;
    await writeCheckpoint(
      this.folder,
      this.#state,
      this.#progress,
      this.#layout,
      { model, scheduler },
      logging.keep,
    );
    this.#checkpointed = this.#progress.step;
  }

  /** Frees the state and, unless it is shared, the compiled step. */
  async close(): Promise<void> {
    disposeTree(this.#state);
    if (this.#ownsStep) await this.#trainStep.dispose();
  }
}

function startOf(config: RunConfig): Promise<TrainState> {
  const parameters = initUnet2d(config.model, config.seed, { zeroInit: config.training.zeroInit });
  return initialState(layoutOf(config), parameters);
}

function checkData({ model }: RunConfig, dataset: ImageDataset): void {
  const { name, channels, height, width } = dataset;
  const wanted = model.sample_size === null ? undefined : [model.sample_size].flat();
  const [h, w] = [wanted?.[0] ?? height, wanted?.at(-1) ?? width];
  if (channels !== model.in_channels || height !== h || width !== w) {
    throw new ConfigError(
      `the model takes ${model.in_channels} channels of ${h}×${w} (model.in_channels, model.sample_size), the images of ${name} have ${channels} of ${height}×${width}; change one of them`,
    );
  }
  const { num_class_embeds: classes } = model;
  if (classes !== null) checkLabels(classes, dataset);
}

/** An embedding has no row for a label beyond its classes, or for none. */
function checkLabels(classes: number, dataset: ImageDataset): void {
  for (let i = 0; i < dataset.length; i++) {
    const label = dataset.label(i);
    if (label >= 0 && label < classes) continue;
    throw new ConfigError(
      `the model has ${classes} classes (model.num_class_embeds), image ${i} of ${dataset.name} has ${label === NO_LABEL ? 'no label' : `label ${label}`}; change one of them`,
    );
  }
}
