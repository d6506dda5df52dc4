/** Every value of an image as it is: for points in the plane, which have nothing else to look at, and very small images. */
import { MetricArgumentError } from '../errors.ts';
import { checkImages, type FeatureExtractor } from './feature-extractor.ts';

const NAME = 'values';

/**
 * Opens the features `values`: [C, H, W] row-major, in [-1, 1].
 *
 * @param shape [C, H, W] of the images
 * @throws MetricArgumentError for extents that are not whole numbers from 1; from `features`, for images of another shape
 */
export function rawValues(shape: readonly [number, number, number]): FeatureExtractor {
  const dimension = shape.reduce((product, extent) => product * extent, 1);
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 1)) {
    throw new MetricArgumentError(`${NAME}: wanted a shape of whole numbers from 1, got ${shape.join('×')}`);
  }
  return {
    name: NAME,
    dimension,
    provenance: {
      weightsSha256: null,
      description: `the ${dimension} values of an image of ${shape.join('×')}, units -1 to 1`,
      metadata: {},
    },
    async features(images, [count, ...own]) {
      checkImages(NAME, images, [count, ...own]);
      if (own.join() !== shape.join()) {
        throw new MetricArgumentError(
          `${NAME}: wanted images of ${shape.join('×')}, got ${own.join('×')}; open it with their shape`,
        );
      }
      return images.slice();
    },
    dispose: () => Promise.resolve(),
  };
}
