/**
 * The convolutions of VGG-16 (Simonyan & Zisserman 2015, configuration D), with torchvision's names. The classifier behind
 * them is left out: LPIPS looks at five activations on the way.
 */
import { conv2d, maxPool2d, type Tensor } from '@immiscible/tensor-core';
import { MetricArgumentError } from '../errors.ts';

/** A convolution: its place in torchvision's `features`, and its output channels. */
type Layer = readonly [number, number];

/** Convolutions between two poolings; each block ends in a tap. */
const BLOCKS: readonly (readonly Layer[])[] = [
  [
    [0, 64],
    [2, 64],
  ],
  [
    [5, 128],
    [7, 128],
  ],
  [
    [10, 256],
    [12, 256],
    [14, 256],
  ],
  [
    [17, 512],
    [19, 512],
    [21, 512],
  ],
  [
    [24, 512],
    [26, 512],
    [28, 512],
  ],
];

/** Channels of the taps. */
export const VGG16_TAPS: readonly number[] = BLOCKS.map((layers) => layers.at(-1)![1]);

/** Height and width below which nothing is left after four poolings. */
const SMALLEST = 16;

/** Shape of every parameter, by name: 13 convolutions, 14,714,688 numbers. */
export const VGG16_SHAPES: Readonly<Record<string, readonly number[]>> = shapes();

function shapes(): Record<string, readonly number[]> {
  const found: Record<string, readonly number[]> = {};
  let from = 3;
  for (const [at, to] of BLOCKS.flat()) {
    found[`features.${at}.weight`] = [to, from, 3, 3];
    found[`features.${at}.bias`] = [to];
    from = to;
  }
  return found;
}

/**
 * The activations relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3, as a graph.
 *
 * @param parameters as `VGG16_SHAPES` names them
 * @param images float32 [B, 3, H, W], normalised as the network was trained
 * @returns [B, 64, H, W], [B, 128, ⌊H/2⌋, ⌊W/2⌋], … [B, 512, ⌊H/16⌋, ⌊W/16⌋], all at least 0
 * @throws MetricArgumentError for images under 16×16, or where a parameter is missing
 */
export function vgg16Taps(parameters: Readonly<Record<string, Tensor>>, images: Tensor): Tensor[] {
  const [, channels, height = 0, width = 0] = images.shape;
  if (images.ndim !== 4 || channels !== 3 || Math.min(height, width) < SMALLEST) {
    throw new MetricArgumentError(
      `lpips: VGG-16 wants images [B, 3, H, W] of at least ${SMALLEST}×${SMALLEST} pixels, got [${images.shape.join(', ')}]; resize them first`,
    );
  }
  let x = images;
  return BLOCKS.map((layers, block) => {
    if (block > 0) x = maxPool2d(x, { kernel: 2 });
    for (const [at] of layers) {
      const [weight, bias] = ['weight', 'bias'].map((part) =>
        parameterOf(parameters, `features.${at}.${part}`),
      );
      x = conv2d(x, weight!, { bias: bias!, padding: 1 }).relu();
    }
    return x;
  });
}

/** @throws MetricArgumentError where there is none of this name */
export function parameterOf(parameters: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const parameter = parameters[name];
  if (!parameter) {
    throw new MetricArgumentError(
      `lpips: wanted a parameter ${name}, got ${Object.keys(parameters).length} others; read the weights with readLpipsWeights()`,
    );
  }
  return parameter;
}
