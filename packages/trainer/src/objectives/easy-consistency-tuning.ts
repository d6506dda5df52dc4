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
import { tensor, type Tensor } from '@immiscible/tensor-core';
import { type Boundary, consistencyPair, type PairDraws } from './consistency-pair.ts';
import { type Distance } from './consistency-training.ts';
import { type Objective } from './objective.ts';

export interface EasyConsistencyOptions extends Boundary, LogNormal {
  readonly schedule: TuningSchedule;
  readonly distance: Distance;
}

export function easyConsistencyTuning(options: EasyConsistencyOptions): Objective<PairDraws> {
  const { schedule, distance } = options;
  return {
    draws(k, streams) {
      const stage = tuningStage(schedule, k);
      const pairs = Array.from(streams.normals('timestep'), (normal) => {
        const t = logNormalSigma(options, normal);
        return { t, r: tuningPartner(schedule, t, stage) };
      });
      const column = (value: (pair: { t: number; r: number }) => number): Tensor =>
        tensor(Float32Array.from(pairs, value), [streams.size]);
      return {
        sigma: column(({ t }) => t),
        lower: column(({ r }) => r),
        weight: column(({ t, r }) => gapWeight(r, t)),
      };
    },
    loss(inputs) {
      const { online, target } = consistencyPair(options, inputs);
      return distance(online, target, inputs.frozen).mul(inputs.batch.weight).mean();
    },
  };
}
