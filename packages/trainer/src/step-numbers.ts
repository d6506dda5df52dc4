/**
 * What a step says of itself, one small vector that stays on the device until somebody reads it: reading waits for the
 * device, which would then wait for the host.
 */
import { disposeTree, type Tensor } from '@immiscible/tensor-core';
import { DivergedError } from './errors.ts';
import { type ParameterLayout } from './layout.ts';
import { type TrainState } from './state.ts';

/** The numbers of one step. */
export interface StepNumbers {
  readonly step: number;
  /** mean over the step's micro-batches; not finite where float16 overflowed and the step was left out */
  readonly loss: number;
  /** global norm before clipping; not finite where the step was left out */
  readonly gradientNorm: number;
  /** Of float16 training. */
  readonly scaling?: {
    /** the loss scale that the step was computed with */
    readonly lossScale: number;
    /** steps left out since the run began, this one included */
    readonly skippedSteps: number;
    /** The gradients were not finite, so nothing but the scale has changed. */
    readonly skipped: boolean;
  };
}

/** A step whose numbers lie on the device: [diverged, norm, (loss scale, skipped steps,) losses …]. */
export interface UnreadStep {
  readonly step: number;
  readonly numbers: Tensor;
}

function decode(step: number, values: Float32Array, scaled: boolean): StepNumbers {
  const [, gradientNorm, lossScale, skippedSteps] = values;
  const losses = values.subarray(scaled ? 4 : 2);
  const loss = Math.fround(losses.reduce((sum, value) => sum + value, 0) / losses.length);
  if (!scaled) return { step, loss, gradientNorm: gradientNorm! };
  const skipped = !Number.isFinite(gradientNorm);
  return {
    step,
    loss,
    gradientNorm: gradientNorm!,
    scaling: { lossScale: lossScale!, skippedSteps: skippedSteps!, skipped },
  };
}

/**
 * Reads steps at once and frees their vectors.
 *
 * @param steps in the order in which they were taken
 * @param state what the last of them gave
 * @throws DivergedError for the first that diverged, naming it and the first bad parameter
 */
export async function readSteps(
  steps: readonly UnreadStep[],
  state: TrainState,
  layout: ParameterLayout,
): Promise<StepNumbers[]> {
  const vectors = await Promise.all(steps.map(({ numbers }) => numbers.data()));
  disposeTree(steps.map(({ numbers }) => numbers));
  const scaled = state.lossScale !== undefined;
  const read = steps.map(({ step }, i) => decode(step, vectors[i]! as Float32Array, scaled));
  const bad = vectors.findIndex(([diverged]) => diverged !== 0);
  if (bad >= 0) throw await divergedError(read[bad]!, state, layout);
  return read;
}

async function divergedError(
  { step, loss, gradientNorm, scaling }: StepNumbers,
  { firstMoments }: TrainState,
  layout: ParameterLayout,
): Promise<DivergedError> {
  // The first moment of a parameter takes in its gradient, so it shows which gradients were not finite.
  const bad = (await firstMoments.data()).findIndex((value) => !Number.isFinite(value));
  const where = bad >= 0 ? `; the first gradient that is not finite is in ${layout.nameAt(bad)}` : '';
  const scale = scaling
    ? ` at a loss scale of ${scaling.lossScale}, after ${scaling.skippedSteps - 1} steps were left out`
    : '';
  return new DivergedError(
    `step ${step}: the loss is ${loss} and the gradient's norm ${gradientNorm}${scale}${where}; lower the learning rate or clip gradients, and resume from the last checkpoint`,
  );
}
