/** What is drawn for the samples of one batch, each from streams of its own: no number depends on the batch. */
import { streamNormal, streamUniform } from '@immiscible/random';
import { type SampleStreams } from './objectives/objective.ts';
import { type Purpose, streamOf } from './streams.ts';

/**
 * The random numbers of a batch's samples.
 *
 * @param counter the place in the run of the first of them
 * @param shape [B, C, H, W]
 */
export function sampleStreams(
  seed: number,
  counter: number,
  [size, ...shape]: readonly [number, number, number, number],
): SampleStreams {
  const draw = (fill: typeof streamUniform, purpose: Purpose, each: number): Float32Array => {
    const values = new Float32Array(size * each);
    for (let i = 0; i < size; i++) {
      fill(seed, streamOf(purpose, counter + i), values.subarray(i * each, (i + 1) * each));
    }
    return values;
  };
  return {
    size,
    shape,
    uniforms: (purpose, each = 1) => draw(streamUniform, purpose, each),
    normals: (purpose, each = 1) => draw(streamNormal, purpose, each),
  };
}

/** The keys of the samples' dropout masks, int32 [B · 2]. */
export function dropoutKeys(streams: SampleStreams): Int32Array<ArrayBuffer> {
  return Int32Array.from(streams.uniforms('dropout', 2), (word) => word * 2 ** 31);
}
