/** What an assignment across processes did, over the images of all of them: every rank measures its own, all merge. */
import { type Batch } from '../inputs.ts';
import { identityPairing } from '../methods/identity.ts';
import { type Metric } from '../metric.ts';
import { type AssignmentStats, marginal, meanPairCost } from '../stats.ts';
import { type Agreement } from './agreement.ts';
import { type QuantisationReport } from '../quantise.ts';

/** What the solving rank tells the others beside the permutation. */
export interface SolvedAcross {
  readonly cost: number | null;
  readonly gap: number | null;
  readonly exact: boolean;
  readonly quantisation: QuantisationReport | null;
  readonly milliseconds: { readonly cost: number; readonly quantise: number; readonly solve: number };
}

/** Sums of one rank. */
interface Measured {
  readonly [name: string]: number;
  readonly rows: number;
  readonly before: number;
  readonly after: number;
  readonly distanceBefore: number;
  readonly distanceAfter: number;
  readonly numbers: number;
  readonly mean: number;
  readonly squares: number;
}

/** @param drawn this rank's images with their noise as drawn; `assigned`: with the noise they got */
export async function statsAcross(
  agreement: Agreement,
  drawn: Batch,
  assigned: Batch,
  metric: Metric,
  solved: SolvedAcross,
): Promise<AssignmentStats> {
  const ranks = await agreement.all(() => measure(drawn, assigned, metric));
  const sum = (value: (of: Measured) => number): number => ranks.reduce((total, of) => total + value(of), 0);
  const rows = sum((of) => of.rows);
  const numbers = sum((of) => of.numbers);
  const mean = sum((of) => of.mean * of.numbers) / numbers;
  const [before, after] = [sum((of) => of.distanceBefore), sum((of) => of.distanceAfter)];
  const perRow = (total: number | null): number | null => (total === null ? null : total / rows);
  const { cost, gap, exact, quantisation, milliseconds } = solved;
  return {
    costBefore: sum((of) => of.before) / rows,
    costAfter: sum((of) => of.after) / rows,
    reduction: before > 0 ? after / before - 1 : 0,
    solvedCost: perRow(cost),
    dualBound: cost === null || gap === null ? null : (cost - gap) / rows,
    gap: perRow(gap),
    exact,
    marginal: { mean, variance: sum((of) => of.squares + of.numbers * (of.mean - mean) ** 2) / numbers },
    ...(quantisation && { quantisation }),
    milliseconds,
  };
}

function measure(drawn: Batch, assigned: Batch, metric: Metric): Measured {
  const { rows } = drawn;
  const own = identityPairing(drawn);
  const total = (batch: Batch, of: Metric): number => rows * meanPairCost(batch, own, of);
  const [before, after] = [total(drawn, metric), total(assigned, metric)];
  const { mean, variance } = marginal(assigned.noise);
  const numbers = assigned.noise.length;
  return {
    rows,
    before,
    after,
    // A reduction is one of distances: `dot` is none.
    distanceBefore: metric === 'dot' ? total(drawn, 'l2') : before,
    distanceAfter: metric === 'dot' ? total(assigned, 'l2') : after,
    numbers,
    mean,
    squares: numbers * variance,
  };
}
