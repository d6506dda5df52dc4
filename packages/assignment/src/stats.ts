/**
 * What an assignment did, measured on the numbers that will be trained on: unquantised, and with the noise as drawn.
 */
import { type ConditionReport } from './conditions.ts';
import { type Batch } from './inputs.ts';
import { moments, sumPairCosts } from './measure.ts';
import { type Metric } from './metric.ts';
import { type QuantisationReport } from './quantise.ts';
import { type SinkhornReport } from './solve/sinkhorn.ts';

export interface AssignmentStats {
  /** Mean cost of the pairs as they were drawn and as they are now, in the metric, never quantised. */
  readonly costBefore: number;
  readonly costAfter: number;
  /** The mean distance's relative change; -0.02 is 2 % nearer. For `dot`, which is no distance, that of `l2`. */
  readonly reduction: number;
  /**
   * Mean cost of the problem that was solved: float16 costs for precision `f16`, flipped noise for `flipped`. Null
   * for `identity`, which solves none.
   */
  readonly solvedCost: number | null;
  /** No pairing has a smaller mean cost than this in that problem; the gap is `solvedCost - dualBound`. */
  readonly dualBound: number | null;
  readonly gap: number | null;
  /** Whether that problem's optimum was found and proved. */
  readonly exact: boolean;
  /** Mean and variance over all numbers of the chosen noise; a linear assignment leaves both as they were drawn. */
  readonly marginal: Marginal;
  /** Present with precision `f16`, except for `nearest`, which makes no matrix. */
  readonly quantisation?: QuantisationReport;
  /** Present with `conditions`. */
  readonly conditions?: ConditionReport;
  /** Present with the solver `sinkhorn`: entropy, iterations and what one of them took. */
  readonly sinkhorn?: SinkhornReport;
  readonly milliseconds: { readonly cost: number; readonly quantise: number; readonly solve: number };
}

export interface Marginal {
  readonly mean: number;
  readonly variance: number;
}

/** Mean cost of images with the noise rows that `pairing` names, in float64. */
export function meanPairCost(batch: Batch, pairing: Int32Array, metric: Metric): number {
  return sumPairCosts(metric, batch.x0, batch.noise, pairing, batch.dimensions) / batch.rows;
}

/** Mean and variance (around that mean, over the number of values) in float64. */
export function marginal(values: Float32Array): Marginal {
  return moments(values);
}
