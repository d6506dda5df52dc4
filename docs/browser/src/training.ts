/**
 * Two arms trained side by side: the same first weights, images, timesteps and drawn noise, step for step. The vanilla
 * arm takes the noise as it was drawn; the immiscible arm takes the same noise assigned to the images.
 */
import { assignNoise } from '@immiscible/assignment';
import { streamNormal, streamUniform } from '@immiscible/random';
import { sampleDdim, trainingDraw } from '@immiscible/schedulers';
import { type Device, disposeTree, type Tensor } from '@immiscible/tensor-core';
import { type ArmState, initialState, Predictor, Step } from './step.ts';
import { sampleSize, type Task } from './task.ts';

export const ARMS = ['vanilla', 'immiscible'] as const;
export type Arm = (typeof ARMS)[number];
export type PerArm<T> = Readonly<Record<Arm, T>>;

/** The losses of one step. */
export interface Losses extends PerArm<number> {
  /** from 1 */
  readonly step: number;
}

/** What met what in the latest batch, and by how much the mean distance of pairs shrank. */
export interface Pairing {
  /** [B, ...shape] */
  readonly x0: Float32Array;
  readonly noise: PerArm<Float32Array>;
  /** Mean pair distance after assignment over before, minus 1: negative, 0 where nothing moved. */
  readonly reduction: number;
}

/** Streams of random numbers: one for each purpose and step. */
const PURPOSES = ['data', 'noise', 'time', 'samples'] as const;
function streamOf(purpose: (typeof PURPOSES)[number], step: number): number {
  return PURPOSES.indexOf(purpose) * 2 ** 32 + step;
}

export class Training {
  readonly task: Task;
  readonly #seed: number;
  readonly #step: Step;
  readonly #predictor: Predictor;
  readonly #states: Record<Arm, ArmState>;
  #unread: { step: number; losses: PerArm<Tensor> }[] = [];
  #pairing: Pairing | undefined;
  #steps = 0;

  constructor(device: Device, task: Task, seed: number) {
    this.task = task;
    this.#seed = seed;
    this.#step = new Step(device, task);
    this.#predictor = new Predictor(device, task, task.shown);
    this.#states = { vanilla: initialState(task, seed), immiscible: initialState(task, seed) };
  }

  /** Steps taken by each arm. */
  get steps(): number {
    return this.#steps;
  }

  /** The latest batch; undefined before the first step. */
  get pairing(): Pairing | undefined {
    return this.#pairing;
  }

  /** One step of each arm. What it gives stays on the device until `readLosses`. */
  async advance(): Promise<void> {
    const { batchSize, schedule, shape } = this.task;
    const [seed, step] = [this.#seed, this.#steps + 1];
    const size = batchSize * sampleSize(this.task);
    const x0 = this.task.draw(seed, streamOf('data', step));
    const drawn = streamNormal(seed, streamOf('noise', step), new Float32Array(size));
    const uniforms = streamUniform(seed, streamOf('time', step), new Float32Array(batchSize));
    const samples = [batchSize, ...shape];
    const assigned = await assignNoise({ data: x0, shape: samples }, { data: drawn, shape: samples });
    const noise = { vanilla: drawn, immiscible: assigned.noise };
    this.#pairing = { x0, noise, reduction: assigned.stats.reduction };

    const draw = trainingDraw(schedule, uniforms);
    const runArm = async (arm: Arm): Promise<Tensor> => {
      const { state, loss } = await this.#step.run(
        this.#states[arm],
        { x0, noise: noise[arm], ...draw },
        step,
      );
      this.#states[arm] = state;
      return loss;
    };
    const losses = { vanilla: await runArm('vanilla'), immiscible: await runArm('immiscible') };
    this.#unread.push({ step, losses });
    this.#steps = step;
  }

  /** The losses of the steps since the last call; waits until the device has computed them. */
  async readLosses(): Promise<Losses[]> {
    const unread = this.#unread;
    this.#unread = [];
    const read: Losses[] = [];
    for (const { step, losses } of unread) {
      const numbers = { vanilla: await losses.vanilla.item(), immiscible: await losses.immiscible.item() };
      disposeTree(losses);
      for (const arm of ARMS) {
        if (!Number.isFinite(numbers[arm])) {
          throw new Error(`The loss of the ${arm} arm is ${numbers[arm]} at step ${step}: it diverged.`);
        }
      }
      read.push({ step, ...numbers });
    }
    return read;
  }

  /**
   * Samples of an arm's averaged weights by DDIM, from the same noise every time and for both arms.
   *
   * @param steps of the sampler
   * @returns [shown, ...shape]
   */
  sample(arm: Arm, steps: number): Promise<Float32Array> {
    const { average } = this.#states[arm];
    const x = new Float32Array(this.task.shown * sampleSize(this.task));
    return sampleDdim({
      schedule: this.task.schedule,
      steps,
      x: streamNormal(this.#seed, streamOf('samples', 0), x),
      denoise: (xt, t) => this.#predictor.run(average, xt, t),
    });
  }

  /** Frees everything on the device. */
  async dispose(): Promise<void> {
    for (const { losses } of this.#unread) disposeTree(losses);
    disposeTree(this.#states);
    await this.#step.dispose();
    await this.#predictor.dispose();
  }
}
