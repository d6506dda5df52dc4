/** What training changes: the parameters, the optimizer's moments, the average; one vector each (layout.ts). */
import { type Tensor, tensor } from '@immiscible/tensor-core';
import { type ParameterLayout } from './layout.ts';
import { type Tensors } from './optim/adam.ts';
import { initialLossScale, type LossScale, type LossScaleOptions } from './optim/loss-scale.ts';

/**
 * Vectors [number of parameters], float32 also where the network computes in float16. A type alias, not an interface:
 * compiled functions take it as a tree.
 */
export type TrainState = {
  readonly parameters: Tensor;
  /** m of Adam */
  readonly firstMoments: Tensor;
  /** v of Adam */
  readonly secondMoments: Tensor;
  /** The moving average of the parameters. */
  readonly ema: Tensor;
  /** θ⁻ of objectives whose target network is an average of its own. */
  readonly target?: Tensor;
  /** float32 []: 1 from the first step whose loss or gradient is not finite, 0 before */
  readonly diverged: Tensor;
  /** Of float16 training. */
  readonly lossScale?: LossScale;
};

/** The vectors of every state. */
const VECTORS = ['parameters', 'firstMoments', 'secondMoments', 'ema'] as const;

export type VectorName = (typeof VECTORS)[number] | 'target';

/** The vectors of a state by name. */
export function vectorsOf(state: TrainState): [VectorName, Tensor][] {
  const always = VECTORS.map((name): [VectorName, Tensor] => [name, state[name]]);
  return state.target ? [...always, ['target', state.target]] : always;
}

export interface InitialStateOptions {
  /** for float16 training */
  readonly lossScale?: LossScaleOptions | undefined;
  /** for objectives that keep a target network */
  readonly target?: boolean;
}

/**
 * A state at step 0: moments zero, average and target copies.
 *
 * @param parameters host tensors
 */
export async function initialState(
  layout: ParameterLayout,
  parameters: Tensors,
  { lossScale, target = false }: InitialStateOptions = {},
): Promise<TrainState> {
  const zeros = (): Tensor => tensor(new Float32Array(layout.size), [layout.size]);
  return {
    parameters: await layout.pack(parameters),
    firstMoments: zeros(),
    secondMoments: zeros(),
    ema: await layout.pack(parameters),
    ...(target ? { target: await layout.pack(parameters) } : {}),
    diverged: tensor(0),
    ...(lossScale ? { lossScale: initialLossScale(lossScale) } : {}),
  };
}
