/** Noise levels between two ends: Karras et al., "Elucidating the Design Space" (EDM, 2022), and evenly in log σ. */
import { SchedulerArgumentError } from './errors.ts';

export interface SigmaRange {
  readonly sigmaMin: number;
  readonly sigmaMax: number;
}

function check(name: string, n: number, { sigmaMin, sigmaMax }: SigmaRange): void {
  if (Number.isInteger(n) && n >= 1 && sigmaMin > 0 && sigmaMax >= sigmaMin) return;
  throw new SchedulerArgumentError(
    `${name}: wanted n of at least 1 and 0 < sigmaMin <= sigmaMax, got n ${n}, ${sigmaMin} and ${sigmaMax}`,
  );
}

/** σ at a ramp from 0 (σ_max) to 1 (σ_min): EDM eq. 5, (σ_max^{1/ρ} + ramp·(σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ. */
export function karrasSigma(ramp: number, { sigmaMin, sigmaMax, rho }: SigmaRange & { rho: number }): number {
  const low = sigmaMin ** (1 / rho);
  const high = sigmaMax ** (1 / rho);
  return (high + ramp * (low - high)) ** rho;
}

/**
 * EDM eq. 5 without its last σ = 0: n noise levels falling from σ_max to σ_min, [n] float64. One level is σ_max.
 *
 * @param range.rho ρ, 7 in the paper: the larger, the more levels near σ_min
 * @throws SchedulerArgumentError unless n ≥ 1 and 0 < σ_min ≤ σ_max
 */
export function karrasSigmas(n: number, range: SigmaRange & { readonly rho: number }): Float64Array {
  check('karrasSigmas', n, range);
  return Float64Array.from({ length: n }, (_, i) => karrasSigma(n === 1 ? 0 : i / (n - 1), range));
}

/** n noise levels falling from σ_max to σ_min, evenly in log σ, [n] float64. @throws as `karrasSigmas` */
export function exponentialSigmas(n: number, range: SigmaRange): Float64Array {
  check('exponentialSigmas', n, range);
  return exponentials(n, Math.log(range.sigmaMax), Math.log(range.sigmaMin));
}

/**
 * The same as diffusers' `use_lu_lambdas` has it, which rounds log σ at both ends to float32: evenly in λ = −log σ, Lu et al.,
 * "DPM-Solver" (2022), section 3.3.
 */
export function luSigmas(n: number, range: SigmaRange): Float64Array {
  check('luSigmas', n, range);
  return exponentials(n, Math.fround(Math.log(range.sigmaMax)), Math.fround(Math.log(range.sigmaMin)));
}

function exponentials(n: number, first: number, last: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) =>
    Math.exp(n === 1 ? first : first + (i * (last - first)) / (n - 1)),
  );
}
