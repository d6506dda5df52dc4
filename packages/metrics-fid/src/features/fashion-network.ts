/**
 * The network behind `fashion-classifier`: a small convolutional classifier of Fashion-MNIST whose last pooled layer
 * serves as features. It is written once, for the script that trains it and for the extractor that uses it.
 *
 *   16×16: 3×3 convolution  ┐
 *   32×32: 4×4, stride 2    ┘→ [16, 16, 16] → 32 → ½ → 64 → ½ → 64 → 64 → mean over places = 64 features → 10 classes
 *
 * Every convolution is followed by GroupNorm (Wu & He 2018) and ReLU. The two sizes have a first layer each and share the
 * rest. Nothing mixes the images of a batch, so a feature depends on its own image alone.
 */
import { avgPool2d, conv2d, groupNorm, linear, type Tensor } from '@immiscible/tensor-core';

/** Heights and widths that the network has a first layer for. */
export const FASHION_NETWORK_SIZES = [16, 32] as const;
/** Features that the network gives. */
export const FASHION_NETWORK_FEATURES = 64;

const CLASSES = 10;
const ENTRY_CHANNELS = 16;
const GROUPS = 8;
const EPS = 1e-5;

interface Layer {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Halve height and width first. */
  readonly pool: boolean;
}

const LAYERS: readonly Layer[] = [
  { name: 'layer1', from: ENTRY_CHANNELS, to: 32, pool: false },
  { name: 'layer2', from: 32, to: 64, pool: true },
  { name: 'layer3', from: 64, to: 64, pool: true },
  { name: 'layer4', from: 64, to: FASHION_NETWORK_FEATURES, pool: false },
];

function blockShapes(
  name: string,
  from: number,
  to: number,
  kernel: number,
): Record<string, readonly number[]> {
  return {
    [`${name}.conv.weight`]: [to, from, kernel, kernel],
    [`${name}.norm.weight`]: [to],
    [`${name}.norm.bias`]: [to],
  };
}

/** Shape of every parameter, by name, in the order in which an image meets them. */
export const FASHION_NETWORK_SHAPES: Readonly<Record<string, readonly number[]>> = {
  ...blockShapes('entry16', 1, ENTRY_CHANNELS, 3),
  ...blockShapes('entry32', 1, ENTRY_CHANNELS, 4),
  ...Object.fromEntries(
    LAYERS.flatMap(({ name, from, to }) => Object.entries(blockShapes(name, from, to, 3))),
  ),
  'classifier.weight': [CLASSES, FASHION_NETWORK_FEATURES],
  'classifier.bias': [CLASSES],
};

function block(parameters: Readonly<Record<string, Tensor>>, name: string, x: Tensor, stride = 1): Tensor {
  const of = (part: string): Tensor => {
    const parameter = parameters[`${name}.${part}`];
    if (!parameter) throw new RangeError(`fashionNetwork: there is no parameter ${name}.${part}`);
    return parameter;
  };
  const convolved = conv2d(x, of('conv.weight'), { padding: 1, stride });
  return groupNorm(convolved, of('norm.weight'), of('norm.bias'), { groups: GROUPS, eps: EPS }).relu();
}

/**
 * Applies the network, as a graph.
 *
 * @param parameters as `FASHION_NETWORK_SHAPES` names them
 * @param images float32 [B, 1, 16, 16] or [B, 1, 32, 32] in [-1, 1]
 * @returns features [B, 64], at least 0, and logits [B, 10]
 */
export function fashionNetwork(
  parameters: Readonly<Record<string, Tensor>>,
  images: Tensor,
): { features: Tensor; logits: Tensor } {
  const size = images.shape[2];
  let x = block(parameters, `entry${size}`, images, size === 32 ? 2 : 1); // [B, 16, 16, 16]
  for (const { name, pool } of LAYERS) x = block(parameters, name, pool ? avgPool2d(x, { kernel: 2 }) : x);
  const features = x.mean([2, 3]); // [B, 64, 4, 4] → [B, 64]
  return {
    features,
    logits: linear(features, parameters['classifier.weight']!, parameters['classifier.bias']),
  };
}
