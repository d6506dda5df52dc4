/**
 * The training step as a pure function: x_0 and its noise → x_t → network → loss → gradients → Adam → average. The network
 * predicts v (Salimans & Ho 2022), which is all but −x_0 where x_t is all but noise.
 *
 * It is compiled once and serves both arms, so that nothing but the noise in their batches can differ between them.
 * (`@immiscible/trainer` has the step for real runs, with clipping, accumulation and float16; it writes to disk, and
 * wants Node.)
 */
import {
  type CompiledFunction,
  type Device,
  tensor,
  type Tensor,
  valueAndGrad,
} from '@immiscible/tensor-core';
import { sampleSize, type Task, type Tensors } from './task.ts';

const BETAS = [0.9, 0.999] as const;
const EPS = 1e-8;
const AVERAGE_DECAY = 0.99;

/** Everything that training changes; records of one structure, float32. */
export type ArmState = {
  readonly parameters: Tensors;
  /** m of Adam */
  readonly firstMoments: Tensors;
  /** v of Adam */
  readonly secondMoments: Tensors;
  /** The moving average of the parameters, which samples are drawn from. */
  readonly average: Tensors;
};

/** One batch on the host. */
export interface HostBatch {
  /** x_0 [B, ...shape] */
  readonly x0: Float32Array;
  /** ε [B, ...shape], row for row that of x_0 */
  readonly noise: Float32Array;
  /** t, √ᾱ_t and √(1 − ᾱ_t), [B] */
  readonly timesteps: Int32Array;
  readonly alpha: Float32Array;
  readonly sigma: Float32Array;
}

type StepInputs = {
  state: ArmState;
  batch: { x0: Tensor; noise: Tensor; timesteps: Tensor; alpha: Tensor; sigma: Tensor };
  scalars: { stepSize: Tensor; inverseRootCorrection: Tensor; averageRate: Tensor };
};
type StepOutputs = { state: ArmState; loss: Tensor };

function mapRecord(record: Tensors, f: (value: Tensor, name: string) => Tensor): Tensors {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]));
}

/** A state at step 0, on the host. */
export function initialState(task: Task, seed: number): ArmState {
  const parameters = task.init(seed);
  const zeros = (): Tensors =>
    mapRecord(parameters, ({ size, shape }) => tensor(new Float32Array(size), shape));
  return {
    parameters,
    firstMoments: zeros(),
    secondMoments: zeros(),
    average: task.init(seed),
  };
}

/** The compiled step of one task. */
export class Step {
  readonly #task: Task;
  readonly #program: CompiledFunction<StepInputs, StepOutputs>;

  constructor(device: Device, task: Task) {
    this.#task = task;
    this.#program = device.compile((inputs: StepInputs) => trace(task, inputs), { donate: ['state'] });
  }

  /**
   * Consumes `state`; gives the next one, and the loss (a scalar on the device: read it, then dispose it).
   *
   * @param step from 1
   */
  run(state: ArmState, batch: HostBatch, step: number): Promise<StepOutputs> {
    const { batchSize: rows, shape, learningRate } = this.#task;
    const warmUp = Math.min(AVERAGE_DECAY, step / (step + 9)); // diffusers' EMAModel
    return this.#program({
      state,
      batch: {
        x0: tensor(batch.x0, [rows, ...shape]),
        noise: tensor(batch.noise, [rows, ...shape]),
        timesteps: tensor(Float32Array.from(batch.timesteps), [rows]),
        alpha: tensor(batch.alpha, [rows]),
        sigma: tensor(batch.sigma, [rows]),
      },
      scalars: {
        stepSize: tensor(learningRate / (1 - BETAS[0] ** step)),
        inverseRootCorrection: tensor(1 / Math.sqrt(1 - BETAS[1] ** step)),
        averageRate: tensor(1 - warmUp),
      },
    });
  }

  dispose(): Promise<void> {
    return this.#program.dispose();
  }
}

function trace(task: Task, { state, batch, scalars }: StepInputs): StepOutputs {
  const perSample = (x: Tensor): Tensor => x.reshape([task.batchSize, ...task.shape.map(() => 1)]);
  const { x0, noise } = batch;
  const [alpha, sigma] = [perSample(batch.alpha), perSample(batch.sigma)];
  // The noise that was assigned makes x_t, and the same is in what the network is to find.
  const xt = x0.mul(alpha).add(noise.mul(sigma));
  const v = noise.mul(alpha).sub(x0.mul(sigma));
  const { value: loss, gradients } = valueAndGrad((parameters: Tensors) =>
    task.predict(parameters, xt, batch.timesteps).sub(v).square().mean(),
  )(state.parameters);
  return { loss, state: adam(state, gradients, scalars) };
}

/** Adam (Kingma & Ba 2015), algorithm 1, and the moving average of what it gives. */
function adam(state: ArmState, gradients: Tensors, scalars: StepInputs['scalars']): ArmState {
  const of = (record: Tensors, name: string): Tensor => {
    const value = record[name];
    if (!value) throw new Error(`adam: the parameter ${name} has no gradient or no moment`);
    return value;
  };
  const firstMoments = mapRecord(state.firstMoments, (m, name) =>
    m.mul(BETAS[0]).add(of(gradients, name).mul(1 - BETAS[0])),
  );
  const secondMoments = mapRecord(state.secondMoments, (v, name) =>
    v.mul(BETAS[1]).add(
      of(gradients, name)
        .square()
        .mul(1 - BETAS[1]),
    ),
  );
  const parameters = mapRecord(state.parameters, (theta, name) => {
    const denominator = of(secondMoments, name).sqrt().mul(scalars.inverseRootCorrection).add(EPS);
    return theta.sub(of(firstMoments, name).mul(scalars.stepSize).div(denominator));
  });
  const average = mapRecord(state.average, (mean, name) =>
    mean.add(of(parameters, name).sub(mean).mul(scalars.averageRate)),
  );
  return { parameters, firstMoments, secondMoments, average };
}

/** The compiled network of one task, for samples of `rows` at a time. */
export class Predictor {
  readonly #task: Task;
  readonly #rows: number;
  readonly #program: CompiledFunction<
    { parameters: Tensors; sample: Tensor; timestep: Tensor },
    { v: Tensor }
  >;

  constructor(device: Device, task: Task, rows: number) {
    this.#task = task;
    this.#rows = rows;
    this.#program = device.compile(({ parameters, sample, timestep }) => ({
      v: task.predict(parameters, sample, timestep),
    }));
  }

  /** v at x_t [rows, ...shape] and one timestep for all. */
  async run(parameters: Tensors, xt: Float32Array, timestep: number): Promise<Float32Array> {
    if (xt.length !== this.#rows * sampleSize(this.#task)) {
      throw new Error(
        `predict: wanted ${this.#rows} samples of ${sampleSize(this.#task)}, got ${xt.length} numbers`,
      );
    }
    const { v } = await this.#program({
      parameters,
      sample: tensor(xt, [this.#rows, ...this.#task.shape]),
      timestep: tensor(new Float32Array(this.#rows).fill(timestep), [this.#rows]),
    });
    const values = await v.data();
    v.dispose();
    return Float32Array.from(values);
  }

  dispose(): Promise<void> {
    return this.#program.dispose();
  }
}
