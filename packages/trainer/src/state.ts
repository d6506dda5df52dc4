/** What training changes: parameters, the optimizer's moments, the average. One flat record each, under diffusers' names. */
import { type Tensor, tensor } from '@immiscible/tensor-core';
import { type AdamState, type Tensors } from './optim/adam.ts';

/** A type alias, not an interface: compiled functions take it as a tree. */
export type TrainState = AdamState & {
  /** The moving average of the parameters. */
  readonly ema: Tensors;
};

/** The parts of a state that checkpoints keep, in the order in which they are written. */
export const STATE_PARTS = ['parameters', 'firstMoments', 'secondMoments', 'ema'] as const;

/**
 * The record with its keys sorted. Norms are summed in the order of the keys, so a resumed run needs the very order of
 * the run that it continues.
 */
export function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A state at step 0: moments zero, the average a copy. @param initial host tensors */
export async function initialState(initial: Tensors): Promise<TrainState> {
  const parameters = sorted(initial);
  const zeros = (): Tensors =>
    mapRecord(parameters, ({ shape, size }) => tensor(new Float32Array(size), shape));
  const copies: Tensors = {};
  for (const [name, x] of Object.entries(parameters))
    copies[name] = tensor((await x.data()).slice(), x.shape);
  return { parameters, firstMoments: zeros(), secondMoments: zeros(), ema: copies };
}

/** The same keys with other tensors. */
export function mapRecord(record: Tensors, f: (x: Tensor, name: string) => Tensor): Tensors {
  return Object.fromEntries(Object.entries(record).map(([name, x]) => [name, f(x, name)]));
}
