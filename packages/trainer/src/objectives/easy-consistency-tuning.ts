/**
 * Easy consistency tuning: Geng et al. 2024, "Consistency models made easy". A network that was trained to denoise learns
 * to jump, in stages that bring r nearer to t:
 *
 *     L = E[ 1/(t − r) · d( f_θ(x_0 + t z, t), f_stopgrad(θ)(x_0 + r z, r) ) ],  ln t ~ N(P_mean, P_std²)
 *
 * with z assigned, and x_0 itself as the target where r = 0.
 */
import {
  gapWeight,
  type LogNormal,
  logNormalSigma,
  tuningPartner,
  type TuningSchedule,
  tuningStage,
} from '@immiscible/schedulers';
import { type PairDraws, pairObjective, type PairOptions } from './consistency-pair.ts';
import { type Objective } from './objective.ts';

export interface EasyConsistencyOptions extends PairOptions, LogNormal {
  readonly schedule: TuningSchedule;
}

export function easyConsistencyTuning(options: EasyConsistencyOptions): Objective<PairDraws> {
  const { schedule } = options;
  return pairObjective(options, (k, streams) => {
    const stage = tuningStage(schedule, k);
    return Array.from(streams.normals('timestep'), (normal) => {
      const t = logNormalSigma(options, normal);
      const r = tuningPartner(schedule, t, stage);
      return { sigma: t, lower: r, weight: gapWeight(r, t) };
    });
  });
}
