/**
 * A training run: steps, log, checkpoints. It can be stopped after any step and continued to the same numbers.
 */
import { type ImageDataset, NO_LABEL } from '@immiscible/datasets';
import { type Device, disposeTree } from '@immiscible/tensor-core';
import { BatchSource, type PreparedBatch } from './batches.ts';
import { type Progress, readLatestCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { checkSameConfig } from './config-difference.ts';
import { type RunConfig } from './config.ts';
import { emaDecay } from './ema.ts';
import { ConfigError, DivergedError } from './errors.ts';
import { classCountOf, nullLabelOf } from './label-dropout.ts';
import { type ParameterLayout } from './layout.ts';
import { type Objective } from './objectives/objective.ts';
import { objectiveOf } from './objectives/objective-of.ts';
import { type Tensors } from './optim/adam.ts';
import { learningRateFactor } from './optim/learning-rate.ts';
import { optimizerScalars } from './optim/optimizer.ts';
import { layoutOf, startOf, trainStepOf } from './parts.ts';
import { createRunDir, describeEnvironment, isRun, readRunConfig } from './run-dir.ts';
import { noteSession, notingLoss } from './run-events.ts';
import { appendLog, cutLog } from './run-log.ts';
import { type TrainState } from './state.ts';
import { type StepNumbers, type UnreadStep } from './step-numbers.ts';
import { type StepBatch, type TrainStep } from './step.ts';

/** One step, for progress displays. */
export interface StepReport {
  readonly step: number;
  readonly images: number;
  readonly learningRate: number;
  readonly distanceChange: number;
  /**
   * Loss and gradient of steps that have been read from the device since the last report. On the CPU that is this step;
   * elsewhere a device that is never waited for hands out many at once, every `logging.every` steps at the latest.
   */
  readonly numbers: readonly StepNumbers[];
  readonly milliseconds: PreparedBatch['milliseconds'] & { readonly step: number };
}

export interface OpenRunOptions {
  readonly folder: string;
  readonly device: Device;
  readonly dataset: ImageDataset;
  /** Compiled steps of a run with the same model and optimizer, to be shared; the run compiles its own otherwise. */
  readonly trainStep?: TrainStep;
}

const nothingPending: Progress['pending'] = {
  steps: 0,
  taken: 0,
  loss: 0,
  gradientNorm: 0,
  distanceChange: 0,
  seconds: 0,
};
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
  readonly #layout: ParameterLayout;
  readonly #objective: Objective;
  readonly #source: BatchSource;
  readonly #trainStep: TrainStep;
  readonly #ownsStep: boolean;
  #state: TrainState;
  #progress: Progress;
  #checkpointed: number;
  /** Steps whose numbers are still on the device, in order. */
  #unread: UnreadStep[] = [];
  /** What was read of steps and not reported yet. */
  #read: StepNumbers[] = [];
  #diverged: DivergedError | undefined;
  /** Notes that the run was begun or resumed, before the first step: a run that is merely looked at stays as it is. */
  #begin: (() => Promise<void>) | undefined;

  private constructor(
    config: RunConfig,
    { folder, device, dataset, trainStep }: OpenRunOptions,
    state: TrainState,
    progress: Progress,
    checkpointed: number,
    session: 'started' | 'resumed',
    slots?: ArrayLike<number>,
  ) {
    this.config = config;
    this.folder = folder;
    this.#layout = layoutOf(config);
    this.#objective = objectiveOf(config);
    this.#source = new BatchSource(config, dataset, this.#objective);
    this.#source.restore(progress.loader, progress.step, slots);
    this.#trainStep = trainStep ?? trainStepOf(device, config);
    this.#ownsStep = trainStep === undefined;
    this.#state = state;
    this.#progress = progress;
    this.#checkpointed = checkpointed;
    this.#begin = () => noteSession(folder, session, progress.step, device);
  }

  /**
   * Starts a run in a folder that holds none. Config and environment are written before the first step.
   *
   * @throws CheckpointError where there is a run already; ConfigError where the data do not fit the model
   */
  static async create(config: RunConfig, options: OpenRunOptions): Promise<TrainingRun> {
    checkData(config, options.dataset);
    const state = await startOf(config);
    const run = new TrainingRun(config, options, state, atTheStart, -1, 'started');
    await createRunDir(options.folder, config, describeEnvironment(options.device));
    return run;
  }

  /**
   * Continues the run in a folder from its newest complete checkpoint, or from the beginning where it has none: after a
   * kill, and after a DeviceLostError on a device opened anew.
   *
   * @throws CheckpointError where there is no run, or its checkpoint is damaged
   */
  static async resume(options: OpenRunOptions): Promise<TrainingRun> {
    const config = await readRunConfig(options.folder);
    checkData(config, options.dataset);
    const checkpoint = await readLatestCheckpoint(options.folder, layoutOf(config), {
      slots: config.assignment.storedSeeds > 0,
      target: objectiveOf(config).targetDecay !== undefined,
    });
    const step = checkpoint?.progress.step ?? 0;
    await cutLog(options.folder, step);
    return checkpoint
      ? new TrainingRun(
          config,
          options,
          checkpoint.state,
          checkpoint.progress,
          step,
          'resumed',
          checkpoint.slots,
        )
      : new TrainingRun(config, options, await startOf(config), atTheStart, -1, 'resumed');
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
   * @throws DivergedError where loss or gradients of a step that was read are not finite; the last checkpoint stands
   * @throws DeviceLostError where the device is gone: close this run, and `resume` it on another device
   */
  async step(): Promise<StepReport> {
    if (this.#diverged) throw this.#diverged;
    await this.#begin?.();
    this.#begin = undefined;
    const { training, optimizer, logging } = this.config;
    const start = performance.now();
    const prepared: PreparedBatch[] = [];
    for (let i = 0; i < training.accumulate; i++) prepared.push(await this.#source.next());
    const before = this.#progress;
    const k = before.step + 1;
    const learningRate =
      optimizer.learningRate * learningRateFactor(training.schedule, k - 1, training.steps);
    const scalars = {
      ...optimizerScalars(optimizer, learningRate, k),
      step: k,
      emaRate: 1 - emaDecay(training.ema, k, training.batchSize * training.accumulate),
      targetRate: 1 - (this.#objective.targetDecay?.(k - 1) ?? 1),
    };
    const batches = prepared.map(({ batch }): StepBatch => batch);
    const { state, numbers } = await notingLoss(this.folder, before.step, () =>
      this.#trainStep.run(this.#state, batches, scalars),
    );
    this.#state = state;
    this.#unread.push({ step: k, numbers });
    const sum = (f: (p: PreparedBatch) => number): number => prepared.reduce((total, p) => total + f(p), 0);
    const distanceChange = sum((p) => p.distanceChange) / prepared.length;
    const { pending } = before;
    this.#progress = {
      step: k,
      images: before.images + sum((p) => p.images),
      seconds: before.seconds,
      loader: this.#source.state(),
      pending: {
        ...pending,
        steps: pending.steps + 1,
        distanceChange: pending.distanceChange + distanceChange,
      },
    };
    const isLogged = k % logging.every === 0 || this.finished;
    if (isLogged || this.#unread.length >= this.#trainStep.readEvery) await this.#readBack();
    const seconds = (performance.now() - start) / 1000;
    this.#addSeconds(seconds);
    if (isLogged) await this.#log(learningRate);
    if (k % logging.checkpointEvery === 0 || this.finished) await this.checkpoint();
    return {
      step: k,
      images: this.#progress.images,
      learningRate,
      distanceChange,
      numbers: this.#read.splice(0),
      milliseconds: {
        load: sum((p) => p.milliseconds.load),
        assign: sum((p) => p.milliseconds.assign),
        wait: sum((p) => p.milliseconds.wait),
        step: seconds * 1000,
      },
    };
  }

  /**
   * Waits for the device and reads the numbers of all steps so far; those that no report has had yet are returned.
   *
   * @throws DivergedError as `step` does
   */
  async read(): Promise<readonly StepNumbers[]> {
    await this.#readBack();
    return this.#read.splice(0);
  }

  async #readBack(): Promise<void> {
    if (this.#diverged) throw this.#diverged;
    try {
      const unread = this.#unread.splice(0);
      const read = await notingLoss(this.folder, this.#progress.step, () =>
        this.#trainStep.read(unread, this.#state),
      );
      for (const { loss, gradientNorm, scaling } of read) {
        if (scaling?.skipped) continue;
        const { pending } = this.#progress;
        const taken = { taken: pending.taken + 1, loss: pending.loss + loss, gradientNorm };
        this.#progress = { ...this.#progress, pending: { ...pending, ...taken } };
      }
      this.#read.push(...read);
    } catch (error) {
      if (error instanceof DivergedError) this.#diverged = error;
      throw error;
    }
  }

  #addSeconds(seconds: number): void {
    const { pending } = this.#progress;
    this.#progress = {
      ...this.#progress,
      seconds: this.#progress.seconds + seconds,
      pending: { ...pending, seconds: pending.seconds + seconds },
    };
  }

  /** A line of the log; everything has been read. */
  async #log(learningRate: number): Promise<void> {
    const { step, images, pending } = this.#progress;
    if (pending.taken === 0) return;
    const scaling = this.#read.at(-1)?.scaling;
    await appendLog(this.folder, {
      step,
      images,
      loss: pending.loss / pending.taken,
      distanceChange: pending.distanceChange / pending.steps,
      gradientNorm: pending.gradientNorm,
      learningRate,
      secondsPerStep: pending.seconds / pending.steps,
      ...(scaling ? { lossScale: scaling.lossScale, skippedSteps: scaling.skippedSteps } : {}),
    });
    this.#progress = { ...this.#progress, pending: nothingPending };
  }

  /**
   * Writes a checkpoint of where the run stands, unless it is written already.
   *
   * @throws CheckpointError where the disk does not take it, DivergedError where the state is not finite; earlier
   *   checkpoints then stand as they were
   */
  async checkpoint(): Promise<void> {
    if (this.#checkpointed === this.#progress.step) return;
    await this.#readBack();
    const { model, scheduler, logging } = this.config;
    const pipeline = { model, scheduler };
    const slots = this.#source.slots();
    await notingLoss(this.folder, this.#progress.step, () =>
      writeCheckpoint(this.folder, this.#state, this.#progress, this.#layout, pipeline, logging.keep, slots),
    );
    this.#checkpointed = this.#progress.step;
  }

  /** Ends the look-ahead, frees the state and, unless it is shared, the compiled step. */
  async close(): Promise<void> {
    await this.#source.close();
    disposeTree(this.#unread.splice(0).map(({ numbers }) => numbers));
    disposeTree(this.#state);
    if (this.#ownsStep) await this.#trainStep.dispose();
  }
}

/** @throws ConfigError unless the model takes the set's images and labels */
export function checkData(config: RunConfig, dataset: ImageDataset): void {
  const { model } = config;
  const { name, channels, height, width } = dataset;
  const wanted = model.sample_size === null ? undefined : [model.sample_size].flat();
  const [h, w] = [wanted?.[0] ?? height, wanted?.at(-1) ?? width];
  if (channels !== model.in_channels || height !== h || width !== w) {
    throw new ConfigError(
      `the model takes ${model.in_channels} channels of ${h}×${w} (model.in_channels, model.sample_size), the images of ${name} have ${channels} of ${height}×${width}; change one of them`,
    );
  }
  if (model.num_class_embeds !== null) checkLabels(config, dataset);
}

/** An embedding has no row for a label beyond its classes, or for none. */
function checkLabels(config: RunConfig, dataset: ImageDataset): void {
  const classes = classCountOf(config)!;
  const without = nullLabelOf(config) === undefined ? '' : ' without the one that stands for none';
  for (let i = 0; i < dataset.length; i++) {
    const label = dataset.label(i);
    if (label >= 0 && label < classes) continue;
    throw new ConfigError(
      `the model has ${classes} classes (model.num_class_embeds${without}), image ${i} of ${dataset.name} has ${label === NO_LABEL ? 'no label' : `label ${label}`}; change one of them`,
    );
  }
}
