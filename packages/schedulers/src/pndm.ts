/**
 * PNDM: Liu et al., "Pseudo Numerical Methods for Diffusion Models on Manifolds" (2022), Algorithm 2: three pseudo Runge–Kutta
 * steps, then pseudo linear multi-steps (F-PNDM). With `skip_prk_steps` (Stable Diffusion) the multi-steps begin at once, with
 * lower orders (PLMS), and the second timestep is visited twice.
 *
 * Paper → here: α_t (already cumulative) → ᾱ_t; e_θ(x_t, t) → F, the network's output; the step from t to t − δ, eq. 9 →
 * `transfer`; the weights of e in eq. 12 and 13 → `Mixture`. As in diffusers 0.35.2, δ is ⌊T/S⌋ for every spacing, and v is turned
 * into ε with the x and t of the transfer.
 */
import { SchedulerConfigError } from './errors.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { predictedEpsilon, predictedX0 } from './prediction.ts';
import { checkSteps, type Share, type SolverCall, type SolverPlan } from './solver-plan.ts';

/** Outputs e_θ of calls and their weights, which sum to 1. */
type Mixture = readonly (readonly [call: number, weight: number])[];

/** The weights of the newest outputs, newest first, by how many there are: Adams–Bashforth, eq. 12 for four. */
const multistepWeights = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
] as const;

/** ᾱ_t, and past the last timestep 1, or ᾱ_0 where the config says so. */
function alphaBarAt(schedule: NoiseSchedule, t: number): number {
  if (t >= 0) return schedule.alphaCumprod(t);
  const { config } = schedule;
  return config._class_name === 'PNDMScheduler' && config.set_alpha_to_one ? 1 : schedule.alphaCumprod(0);
}

/** Eq. 9: from x of call `base`, at timestep `from`, to timestep `to`, along a mixture of outputs. */
function transfer(
  schedule: NoiseSchedule,
  { base, from, to, outputs }: { base: number; from: number; to: number; outputs: Mixture },
): Share[] {
  const now = alphaBarAt(schedule, from);
  const next = alphaBarAt(schedule, to);
  const alongX = Math.sqrt(next / now);
  const alongE = -(next - now) / (now * Math.sqrt(1 - next) + Math.sqrt(now * (1 - now) * next));
  const epsilon = predictedEpsilon(schedule.config.prediction_type, {
    alpha: Math.sqrt(now),
    sigma: Math.sqrt(1 - now),
  });
  return [
    { call: base, sample: alongX + alongE * epsilon.sample },
    ...outputs.map(([call, weight]) => ({ call, output: alongE * epsilon.output * weight })),
  ];
}

/** The calls of three Runge–Kutta steps, eq. 13: each from `t` down by δ, with two calls half way. */
function rungeKuttaCalls(schedule: NoiseSchedule, timesteps: Int32Array, delta: number): SolverCall[] {
  const half = Math.floor(delta / 2);
  const calls: SolverCall[] = [];
  for (let step = 0; step < 3; step++) {
    const base = calls.length;
    const from = timesteps[step]!;
    const middle = timesteps[step + 1]! + half;
    const end = timesteps[step + 1]!;
    const at = [from, middle, middle, end];
    const arrivals = [from - half, middle, middle - half, end];
    at.forEach((t, k) => {
      const outputs: Mixture =
        k < 3
          ? [[base + k, 1]]
          : [1 / 6, 1 / 3, 1 / 3, 1 / 6].map((weight, j) => [base + j, weight] as const);
      calls.push(call(schedule, t, transfer(schedule, { base, from, to: arrivals[k]!, outputs })));
    });
  }
  return calls;
}

function call(schedule: NoiseSchedule, timestep: number, next: Share[]): SolverCall {
  const x0 = predictedX0(schedule.config.prediction_type, schedule.addNoise(timestep));
  return { timestep, input: 1, churn: 0, x0, clip: null, next, noise: 0 };
}

/**
 * All calls of a PNDM run: S + 1 with `skip_prk_steps` (1 if S = 1), S + 9 without.
 *
 * @param steps S, from 1 to T; at least 4 without `skip_prk_steps`
 * @throws SchedulerArgumentError if S is out of range
 */
export function pndmPlan(schedule: NoiseSchedule, steps: number): SolverPlan {
  const { config, trainTimesteps: T } = schedule;
  if (config._class_name !== 'PNDMScheduler') {
    throw new SchedulerConfigError(`pndmPlan: wanted a PNDMScheduler config, got ${config._class_name}`);
  }
  checkSteps('PNDMScheduler', steps, T, config.skip_prk_steps ? 1 : 4);
  const timesteps = schedule.timesteps(steps);
  const delta = Math.floor(T / steps);
  const calls = config.skip_prk_steps ? [] : rungeKuttaCalls(schedule, timesteps, delta);
  // The Runge–Kutta steps' first outputs are the multi-steps' past.
  const remembered = calls.map((_, n) => n).filter((n) => n % 4 === 0);
  for (const t of timesteps.slice(calls.length === 0 ? 0 : 3)) {
    const n = calls.length;
    remembered.push(n);
    const newest = remembered.slice(-4).reverse();
    const weights = multistepWeights[newest.length - 1]!;
    const outputs = newest.map((past, j) => [past, weights[j]!] as const);
    calls.push(call(schedule, t, transfer(schedule, { base: n, from: t, to: t - delta, outputs })));
    if (n === 0 && steps > 1) {
      // The first step is taken again with the mean of the outputs at its two ends, as Heun's method does.
      const end = timesteps[1]!;
      const ends: Mixture = [
        [1, 1 / 2],
        [0, 1 / 2],
      ];
      calls.push(
        call(schedule, end, transfer(schedule, { base: 0, from: end + delta, to: end, outputs: ends })),
      );
    }
  }
  return { scale: 1, calls };
}
