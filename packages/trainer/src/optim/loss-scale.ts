/**
 * Dynamic loss scaling (Micikevicius et al. 2018, "Mixed precision training", section 3.2) as torch.amp.GradScaler:
 * gradients that float16 would round to zero are kept by multiplying the loss, and the factor finds its size by itself.
 *
 * Everything is a tensor of the state, so that nothing has to be read back to take or to leave out an update.
 */
import { type Tensor, tensor, where } from '@immiscible/tensor-core';

export interface LossScaleOptions {
  /** the first scale */
  readonly initial: number;
  /** factor after `interval` updates in a row */
  readonly growth: number;
  /** factor after an update that was left out */
  readonly backoff: number;
  readonly interval: number;
  /** a gradient that is not finite at this scale or below is no overflow any more: the run has diverged */
  readonly floor: number;
}

/** All float32 []. */
export type LossScale = {
  readonly scale: Tensor;
  /** updates taken since the scale last changed (GradScaler's growth tracker) */
  readonly streak: Tensor;
  /** updates left out since the run began */
  readonly skipped: Tensor;
  /** 1 − β₁ᵗ of Adam, t the updates taken: only the device knows how many those are */
  readonly firstCorrection: Tensor;
  /** 1 − β₂ᵗ */
  readonly secondCorrection: Tensor;
};

/** Beyond it a float32 is taken for infinite; it is a power of two less than the largest. */
const LARGEST = 2 ** 127;

/** Whether a number that is not negative is finite: bool []. */
export function isFiniteNorm(norm: Tensor): Tensor {
  return norm.less(LARGEST); // false for NaN too
}

/** The scale at step 0, on the host. */
export function initialLossScale({ initial }: LossScaleOptions): LossScale {
  const [streak, skipped, firstCorrection, secondCorrection] = [0, 0, 0, 0].map((value) => tensor(value));
  return {
    scale: tensor(initial),
    streak: streak!,
    skipped: skipped!,
    firstCorrection: firstCorrection!,
    secondCorrection: secondCorrection!,
  };
}

/**
 * The scale for the next step, as a graph.
 *
 * @param finite bool []: whether the step's gradients were
 */
export function nextLossScale(
  { growth, backoff, interval }: LossScaleOptions,
  betas: readonly [number, number],
  before: LossScale,
  finite: Tensor,
): LossScale {
  const streak = before.streak.add(1);
  const due = streak.greater(interval - 0.5);
  const larger = before.scale.mul(growth);
  const grown = where(due, where(isFiniteNorm(larger), larger, before.scale), before.scale);
  // 1 − βᵗ⁺¹ = c + (1 − β)(1 − c) with c = 1 − βᵗ, which never cancels digits.
  const corrected = (c: Tensor, beta: number): Tensor => where(finite, c.sub(c.sub(1).mul(1 - beta)), c);
  return {
    scale: where(finite, grown, before.scale.mul(backoff)),
    streak: where(finite, where(due, 0, streak), 0),
    skipped: where(finite, before.skipped, before.skipped.add(1)),
    firstCorrection: corrected(before.firstCorrection, betas[0]),
    secondCorrection: corrected(before.secondCorrection, betas[1]),
  };
}
