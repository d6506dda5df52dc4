/**
 * Singular values alone, without vectors: bidiagonalise, then implicit QR on the two diagonals (Golub & Kahan 1965; shifts and
 * the zero-shift sweep of Demmel & Kahan, "Accurate Singular Values of Bidiagonal Matrices", 1990).
 *
 * Going through AᵀA instead would be simpler and would lose every singular value below 1e-8 of the largest, which the trace of a
 * covariance root is full of.
 */
import { MetricNumericError } from '../errors.ts';
import { bidiagonalize, type Bidiagonal } from './bidiagonal.ts';
import { transposed, type Matrix } from './matrix.ts';

const EPSILON = 2 ** -52;
/**
 * What rounding leaves beside the diagonal, in EPSILON of the largest entry: a sweep over equal singular values puts back about 1,
 * so that a bound of 1 can stand still for ever (once in 5000 matrices with equal values); LAPACK's own is 10 to 100.
 */
const ROUNDING = 8;

/**
 * Singular values of `a` [m, n], not sorted, [min(m, n)]; absolute error about EPSILON·σ_max times a small power of the size.
 *
 * @param a overwritten
 * @throws MetricNumericError if the iteration does not converge (not seen; a guard against numbers that are not finite)
 */
export function singularValues(a: Matrix): Float64Array {
  return bidiagonalSingularValues(bidiagonalize(a.rows >= a.columns ? a : transposed(a)));
}

/** Singular values of an upper bidiagonal matrix, not sorted; the arrays are overwritten and `diagonal` is returned. */
export function bidiagonalSingularValues({ diagonal: d, above: e }: Bidiagonal): Float64Array {
  let largest = 0;
  for (const values of [d, e]) for (const value of values) largest = Math.max(largest, Math.abs(value));
  const negligible = ROUNDING * EPSILON * largest;
  let high = d.length - 1;
  let sweeps = 0;
  const most = 40 * d.length;
  while (high > 0) {
    if (Math.abs(e[high - 1]!) <= negligible) {
      e[--high] = 0;
      continue;
    }
    let low = high - 1;
    while (low > 0 && Math.abs(e[low - 1]!) > negligible) low--;
    if (low > 0) e[low - 1] = 0;
    if (++sweeps > most) {
      throw new MetricNumericError(
        `singular values: no convergence in ${most} sweeps over a bidiagonal matrix of size ${d.length}; check for NaN`,
      );
    }
    let singular = false;
    for (let i = low; i <= high; i++) if (Math.abs(d[i]!) <= negligible) singular = true;
    const shift = smallestOfLastTwo(d[high - 1]!, e[high - 1]!, d[high]!);
    const relative = shift / d[low]!;
    if (singular || relative * relative < EPSILON) zeroShiftSweep(d, e, low, high);
    else shiftedSweep(d, e, low, high, shift);
  }
  for (let i = 0; i < d.length; i++) d[i] = Math.abs(d[i]!);
  return d;
}

/** The smaller singular value of [[f, g], [0, h]] (LAPACK's `dlas2`). */
function smallestOfLastTwo(f: number, g: number, h: number): number {
  const [fa, ga, ha] = [Math.abs(f), Math.abs(g), Math.abs(h)];
  const least = Math.min(fa, ha);
  const most = Math.max(fa, ha);
  if (least === 0) return 0;
  const as = 1 + least / most;
  const at = (most - least) / most;
  if (ga < most) {
    const au = (ga / most) ** 2;
    return least * (2 / (Math.sqrt(as * as + au) + Math.sqrt(at * at + au)));
  }
  const au = most / ga;
  if (au === 0) return (least * most) / ga;
  const c = 1 / (Math.sqrt(1 + (as * au) ** 2) + Math.sqrt(1 + (at * au) ** 2));
  return 2 * (least * c) * au;
}

/** One implicit QR sweep with a shift, chasing the bulge from `low` to `high`. */
function shiftedSweep(d: Float64Array, e: Float64Array, low: number, high: number, shift: number): void {
  const first = d[low]!;
  let f = (Math.abs(first) - shift) * (Math.sign(first) + shift / first);
  let g = e[low]!;
  for (let i = low; i < high; i++) {
    let r = Math.hypot(f, g);
    let c = r === 0 ? 1 : f / r;
    let s = r === 0 ? 0 : g / r;
    if (i > low) e[i - 1] = r;
    f = c * d[i]! + s * e[i]!;
    e[i] = c * e[i]! - s * d[i]!;
    g = s * d[i + 1]!;
    d[i + 1]! *= c;
    r = Math.hypot(f, g);
    c = r === 0 ? 1 : f / r;
    s = r === 0 ? 0 : g / r;
    d[i] = r;
    f = c * e[i]! + s * d[i + 1]!;
    d[i + 1] = c * d[i + 1]! - s * e[i]!;
    if (i < high - 1) {
      g = s * e[i + 1]!;
      e[i + 1]! *= c;
    }
  }
  e[high - 1] = f;
}

/** One sweep without a shift: no subtraction, so that small singular values keep their digits; splits off a zero of d. */
function zeroShiftSweep(d: Float64Array, e: Float64Array, low: number, high: number): void {
  let c = 1;
  let s = 0;
  let oldC = 1;
  let oldS = 0;
  for (let i = low; i < high; i++) {
    let f = d[i]! * c;
    let g = e[i]!;
    let r = Math.hypot(f, g);
    c = r === 0 ? 1 : f / r;
    s = r === 0 ? 0 : g / r;
    if (i > low) e[i - 1] = oldS * r;
    f = oldC * r;
    g = d[i + 1]! * s;
    r = Math.hypot(f, g);
    oldC = r === 0 ? 1 : f / r;
    oldS = r === 0 ? 0 : g / r;
    d[i] = r;
  }
  const last = d[high]! * c;
  d[high] = last * oldC;
  e[high - 1] = last * oldS;
}
