/**
 * One step of DPM-Solver as weights of the newest model outputs m_0, m_1, m_2: Lu et al., "DPM-Solver++" (2022), for
 * `dpmsolver++` and its SDE form, and Lu et al., "DPM-Solver" (2022), for `dpmsolver` and diffusers' SDE form of it.
 *
 * Paper → here: s, r, … → the times of m_0, m_1, m_2; λ = log(α/σ_t), so with σ = σ_t/α it is −log σ; h = λ_t − λ_{s0};
 * r_0 = h_0/h and r_1 = h_1/h; D_0 = m_0, D_1 and D_2 the divided differences of m in λ.
 *
 * λ, h and e^h − 1 are rounded to float32 where diffusers rounds: a difference of two λ keeps five digits of a short step, and
 * computed any better it would be another step.
 */
import { SchedulerArgumentError } from './errors.ts';

const f32 = Math.fround;

/** m is x̂_0 in the two with ++, ε̂ in the others; the SDE forms add noise. */
export type DpmAlgorithm = 'dpmsolver++' | 'sde-dpmsolver++' | 'dpmsolver' | 'sde-dpmsolver';

/** x_t = sample·x_s + Σ_k outputs_k·m_k + noise·z */
export interface DpmUpdate {
  readonly sample: number;
  readonly outputs: readonly number[];
  readonly noise: number;
}

/** Signal α and noise σ_t of a noise level σ = σ_t/α with α² + σ_t² = 1. */
export function signalNoise(sigma: number): { alpha: number; sigma: number } {
  const alpha = f32(1 / f32(Math.sqrt(f32(f32(sigma * sigma) + 1))));
  return { alpha, sigma: f32(sigma * alpha) };
}

/** λ of a noise level; ∞ at the image itself, σ = 0. */
function logSnr(level: number): number {
  const { alpha, sigma } = signalNoise(level);
  return f32(f32(Math.log(alpha)) - f32(Math.log(sigma)));
}

/** λ_to − λ_from */
const lambdaStep = (from: number, to: number): number => f32(logSnr(to) - logSnr(from));

/** e^x − 1 */
const expLessOne = (x: number): number => f32(f32(Math.exp(x)) - 1);

/** Weights of D_0, D_1 and D_2, of x, and of the noise. */
interface Weights {
  readonly sample: number;
  /** without the third where there is no third order */
  readonly d: readonly [number, number, number?];
  readonly noise: number;
}

function weights(
  algorithm: DpmAlgorithm,
  order: number,
  midpoint: boolean,
  from: number,
  to: number,
): Weights {
  const s = signalNoise(from);
  const t = signalNoise(to);
  const h = lambdaStep(from, to);
  const takesMidpoint = order === 2 && midpoint;
  switch (algorithm) {
    case 'dpmsolver++': {
      const phi = expLessOne(-h);
      const first = takesMidpoint ? -0.5 * t.alpha * phi : t.alpha * (phi / h + 1);
      return {
        sample: t.sigma / s.sigma,
        d: [-t.alpha * phi, first, -t.alpha * ((phi + h) / (h * h) - 0.5)],
        noise: 0,
      };
    }
    case 'sde-dpmsolver++': {
      const phi = -expLessOne(-2 * h); // 1 − e^{−2h}
      const first = takesMidpoint ? 0.5 * t.alpha * phi : t.alpha * (phi / (-2 * h) + 1);
      return {
        sample: (t.sigma / s.sigma) * Math.exp(-h),
        d: [t.alpha * phi, first, t.alpha * ((phi - 2 * h) / (4 * h * h) - 0.5)],
        noise: t.sigma * Math.sqrt(phi),
      };
    }
    case 'dpmsolver': {
      const phi = expLessOne(h);
      const first = takesMidpoint ? -0.5 * t.sigma * phi : -t.sigma * (phi / h - 1);
      return {
        sample: t.alpha / s.alpha,
        d: [-t.sigma * phi, first, -t.sigma * ((phi - h) / (h * h) - 0.5)],
        noise: 0,
      };
    }
    case 'sde-dpmsolver': {
      const phi = expLessOne(h);
      const first = takesMidpoint ? -t.sigma * phi : -2 * t.sigma * (phi / h - 1);
      return {
        sample: t.alpha / s.alpha,
        d: [-2 * t.sigma * phi, first],
        noise: t.sigma * Math.sqrt(expLessOne(2 * h)),
      };
    }
  }
}

/**
 * The step of `order` that ends at σ_t.
 *
 * @param sigmas σ_t, then those of m_0, m_1 and m_2 (as many as the order): [order + 1], rising
 * @param order 1 to 3; order 1 alone can end at σ_t = 0
 * @throws SchedulerArgumentError for the third order of `sde-dpmsolver`, which diffusers does not have either
 */
export function dpmSolverUpdate(
  algorithm: DpmAlgorithm,
  solverType: 'midpoint' | 'heun',
  order: number,
  sigmas: readonly number[],
): DpmUpdate {
  const [to, s0, s1, s2] = sigmas as [number, number, number, number];
  const h = lambdaStep(s0, to);
  // Two equal levels, as final_sigmas_type "sigma_min" may give: there is no way to go.
  if (h === 0) return { sample: 1, outputs: [0], noise: 0 };
  const { sample, d, noise } = weights(algorithm, order, solverType === 'midpoint', s0, to);
  if (order === 1) return { sample, outputs: [d[0]], noise };
  const r0 = f32(lambdaStep(s1, s0) / h);
  if (order === 2) {
    const first = d[1] / r0; // D_1 = (m_0 − m_1)/r_0
    return { sample, outputs: [d[0] + first, -first], noise };
  }
  const r1 = f32(lambdaStep(s2, s1) / h);
  // D_1 = d_0 + r_0·(d_0 − d_1)/(r_0 + r_1), D_2 = (d_0 − d_1)/(r_0 + r_1), with d_0 = (m_0 − m_1)/r_0, d_1 = (m_1 − m_2)/r_1
  if (d[2] === undefined) {
    throw new SchedulerArgumentError(`dpmSolverUpdate: wanted order 1 or 2 with ${algorithm}, got ${order}`);
  }
  const difference = (d[1] * r0 + d[2]) / (r0 + r1);
  const a = (d[1] + difference) / r0;
  const b = difference / r1;
  return { sample, outputs: [d[0] + a, -a - b, b], noise };
}
