/**
 * Every solver minimises over at least as many columns as rows; this turns other problems into that, and answers back.
 */
import { type Costs } from './problem.ts';

/** Edge of the square blocks in which a matrix is transposed: both sides of one stay in the first cache. */
const BLOCK = 32;

/** The matrix itself, or a copy that is transposed, negated, or both. */
export function orient(
  cost: Costs,
  rows: number,
  columns: number,
  { transpose, negate }: { readonly transpose: boolean; readonly negate: boolean },
): Costs {
  if (!transpose && !negate) return cost;
  const sign = negate ? -1 : 1;
  const turned = cost instanceof Float32Array ? new Float32Array(cost.length) : new Float64Array(cost.length);
  if (!transpose) {
    for (let e = 0; e < cost.length; e++) turned[e] = sign * cost[e]!;
    return turned;
  }
  for (let top = 0; top < rows; top += BLOCK) {
    for (let start = 0; start < columns; start += BLOCK) {
      for (let i = top; i < Math.min(rows, top + BLOCK); i++) {
        for (let j = start; j < Math.min(columns, start + BLOCK); j++) {
          turned[j * rows + i] = sign * cost[i * columns + j]!;
        }
      }
    }
  }
  return turned;
}
