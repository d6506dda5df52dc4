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

export type AdamState = {
  readonly parameters: Tensors;
  /** m */
  readonly firstMoments: Tensors;
  /** v */
  readonly secondMoments: Tensors;
};

/** One update of every parameter, as a graph; all three records have the same keys. */
export function adamUpdate(
  options: AdamOptions,
  { parameters, firstMoments, secondMoments }: AdamState,
  gradients: Tensors,
  scalars: Readonly<Record<keyof AdamScalars, Tensor>>,
): AdamState {
  const [beta1, beta2] = options.betas;
  const next = { parameters: {} as Tensors, firstMoments: {} as Tensors, secondMoments: {} as Tensors };
  for (const [name, theta] of Object.entries(parameters)) {
    const decayed = options.weightDecay > 0;
    const g =
      decayed && options.type === 'adam'
        ? gradients[name]!.add(theta.mul(options.weightDecay))
        : gradients[name]!;
    const m = firstMoments[name]!.mul(beta1).add(g.mul(1 - beta1));
    const v = secondMoments[name]!.mul(beta2).add(g.square().mul(1 - beta2));
    const denominator = v.sqrt().mul(scalars.inverseRootCorrection).add(options.eps);
    const start =
      decayed && options.type === 'adamw'
        ? theta.sub(theta.mul(scalars.learningRate.mul(options.weightDecay)))
        : theta;
    next.parameters[name] = start.sub(m.mul(scalars.stepSize).div(denominator));
    next.firstMoments[name] = m;
    next.secondMoments[name] = v;
  }
  return next;
}
