/** Every optimizer behind one shape: two moments, and scalars of the step under the same names for all. */
import { type Tensor } from '@immiscible/tensor-core';
import { type AdamOptions, adamScalars, type AdamState, adamUpdate } from './adam.ts';
import {
  type DeviceCorrections,
  type RAdamOptions,
  radamScalars,
  radamScalarsOnDevice,
  radamUpdate,
} from './radam.ts';

export type OptimizerOptions = AdamOptions | RAdamOptions;

/** What depends on the step; 0 where an optimizer has no use for it. adam.ts and radam.ts say what they stand for. */
export interface OptimizerScalars {
  readonly learningRate: number;
  readonly stepSize: number;
  readonly inverseRootCorrection: number;
  readonly momentumSize: number;
}

export type OptimizerScalarTensors = Readonly<Record<keyof OptimizerScalars, Tensor>>;

/** @param step from 1 */
export function optimizerScalars(
  options: OptimizerOptions,
  learningRate: number,
  step: number,
): OptimizerScalars {
  switch (options.type) {
    case 'adam':
    case 'adamw':
      return { ...adamScalars(options, learningRate, step), momentumSize: 0 };
    case 'radam':
      return { ...radamScalars(options, learningRate, step), inverseRootCorrection: 0 };
  }
}

/** The scalars as a graph where only the device knows how many updates were taken (float16 leaves some out). */
export function optimizerScalarsOnDevice(
  options: OptimizerOptions,
  scalars: OptimizerScalarTensors,
  corrections: DeviceCorrections,
): OptimizerScalarTensors {
  switch (options.type) {
    case 'adam':
    case 'adamw':
      return {
        ...scalars,
        stepSize: scalars.learningRate.div(corrections.firstCorrection),
        inverseRootCorrection: corrections.secondCorrection.sqrt().reciprocal(),
      };
    case 'radam':
      return { ...scalars, ...radamScalarsOnDevice(options, scalars.learningRate, corrections) };
  }
}

/** One update as a graph; everything has the parameters' shape. */
export function optimizerUpdate(
  options: OptimizerOptions,
  state: AdamState,
  gradient: Tensor,
  scalars: OptimizerScalarTensors,
): AdamState {
  switch (options.type) {
    case 'adam':
    case 'adamw':
      return adamUpdate(options, state, gradient, scalars);
    case 'radam':
      return radamUpdate(options, state, gradient, scalars);
  }
}
