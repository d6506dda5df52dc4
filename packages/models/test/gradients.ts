/** Applies a recorded model and differentiates it, in one compiled function. */
import { type Device, type Tensor, valueAndGrad } from '@immiscible/tensor-core';
import { applyUnet2d, type Unet2dConfig, type Unet2dInputs } from '../src/index.ts';

export interface Gradients {
  readonly output: Tensor;
  readonly sample: Tensor;
  readonly parameters: Record<string, Tensor>;
}

/** The output, and the gradients of Σ output · cotangent. */
export async function runWithGradients(
  device: Device,
  config: Unet2dConfig,
  weights: Record<string, Tensor>,
  inputs: Unet2dInputs & { readonly cotangent: Tensor },
): Promise<Gradients> {
  const { cotangent, ...given } = inputs;
  const loss = valueAndGrad(
    (wanted: { parameters: Record<string, Tensor>; sample: Tensor }, rest: typeof given, against: Tensor) => {
      const output = applyUnet2d(config, wanted.parameters, { ...rest, sample: wanted.sample });
      return { loss: output.mul(against).sum(), output };
    },
  );
  const compiled = device.compile(
    (x: { parameters: Record<string, Tensor>; given: Record<string, Tensor>; cotangent: Tensor }) => {
      const inside = x.given as unknown as typeof given;
      const { value, gradients } = loss(
        { parameters: x.parameters, sample: inside.sample },
        inside,
        x.cotangent,
      );
      return { output: value.output, ...gradients };
    },
  );
  const result = await compiled({
    parameters: weights,
    given: given as unknown as Record<string, Tensor>,
    cotangent,
  });
  await compiled.dispose();
  return result;
}
