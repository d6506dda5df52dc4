/** What EDM draws: Karras et al. 2022, "Elucidating the design space of diffusion-based generative models", table 1. */
import { type LogNormal } from './improved-consistency-training.ts';

/** σ with ln σ = P_mean + P_std · n, n ~ N(0, 1); the paper's P_mean and P_std are −1.2 and 1.2. */
export function logNormalSigma({ meanLog, stdLog }: LogNormal, normal: number): number {
  return Math.exp(meanLog + stdLog * normal);
}

/** λ(σ) = (σ² + σ_data²) / (σ · σ_data)²: the weight that gives every σ the same loss at the start. */
export function edmWeight(sigma: number, sigmaData: number): number {
  return (sigma ** 2 + sigmaData ** 2) / (sigma * sigmaData) ** 2;
}
