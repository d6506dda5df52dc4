/** What training changes: the parameters, the optimizer's moments, the average; one vector each (layout.ts). */
import { type Tensor, tensor } from '@immiscible/tensor-core';
import { type ParameterLayout } from './layout.ts';
import { type Tensors } from './optim/adam.ts';

/** Each [number of parameters], float32. A type alias, not an interface: compiled functions take it as a tree. */
export type TrainState = {
  readonly parameters: Tensor;
  /** m of Adam */
  readonly firstMoments: Tensor;
  /** v of Adam */
  readonly secondMoments: Tensor;
  /** The moving average of the parameters. */
  readonly ema: Tensor;
};

/** A state at step 0: moments zero, the average a copy. @param parameters host tensors */
export async function initialState(layout: ParameterLayout, parameters: Tensors): Promise<TrainState> {
  const zeros = (): Tensor => tensor(new Float32Array(layout.size), [layout.size]);
  return {
    parameters: await layout.pack(parameters),
    firstMoments: zeros(),
    secondMoments: zeros(),
    ema: await layout.pack(parameters),
  };
}
