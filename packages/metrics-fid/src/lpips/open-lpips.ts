/** LPIPS as a metric: distances between pairs of images in memory, batch after batch on a device. */
import { type Device, disposeTree, tensor, type Tensor } from '@immiscible/tensor-core';
import { filledUp, joined } from '../batches.ts';
import { MetricArgumentError } from '../errors.ts';
import { checkImages, type ImageShape } from '../features/feature-extractor.ts';
import { lpips, type LpipsOptions, type LpipsWeights } from './lpips.ts';

const NAME = 'lpips-vgg-0.1';
const DEFAULT_BATCH = 8;

export interface OpenLpipsOptions extends LpipsOptions {
  /** Pairs that go through the network at once; the last batch is filled up. Default 8: at 224×224 a pair wants 0.2 GB. */
  readonly batchSize?: number;
}

/** Perceptual distances on one device. */
export interface LpipsMetric {
  /** Names the metric in reports. */
  readonly name: string;
  /**
   * @param a, b [N, C, H, W] each, C = 3 or 1, in [-1, 1], row-major
   * @returns the distances of the N pairs
   * @throws MetricArgumentError for other shapes, or numbers that are not in [-1, 1]
   */
  distances(a: Float32Array, b: Float32Array, shape: ImageShape): Promise<Float32Array>;
  /** Frees what the metric holds on its device; the device stays open. */
  dispose(): Promise<void>;
}

/**
 * Opens LPIPS on a device, with weights that are put there once. The network is compiled at the first images of each size.
 * The device must outlive the metric.
 *
 * @throws MetricArgumentError for a batch size that is not a whole number from 1
 */
export async function openLpips(
  device: Device,
  weights: LpipsWeights,
  { batchSize = DEFAULT_BATCH, ...options }: OpenLpipsOptions = {},
): Promise<LpipsMetric> {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new MetricArgumentError(
      `${NAME}: wanted a batch size that is a whole number from 1, got ${batchSize}`,
    );
  }
  const parameters = await device.put({ ...weights });
  const network = device.compile((inputs: { parameters: Record<string, Tensor>; a: Tensor; b: Tensor }) => ({
    distances: lpips(inputs.parameters, inputs.a, inputs.b, options),
  }));
  return {
    name: NAME,
    async distances(a, b, shape) {
      for (const images of [a, b]) checkImages(NAME, images, shape);
      const [count, ...rest] = shape;
      const values = rest.reduce((product, extent) => product * extent, 1);
      const parts: Float32Array[] = [];
      for (let from = 0; from < count; from += batchSize) {
        const batch = (images: Float32Array): Tensor =>
          tensor(filledUp(images.subarray(from * values, (from + batchSize) * values), batchSize * values), [
            batchSize,
            ...rest,
          ]);
        const results = await network({ parameters, a: batch(a), b: batch(b) });
        const some = (await results.distances.data()) as Float32Array;
        parts.push(some.slice(0, Math.min(batchSize, count - from)));
        disposeTree(results);
      }
      return joined(parts);
    },
    async dispose() {
      await network.dispose();
      disposeTree(parameters);
    },
  };
}
