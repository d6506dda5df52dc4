/**
 * How x̂_0 is kept in range: clamped to ±clip, or by dynamic thresholding, Saharia et al., "Imagen" (2022), section 2.3: clamped
 * to ±s and divided by s, where s is a quantile of the sample's own |x̂_0|, so that guidance does not saturate it.
 *
 * Paper → here: the percentile p → `ratio`; s, from 1 up → `s`, at most `most`. Rounded to float32 where PyTorch rounds, the place
 * of the quantile among the sorted values too.
 */
import { SchedulerArgumentError } from './errors.ts';

const f32 = Math.fround;

/** x̂_0 ← clamp(x̂_0, ±s)/s with s = min(max(quantile(|x̂_0|, ratio), 1), most), for each sample by itself. */
export interface DynamicThreshold {
  /** `dynamic_thresholding_ratio`, from 0 to 1 */
  readonly ratio: number;
  /** `sample_max_value`, above 0 */
  readonly most: number;
}

/** x̂_0 is clamped to [−clip, clip], or thresholded. */
export type Clip = number | DynamicThreshold;

/** The quantile of sorted values, linear between two of them: `torch.quantile`. */
function quantile(sorted: Float32Array, ratio: number): number {
  const place = f32(f32(ratio) * (sorted.length - 1));
  const low = sorted[Math.floor(place)]!;
  const width = f32(sorted[Math.ceil(place)]! - low);
  return f32(low + f32((place - Math.floor(place)) * width));
}

/**
 * @param length how many values x has
 * @throws SchedulerArgumentError where a threshold's quantiles want to know how many samples x holds, and nobody says so
 */
export function checkSamples(clip: Clip | null, samples: number | undefined, length: number): void {
  if (typeof clip === 'number' || clip === null) return;
  if (samples !== undefined && samples > 0 && Number.isInteger(length / samples)) return;
  throw new SchedulerArgumentError(
    `sampling: thresholding takes a quantile of each sample; wanted samples, the number of them in x (${length} values), ` +
      `got ${samples ?? 'none'}`,
  );
}

/**
 * x̂_0 in range, a new array; x̂_0 itself where `clip` is null.
 *
 * @param x0 all samples one after another
 * @param samples how many; needed for a threshold
 * @throws SchedulerArgumentError see `checkSamples`
 */
export function clipX0(x0: Float32Array, clip: Clip | null, samples?: number): Float32Array {
  if (clip === null) return x0;
  if (typeof clip === 'number') return x0.map((value) => Math.min(Math.max(value, -clip), clip));
  checkSamples(clip, samples, x0.length);
  const size = x0.length / (samples ?? 1);
  const result = x0.slice();
  for (let first = 0; first < result.length; first += size) {
    const sample = result.subarray(first, first + size);
    const s = Math.min(Math.max(quantile(sample.map(Math.abs).sort(), clip.ratio), 1), f32(clip.most));
    sample.forEach((value, i) => (sample[i] = Math.min(Math.max(value, -s), s) / s));
  }
  return result;
}
