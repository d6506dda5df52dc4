/**
 * Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019) as PyTorch computes them:
 *
 *   m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  θ ← θ − (η / (1 − β₁ᵗ)) · m / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * Weight decay is added to the gradient in Adam, and takes θ ← (1 − η λ) θ first in AdamW. What depends on the step
 * number comes as scalars, computed in float64, so that one program serves every step.
 */
import { type Tensor } from '@immiscible/tensor-core';

export type Tensors = Record<string, Tensor>;

export interface AdamOptions {
  readonly type: 'adam' | 'adamw';
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
}

/** Names in formulas: η `learningRate`, η / (1 − β₁ᵗ) `stepSize`, 1 / √(1 − β₂ᵗ) `inverseRootCorrection`. */
export interface AdamScalars {
  readonly learningRate: number;
  readonly stepSize: number;
  readonly inverseRootCorrection: number;
}

/** @param step from 1 */
export function adamScalars({ betas }: AdamOptions, learningRate: number, step: number): AdamScalars {
  return {
    learningRate,
    stepSize: learningRate / (1 - betas[0] ** step),
    inverseRootCorrection: 1 / Math.sqrt(1 - betas[1] ** step),
  };
}

/** Of one tensor, or of all parameters as one vector; a type alias, so that compiled functions take it as a tree. */
export type AdamState = {
  readonly parameters: Tensor;
  /** m */
  readonly firstMoments: Tensor;
  /** v */
  readonly secondMoments: Tensor;
};

/** One update as a graph; everything has the parameters' shape. */
export function adamUpdate(
  { type, betas: [beta1, beta2], eps, weightDecay }: AdamOptions,
  { parameters: theta, firstMoments, secondMoments }: AdamState,
  gradient: Tensor,
  scalars: Readonly<Record<keyof AdamScalars, Tensor>>,
): AdamState {
  const g = weightDecay > 0 && type === 'adam' ? gradient.add(theta.mul(weightDecay)) : gradient;
  const m = firstMoments.mul(beta1).add(g.mul(1 - beta1));
  const v = secondMoments.mul(beta2).add(g.square().mul(1 - beta2));
  const denominator = v.sqrt().mul(scalars.inverseRootCorrection).add(eps);
  const start =
    weightDecay > 0 && type === 'adamw' ? theta.sub(theta.mul(scalars.learningRate.mul(weightDecay))) : theta;
  return {
    parameters: start.sub(m.mul(scalars.stepSize).div(denominator)),
    firstMoments: m,
    secondMoments: v,
  };
}
