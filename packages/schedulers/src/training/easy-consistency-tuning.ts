/**
 * The schedule of easy consistency tuning: Geng et al. 2024, "Consistency models made easy".
 *
 * The pair (t, r) starts far apart and comes together in stages: at r = 0 the objective is that of a diffusion model, at
 * r → t that of a consistency model.
 */
import { SchedulerArgumentError } from '../errors.ts';
import { checkUpdates } from './consistency-training.ts';

export interface TuningSchedule {
  /** how much nearer r comes to t with every stage; 2 in the paper's CIFAR-10 runs */
  readonly q: number;
  /** k and b of the mapping's sigmoid: 8 and 1 */
  readonly k: number;
  readonly b: number;
  /** updates of one stage */
  readonly stageSteps: number;
}

/** The stage after `k` updates, from 0. @throws SchedulerArgumentError unless k is a whole number from 0 */
export function tuningStage({ stageSteps }: TuningSchedule, k: number): number {
  checkUpdates('tuningStage', k);
  return Math.floor(k / stageSteps);
}

/**
 * r(t) = t · (1 − n(t) / q^(stage + 1)) with n(t) = 1 + k · sigmoid(−b t), section 3.2, and 0 where that is negative.
 *
 * @param t a noise level above 0
 * @param stage from 0
 * @throws SchedulerArgumentError unless q is above 1
 * @returns from 0 to below t
 */
export function tuningPartner({ q, k, b }: TuningSchedule, t: number, stage: number): number {
  if (!(q > 1)) throw new SchedulerArgumentError(`tuningPartner: wanted q above 1, got ${q}`);
  const adjusted = 1 + k / (1 + Math.exp(b * t));
  return Math.max(0, t * (1 - adjusted / q ** (stage + 1)));
}
