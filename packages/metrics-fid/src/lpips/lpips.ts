/**
 * LPIPS, version 0.1 on VGG-16 (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual
 * Metric", eq. 1): how far two images are apart for people, from the activations of a network that knows images.
 *
 *   d(a, b) = Σ_l mean over places of Σ_c w_lc · (â_lc − b̂_lc)²,   â_l = a_l / (|a_l| + 1e-10) at every place
 */
import { concat, full, resizeBilinear, type Tensor } from '@immiscible/tensor-core';
import { MetricArgumentError } from '../errors.ts';
import { parameterOf, VGG16_SHAPES, VGG16_TAPS, vgg16Taps } from './vgg16.ts';

export interface LpipsOptions {
  /**
   * Compare at this size (one number: as many rows as columns), resized bilinearly without antialiasing. Consistency models
   * take 224 for whatever images they train on. The images' own size where omitted.
   */
  readonly resize?: number | readonly [number, number];
}

/** Parameters of VGG-16 under torchvision's names, and of the linear heads under those of the package lpips: float32. */
export type LpipsWeights = Readonly<Record<string, Tensor>>;

/** Shape of every head, by name. */
export const LPIPS_HEAD_SHAPES: Readonly<Record<string, readonly number[]>> = Object.fromEntries(
  VGG16_TAPS.map((channels, i) => [headName(i), [1, channels, 1, 1]]),
);

/** Shape of every parameter, by name: what random weights, for tests, are made by. */
export const LPIPS_SHAPES: Readonly<Record<string, readonly number[]>> = {
  ...VGG16_SHAPES,
  ...LPIPS_HEAD_SHAPES,
};

/** The scaling layer: from [-1, 1] to ImageNet's mean and deviation, as the reference rounds them. */
const SHIFT = [-0.03, -0.088, -0.188];
const SCALE = [0.458, 0.448, 0.45];
const EPS = 1e-10;
/** Keeps the root's slope finite where all channels are 0; its root is far below `EPS`. */
const NEAR_ZERO = 1e-36;

function headName(tap: number): string {
  return `lin${tap}.model.1.weight`;
}

/**
 * Distances between two batches of images, as a graph: differentiable in both, so it serves as a loss. Where all channels
 * of an activation are 0, which makes the reference's gradient NaN, the gradient is 0.
 *
 * @param a, b float32 [B, 3, H, W] or grey [B, 1, H, W] in [-1, 1], at least 16×16 pixels after resizing
 * @returns float32 [B], at least 0; 0 for equal images
 * @throws MetricArgumentError for other shapes or sizes, or where a parameter is missing
 */
export function lpips(weights: LpipsWeights, a: Tensor, b: Tensor, { resize }: LpipsOptions = {}): Tensor {
  if (a.ndim !== 4 || (a.shape[1] !== 3 && a.shape[1] !== 1) || a.shape.join() !== b.shape.join()) {
    throw new MetricArgumentError(
      `lpips: wanted two batches [B, 3, H, W] or [B, 1, H, W] of one shape, got [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`,
    );
  }
  const size = typeof resize === 'number' ? ([resize, resize] as const) : resize;
  const activations = (images: Tensor): Tensor[] => {
    const sized = size ? resizeBilinear(images, size) : images;
    return vgg16Taps(weights, scaled(sized));
  };
  const [ofA, ofB] = [activations(a), activations(b)];
  const distances = ofA.map((tap, i) => {
    const difference = normalised(tap).sub(normalised(ofB[i]!)).square(); // [B, C, H, W]
    const head = parameterOf(weights, headName(i)).reshape([1, VGG16_TAPS[i]!]);
    return difference.mean([2, 3]).mul(head).sum(1); // [B]
  });
  return distances.reduce((sum, distance) => sum.add(distance));
}

/** Grey or coloured images in [-1, 1] → [B, 3, H, W] as VGG-16 was trained. */
function scaled(images: Tensor): Tensor {
  const perChannel = (values: readonly number[]): Tensor =>
    concat(
      values.map((value) => full([1, 1, 1, 1], value)),
      1,
    );
  return images.sub(perChannel(SHIFT)).mul(perChannel(SCALE.map((scale) => 1 / scale)));
}

/** Every place's channels, divided by their length. */
function normalised(x: Tensor): Tensor {
  const length = x.square().sum(1, true).add(NEAR_ZERO).sqrt(); // [B, 1, H, W]
  return x.div(length.add(EPS));
}
