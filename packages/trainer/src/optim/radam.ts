/**
 * RAdam (Liu et al. 2020, "On the variance of the adaptive learning rate and beyond", algorithm 2) as PyTorch computes
 * it: Adam whose step is damped while √v rests on few gradients, and plain momentum while it rests on hardly any.
 *
 *   ρ_∞ = 2 / (1 − β₂) − 1,  ρ_t = ρ_∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)
 *   ρ_t > 5:  θ ← θ − (η / (1 − β₁ᵗ)) · r_t √(1 − β₂ᵗ) · m / (√v + ε),
 *             r_t = √((ρ_t − 4)(ρ_t − 2) ρ_∞ / ((ρ_∞ − 4)(ρ_∞ − 2) ρ_t))
 *   else:     θ ← θ − (η / (1 − β₁ᵗ)) · m
 *
 * ε stands beside √v itself, not beside the corrected one as in Adam. Both branches are one formula whose two factors
 * come as scalars, one of them 0, so that one program serves every step.
 */
import { type Tensor, where } from '@immiscible/tensor-core';
import { type AdamState } from './adam.ts';

export interface RAdamOptions {
  readonly type: 'radam';
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** Weight decay shrinks the weights, as in AdamW, instead of adding to the gradient. Default false. */
  readonly decoupledWeightDecay?: boolean;
}

/** Names in formulas: η `learningRate`; the factors of m / (√v + ε) `stepSize` and of m `momentumSize`. */
export interface RAdamScalars {
  readonly learningRate: number;
  readonly stepSize: number;
  readonly momentumSize: number;
}

/** Below it the variance of the adaptive rate is not tractable: PyTorch's threshold on ρ_t (the paper has 4). */
const TRACTABLE = 5;

/** ρ_∞, the longest that the average of squared gradients gets. */
function longest(beta2: number): number {
  return 2 / (1 - beta2) - 1;
}

/** @param step from 1 */
export function radamScalars({ betas }: RAdamOptions, learningRate: number, step: number): RAdamScalars {
  const [beta1, beta2] = betas;
  const corrected = learningRate / (1 - beta1 ** step);
  const correction2 = 1 - beta2 ** step;
  const rhoInf = longest(beta2);
  const rho = rhoInf - (2 * step * beta2 ** step) / correction2;
  if (rho <= TRACTABLE) return { learningRate, stepSize: 0, momentumSize: corrected };
  const rectification = Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho));
  return { learningRate, stepSize: corrected * rectification * Math.sqrt(correction2), momentumSize: 0 };
}

/** What only the device knows where it may leave updates out; all float32 []. */
export interface DeviceCorrections {
  /** t, the updates taken */
  readonly updates: Tensor;
  /** 1 − β₁ᵗ */
  readonly firstCorrection: Tensor;
  /** 1 − β₂ᵗ */
  readonly secondCorrection: Tensor;
}

/**
 * `radamScalars` as a graph, for updates that the device counts.
 *
 * With λ = −ln β₂ and x = λ t, ρ_t = ρ_∞ − (2/λ) x / (eˣ − 1): the difference of two numbers near 2000 whose result
 * near 5 decides. Where x is small it is summed as a series instead, x/(eˣ − 1) = 1 − x/2 + x²/12 − x⁴/720 + x⁶/30240,
 * in which the large terms cancel on the host, in float64.
 *
 * @param learningRate float32 []
 */
export function radamScalarsOnDevice(
  { betas: [, beta2] }: RAdamOptions,
  learningRate: Tensor,
  { updates: t, firstCorrection, secondCorrection }: DeviceCorrections,
): Record<'stepSize' | 'momentumSize', Tensor> {
  const corrected = learningRate.div(firstCorrection);
  const rhoInf = longest(beta2);
  if (rhoInf <= TRACTABLE) return { stepSize: corrected.mul(0), momentumSize: corrected };
  const lambda = -Math.log(beta2);
  const x = t.mul(lambda);
  const square = x.square();
  const bent = square.mul(square.mul(square.mul(1 / 30240).sub(1 / 720)).add(1 / 12)).mul(2 / lambda);
  const early = t.sub(bent).add(rhoInf - 2 / lambda);
  const late = t.mul(2).mul(secondCorrection.neg().add(1)).div(secondCorrection).neg().add(rhoInf);
  const rho = where(x.less(0.5), early, late);
  const tractable = rho.greater(TRACTABLE);
  const within = rho.maximum(TRACTABLE);
  const squared = within
    .sub(4)
    .mul(within.sub(2))
    .div(within)
    .mul(rhoInf / ((rhoInf - 4) * (rhoInf - 2)));
  const adaptive = corrected.mul(squared.mul(secondCorrection).sqrt());
  return { stepSize: where(tractable, adaptive, 0), momentumSize: where(tractable, 0, corrected) };
}

/** One update as a graph; everything has the parameters' shape. */
export function radamUpdate(
  { betas: [beta1, beta2], eps, weightDecay, decoupledWeightDecay = false }: RAdamOptions,
  { parameters: theta, firstMoments, secondMoments }: AdamState,
  gradient: Tensor,
  scalars: Readonly<Record<keyof RAdamScalars, Tensor>>,
): AdamState {
  const decays = weightDecay > 0;
  const g = decays && !decoupledWeightDecay ? gradient.add(theta.mul(weightDecay)) : gradient;
  const m = firstMoments.mul(beta1).add(g.mul(1 - beta1));
  const v = secondMoments.mul(beta2).add(g.square().mul(1 - beta2));
  const start =
    decays && decoupledWeightDecay ? theta.sub(theta.mul(scalars.learningRate.mul(weightDecay))) : theta;
  const factor = scalars.stepSize.div(v.sqrt().add(eps)).add(scalars.momentumSize);
  return { parameters: start.sub(m.mul(factor)), firstMoments: m, secondMoments: v };
}
