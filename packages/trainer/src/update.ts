/**
 * The second half of a step, as a graph: gradient → clip → optimizer → average, and what the step says of itself.
 *
 * With a loss scale the gradient comes scaled, and one that is not finite changes nothing but the scale. Where numbers
 * are read later than every step, the moments stand still after the first step that diverged, so that they still show
 * whose gradient was the first to be bad.
 */
import { mapTree, stack, type Tensor, where } from '@immiscible/tensor-core';
import { emaUpdate } from './ema.ts';
import { type AdamState } from './optim/adam.ts';
import { clipByGlobalNorm, globalNorm } from './optim/clip.ts';
import { isFiniteNorm, type LossScale, type LossScaleOptions, nextLossScale } from './optim/loss-scale.ts';
import {
  type OptimizerOptions,
  type OptimizerScalars,
  optimizerScalarsOnDevice,
  optimizerUpdate,
} from './optim/optimizer.ts';
import { type TrainState } from './state.ts';

export interface UpdateOptions {
  readonly optimizer: OptimizerOptions;
  /** No clipping where undefined. */
  readonly maxGradientNorm: number | undefined;
  /** Of float16 training; the state then has a loss scale. */
  readonly lossScale: LossScaleOptions | undefined;
  /** The most steps whose numbers may lie unread on the device; with 1, each is read before the next one. */
  readonly readEvery: number;
}

/** Numbers of the step that are not tensors' business. */
export interface StepScalars extends OptimizerScalars {
  /** number of the step, from 1 */
  readonly step: number;
  /** 1 − decay of the moving average */
  readonly emaRate: number;
  /** 1 − decay of the target network, of objectives that keep one */
  readonly targetRate?: number;
}

/** `targetRate` is 0 where a step has none. */
export type ScalarTensors = Readonly<Record<keyof StepScalars, Tensor>>;

/** What a step leaves on the device. */
export type Update = {
  readonly state: TrainState;
  /** what step-numbers.ts reads */
  readonly numbers: Tensor;
};

/**
 * One update; the state's vectors and the gradient are [number of parameters].
 *
 * @param gradient of the mean loss, times the loss scale where the state has one
 * @param losses scalars, one a micro-batch, as they are without a scale
 */
export function updateState(
  options: UpdateOptions,
  state: TrainState,
  gradient: Tensor,
  losses: readonly Tensor[],
  scalars: ScalarTensors,
): Update {
  const { lossScale } = state;
  return options.lossScale && lossScale
    ? scaledUpdate(options, options.lossScale, { ...state, lossScale }, gradient, losses, scalars)
    : plainUpdate(options, state, gradient, losses, scalars);
}

type Averaged = AdamState & { readonly ema: Tensor; readonly target?: Tensor };

/** Clip, optimizer, averages. */
function optimize(
  { optimizer, maxGradientNorm: limit }: UpdateOptions,
  { ema, target, ...state }: Averaged,
  gradient: Tensor,
  norm: Tensor,
  scalars: ScalarTensors,
): Averaged {
  const clipped = limit === undefined ? gradient : clipByGlobalNorm(gradient, norm, limit);
  const next = optimizerUpdate(optimizer, state, clipped, scalars);
  return {
    ...next,
    ema: emaUpdate(ema, next.parameters, scalars.emaRate),
    ...(target ? { target: emaUpdate(target, next.parameters, scalars.targetRate) } : {}),
  };
}

function plainUpdate(
  options: UpdateOptions,
  { diverged: before, ...state }: TrainState,
  gradient: Tensor,
  losses: readonly Tensor[],
  scalars: ScalarTensors,
): Update {
  const norm = globalNorm(gradient);
  const next = optimize(options, state, gradient, norm, scalars);
  const size = losses.reduce((sum, loss) => sum.add(loss.abs()), norm);
  const diverged = where(isFiniteNorm(size), before, 1);
  const firstMoments =
    options.readEvery > 1
      ? where(before.greater(0), state.firstMoments, next.firstMoments)
      : next.firstMoments;
  return { state: { ...next, firstMoments, diverged }, numbers: stack([diverged, norm, ...losses]) };
}

function scaledUpdate(
  options: UpdateOptions,
  scaling: LossScaleOptions,
  { diverged: before, lossScale, ...state }: TrainState & { readonly lossScale: LossScale },
  scaled: Tensor,
  losses: readonly Tensor[],
  scalars: ScalarTensors,
): Update {
  const { scale } = lossScale;
  const gradient = scaled.mul(scale.reciprocal());
  const norm = globalNorm(gradient);
  const finite = isFiniteNorm(norm);
  // At the floor the gradient is let in, for its moments to show where it is bad.
  const fatal = where(finite, 0, where(scale.greater(scaling.floor), 0, 1));
  const taken = where(finite, 1, fatal).sub(before).greater(0.5);
  const after = nextLossScale(scaling, options.optimizer.betas, lossScale, finite);
  const next = optimize(options, state, gradient, norm, {
    ...scalars,
    ...optimizerScalarsOnDevice(options.optimizer, scalars, {
      ...after,
      updates: scalars.step.sub(after.skipped),
    }),
  });
  const kept = mapTree(next, (value, path) =>
    where(taken, value, (state as Required<Averaged>)[path as keyof Averaged]),
  );
  const diverged = before.maximum(fatal);
  return {
    state: { ...kept, diverged, lossScale: after },
    numbers: stack([diverged, norm, scale, after.skipped, ...losses]),
  };
}
