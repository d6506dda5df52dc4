/** Applies a recorded model and differentiates it, in one compiled function, and compares it with its recording. */
import { type Device, type Tensor, valueAndGrad } from '@immiscible/tensor-core';
import { applyModel, type ModelConfig, type ModelInputs } from '../src/index.ts';
import { type Recording, relativeError, summaryError } from './golden.ts';

export interface Gradients {
  readonly output: Tensor;
  readonly sample: Tensor;
  readonly parameters: Record<string, Tensor>;
}

/** The output, and the gradients of Σ output · cotangent. */
export async function runWithGradients(
  device: Device,
  config: ModelConfig,
  weights: Record<string, Tensor>,
  inputs: ModelInputs & { readonly cotangent: Tensor },
): Promise<Gradients> {
  const { cotangent, ...given } = inputs;
  const loss = valueAndGrad(
    (wanted: { parameters: Record<string, Tensor>; sample: Tensor }, rest: ModelInputs, against: Tensor) => {
      const output = applyModel(config, wanted.parameters, { ...rest, sample: wanted.sample });
      return { loss: output.mul(against).sum(), output };
    },
  );
  const compiled = device.compile(
    (x: { parameters: Record<string, Tensor>; given: ModelInputs; cotangent: Tensor }) => {
      const wanted = { parameters: x.parameters, sample: x.given.sample };
      const { value, gradients } = loss(wanted, x.given, x.cotangent);
      return { output: value.output, ...gradients };
    },
  );
  const result = await compiled({ parameters: weights, given, cotangent });
  await compiled.dispose();
  return result;
}

/**
 * How far a run is from its recording: for the output and each gradient, a multiple of the tolerance. Up to 1 they agree.
 */
export async function errorsOf(
  { head, stored }: Recording,
  result: Gradients,
): Promise<Record<string, number>> {
  const { tolerance } = head;
  const errors: Record<string, number> = {
    output: relativeError(await result.output.data(), stored['output']!.data) / tolerance,
    sample: relativeError(await result.sample.data(), stored['grad-sample']!.data) / tolerance,
  };
  for (const { name: parameter, gradient, frozen } of head.parameters) {
    const value = await result.parameters[parameter]!.data();
    if (frozen) errors[parameter] = value.some((v) => v !== 0) ? Infinity : 0;
    else errors[parameter] = summaryError(value, gradient!, head.gradientNorm, tolerance);
    const full = stored[`grad/${parameter}`];
    if (full && !(gradient && 'zero' in gradient)) {
      const error = relativeError(value, full.data) / tolerance;
      errors[parameter] = Math.max(errors[parameter], error);
    }
  }
  return errors;
}
