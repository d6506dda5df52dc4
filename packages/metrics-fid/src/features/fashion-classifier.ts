/**
 * Features for Fashion-MNIST: the last pooled layer of a small classifier that this project trained itself.
 *
 * Inception features were made for photographs of 299×299 pixels and have 2048 dimensions, whose covariance a thousand
 * samples cannot fill. These have 64, know what clothes look like, and cost a fraction of a millisecond an image.
 */
import { type Device, disposeTree, tensor, type Tensor } from '@immiscible/tensor-core';
import { fashionClassifierWeights } from '../assets.ts';
import { filledUp, joined } from '../batches.ts';
import { MetricArgumentError } from '../errors.ts';
import { checkImages, type FeatureExtractor, type ImageShape } from './feature-extractor.ts';
import {
  FASHION_NETWORK_FEATURES,
  FASHION_NETWORK_SHAPES,
  FASHION_NETWORK_SIZES,
  fashionNetwork,
} from './fashion-network.ts';
import { loadWeights } from './weights.ts';

/** Weights of version 1, as `packages/trainer/scripts/train-fashion-classifier.ts` wrote them. */
const WEIGHTS_SHA256 = '0f643e6fac52053cc48e2a3adf7d6490b5b26e1b35885cc224f25a44be70072a';
const NAME = 'fashion-classifier-v1';
const DEFAULT_BATCH = 100;

export interface FashionClassifierOptions {
  /** Images that go through the network at once; the last batch is filled up. Default 100. */
  readonly batchSize?: number;
}

/** The extractor, which has class scores too. */
export interface FashionClassifier extends FeatureExtractor {
  /** Class scores before the softmax, [N, 10], in the order of `FASHION_MNIST_CLASSES`. */
  logits(images: Float32Array, shape: ImageShape): Promise<Float32Array>;
}

/**
 * Opens the features `fashion-classifier-v1`: 64 numbers, at least 0, for each grey image of 16×16 or 32×32 pixels in
 * [-1, 1], prepared as `openFashionMnist` of `@immiscible/datasets` prepares them (zero-padded to 32×32; mean-pooled to
 * 16×16). Both sizes share all but the first layer, but a distance measured at one does not compare with one at the other.
 *
 * The network is compiled at the first image of each size. The device must outlive the extractor.
 *
 * @throws MetricArgumentError for a batch size that is not a whole number from 1
 * @throws MetricWeightsError where the weights in the package are missing or are not version 1
 */
export async function openFashionClassifier(
  device: Device,
  { batchSize = DEFAULT_BATCH }: FashionClassifierOptions = {},
): Promise<FashionClassifier> {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new MetricArgumentError(
      `${NAME}: wanted a batch size that is a whole number from 1, got ${batchSize}`,
    );
  }
  const weights = await loadWeights(fashionClassifierWeights, WEIGHTS_SHA256, FASHION_NETWORK_SHAPES);
  const parameters = await device.put(weights.parameters);
  const network = device.compile((inputs: { parameters: Record<string, Tensor>; images: Tensor }) =>
    fashionNetwork(inputs.parameters, inputs.images),
  );

  const run = async (
    images: Float32Array,
    shape: ImageShape,
    output: 'features' | 'logits',
  ): Promise<Float32Array> => {
    checkImages(NAME, images, shape);
    checkSize(shape);
    const [count, , height, width] = shape;
    const pixels = height * width;
    const parts: Float32Array[] = [];
    for (let from = 0; from < count; from += batchSize) {
      const some = images.subarray(from * pixels, (from + batchSize) * pixels);
      const results = await network({
        parameters,
        images: tensor(filledUp(some, batchSize * pixels), [batchSize, 1, height, width]),
      });
      const values = (await results[output].data()) as Float32Array; // [batchSize, d]
      parts.push(values.slice(0, Math.min(batchSize, count - from) * (values.length / batchSize)));
      disposeTree(results);
    }
    return joined(parts);
  };

  return {
    name: NAME,
    dimension: FASHION_NETWORK_FEATURES,
    provenance: {
      weightsSha256: WEIGHTS_SHA256,
      description:
        'last pooled layer, before the classifier, of a convolutional network trained on Fashion-MNIST',
      metadata: weights.metadata,
    },
    features: (images, shape) => run(images, shape, 'features'),
    logits: (images, shape) => run(images, shape, 'logits'),
    async dispose() {
      await network.dispose();
      disposeTree(parameters);
    },
  };
}

function checkSize([, channels, height, width]: ImageShape): void {
  const known = FASHION_NETWORK_SIZES.some((size) => size === height && size === width);
  if (channels === 1 && known) return;
  throw new MetricArgumentError(
    `${NAME}: wanted grey images of ${FASHION_NETWORK_SIZES.map((size) => `${size}×${size}`).join(' or ')} pixels, ` +
      `got ${channels} channels of ${height}×${width}; open Fashion-MNIST at one of these sizes, ` +
      'and measure other images in pixels-8x8 or in features of their own',
  );
}
