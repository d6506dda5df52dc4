/**
 * Float16 costs as the paper's authors compute them (section 3.4, and the linear-assignment training script of their
 * public code): images and noise are rounded to float16, multiplied by 0.10 and rounded again; their L2 distance is
 * rounded to float16. The scale keeps squares of large latents below 65504, the largest float16.
 *
 * One rounding is left out: the authors also round each difference of coordinates, which a matrix product never forms.
 * Those errors are independent over thousands of coordinates and vanish below the last rounding.
 */
import { AssignmentError } from './errors.ts';
import { countFloat16, FLOAT16_MAX, FLOAT16_VALUES, fromFloat16Bits, scaleToFloat16 } from './float16.ts';
import { type Sides } from './methods/sides.ts';
import { type Metric, metricDegree } from './metric.ts';

/** What float16 did to a matrix of costs. Costs are in the metric's units, as if nothing had been scaled. */
export interface QuantisationReport {
  /** What both sides were multiplied by. */
  readonly scale: number;
  /** Costs in the matrix, and how many different values they have. */
  readonly entries: number;
  readonly distinct: number;
  /** Costs that others equal. */
  readonly tied: number;
  /** Costs beyond 65504 after scaling: they became pairs that must not be made. */
  readonly overflow: number;
  readonly smallest: number;
  readonly largest: number;
  /** The step between neighbouring float16 values at the largest cost. */
  readonly step: number;
  /** What the rounding changed, with `compareExact`. */
  readonly lost?: QuantisationLoss;
}

/** What pairing by float16 costs gave away, against float32 costs of the same problem. */
export interface QuantisationLoss {
  /** Images that got another noise. */
  readonly pairs: number;
  /** The share of the gain, over noise as it was drawn, that is lost. */
  readonly gain: number;
}

/**
 * One side, rounded to float16, scaled and rounded again.
 *
 * @param name of the side, for the error
 * @throws AssignmentError `not-finite` when a number leaves float16
 */
export function quantiseSide(name: string, data: Float32Array, scale: number): Float32Array {
  const out = new Float32Array(data.length);
  if (scaleToFloat16(data, Math.fround(scale), out, 'rounded') > 0) {
    const at = out.findIndex((value) => !Number.isFinite(value));
    throw new AssignmentError(
      'not-finite',
      `assignNoise: float16 ends at ${FLOAT16_MAX}, but ${name} has ${data[at]} at element ${at}; scale the data ` +
        "down or use precision 'f32'",
    );
  }
  return out;
}

/** Both sides, as {@link quantiseSide}. */
export function quantiseSides({ x0, noise }: Sides, scale: number): Sides {
  return { x0: quantiseSide('x0', x0, scale), noise: quantiseSide('noise', noise, scale) };
}

/**
 * The costs of quantised sides, rounded to float16, with the scale taken off again (exactly for 0.1 and powers of two;
 * ties stay ties for any scale).
 *
 * @param scaledCost not changed
 */
export function quantiseCost(
  scaledCost: Float32Array,
  metric: Metric,
  scale: number,
): { cost: Float32Array; report: QuantisationReport } {
  const cost = new Float32Array(scaledCost.length);
  const overflow = scaleToFloat16(scaledCost, 1, cost);
  const unit = metricDegree(metric) === 1 ? 1 / scale : 1 / (scale * scale);
  const counts = countFloat16(cost);
  let distinct = 0;
  let tied = 0;
  let smallest = Infinity;
  let largest = -Infinity;
  let widest = 0;
  for (let bits = 0; bits < FLOAT16_VALUES; bits++) {
    const count = counts[bits]!;
    const value = count === 0 ? NaN : fromFloat16Bits(bits);
    if (!Number.isFinite(value)) continue;
    distinct++;
    if (count > 1) tied += count;
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
    widest = Math.max(widest, bits & 0x7fff);
  }
  for (let e = 0; e < cost.length; e++) cost[e]! *= unit;
  const step = (fromFloat16Bits(widest) - fromFloat16Bits(Math.max(0, widest - 1))) * unit;
  return {
    cost,
    report: {
      scale,
      entries: cost.length,
      distinct,
      tied,
      overflow,
      smallest: smallest * unit,
      largest: largest * unit,
      step,
    },
  };
}
