/**
 * Flow matching on straight lines: Liu et al. 2022, "Flow straight and fast" (rectified flow), Lipman et al. 2023 with the
 * optimal-transport path:
 *
 *     x_t = (1 − t) x_0 + t ε,  L = E[ mean (v_θ(x_t, T t) − (ε − x_0))² ]
 *
 * with time and T as diffusers' FlowMatchEulerDiscreteScheduler counts them: t = 1 is noise, the network is told T t. The
 * assigned ε makes x_t and the velocity: an assignment by transport straightens the flow (Pooladian et al. 2023, Tong et
 * al. 2024).
 */
import { flowTime, type FlowTimes } from '@immiscible/schedulers';
import { tensor, type Tensor } from '@immiscible/tensor-core';
import { type Objective, perSample } from './objective.ts';

export interface FlowMatchingOptions {
  readonly times: FlowTimes;
  /** of the scheduler */
  readonly shift: number;
  /** T, num_train_timesteps of the scheduler */
  readonly trainTimesteps: number;
}

/** A type alias, so that compiled functions take it as a tree. */
export type FlowDraws = {
  /** t [B], from 0 to 1 */
  readonly time: Tensor;
};

export function flowMatching({ times, shift, trainTimesteps }: FlowMatchingOptions): Objective<FlowDraws> {
  return {
    draws(_, streams) {
      const random = times.kind === 'uniform' ? streams.uniforms('timestep') : streams.normals('timestep');
      return {
        time: tensor(
          random.map((value) => flowTime(times, value, shift)),
          [streams.size],
        ),
      };
    },
    loss({ network, batch: { x0, noise, time } }) {
      const t = perSample(time, x0);
      const velocity = noise.sub(x0);
      const xt = x0.add(velocity.mul(t));
      return network(xt, time.mul(trainTimesteps)).sub(velocity).square().mean();
    },
  };
}
