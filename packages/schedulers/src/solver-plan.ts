/**
 * Samplers that look back — several calls of the network a step, outputs of earlier steps — as numbers. A plan is one entry for
 * each call n of the network:
 *
 *   x_n ← x_n + churn·z                                                          z ~ N(0, I)
 *   F_n = network(x_n·input, timestep)
 *   x̂0_n = clip((x0.sample·x_n + x0.output·F_n) / x0.divisor)                     see dynamic-threshold.ts
 *   x_{n+1} = Σ_j (sample_j·x_j + output_j·F_j + x0_j·x̂0_j) + noise·z            j ≤ n
 *
 * Every sampler here is linear in these three, so that all of them run in one loop (`runSolver`), on the host or a device.
 */
import { type Clip } from './dynamic-threshold.ts';
import { SchedulerArgumentError } from './errors.ts';
import { type Quotient } from './prediction.ts';

/** What call `call` adds to the next x: sample·x_j + output·F_j + x0·x̂0_j, j = `call`. */
export interface Share {
  /** j, at most the index of the call that the share stands in */
  readonly call: number;
  readonly sample?: number;
  readonly output?: number;
  readonly x0?: number;
}

/** One call of the network and the x that follows from it; see the formulas at the head of this file. */
export interface SolverCall {
  /** what the network is told */
  readonly timestep: number;
  /** factor of x before the network sees it */
  readonly input: number;
  /** standard deviation of the noise that x gets before the call; 0 for all samplers but EDM's */
  readonly churn: number;
  readonly x0: Quotient;
  /** where x̂0 is taken from ε̂, which is had from F_n so: F_n in x̂0's formula is this ε̂, rounded to float32 */
  readonly epsilon?: Quotient;
  /** x̂0 is clamped to [−clip, clip], or thresholded; null: neither */
  readonly clip: Clip | null;
  readonly next: readonly Share[];
  /** standard deviation of the noise in the next x */
  readonly noise: number;
}

/** A whole run of a sampler. */
export interface SolverPlan {
  /** x begins as scale·N(0, I): diffusers' `init_noise_sigma` */
  readonly scale: number;
  readonly calls: readonly SolverCall[];
}

/** What a sampler is asked for; see `solverPlan`. */
export interface SolverSettings {
  /** S, sampling steps */
  readonly steps: number;
  /** which timesteps to visit, falling, in place of the config's spacing; S of them */
  readonly timesteps?: readonly number[];
}

/** @throws SchedulerArgumentError if `steps` is not a whole number from `least` to `most` */
export function checkSteps(name: string, steps: number, most = Infinity, least = 1): void {
  if (Number.isInteger(steps) && steps >= least && steps <= most) return;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new SchedulerArgumentError(`${name}: wanted a whole number of sampling steps ${range}, got ${steps}`);
}

/**
 * Checks a list of timesteps: S of them, falling, each from 0 to T − 1.
 *
 * @throws SchedulerArgumentError saying which entry is wrong
 */
export function checkTimesteps(
  name: string,
  timesteps: readonly number[],
  { steps, trainTimesteps: T }: { readonly steps: number; readonly trainTimesteps: number },
): void {
  if (timesteps.length !== steps || steps < 1) {
    throw new SchedulerArgumentError(
      `${name}: wanted ${steps} timesteps, one a step, got ${timesteps.length}`,
    );
  }
  timesteps.forEach((t, i) => {
    const before = timesteps[i - 1] ?? T;
    if (!(Number.isInteger(t) && t >= 0 && t < before)) {
      throw new SchedulerArgumentError(
        `${name}: wanted whole, falling timesteps from ${T - 1} to 0, got ${t} at ${i}`,
      );
    }
  });
}
