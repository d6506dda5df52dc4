/**
 * What is measured on samples before and after an assignment: whether all numbers are finite, costs of single pairs, and
 * moments; sums in float64. The plain twins are in src/measure.ts and src/metric.ts.
 */

const L2 = 0;
const SQEUCLIDEAN = 1;
const L1 = 2;

/** The first byte that is free. */
export function heapBase(): usize {
  return __heap_base;
}

/** Whether `count` float32 numbers are finite: 1 or 0. @param at room for a multiple of four, zeros or numbers */
export function allFinite(at: usize, count: i32): i32 {
  const exponent = i32x4.splat(0x7f800000);
  let bad = i32x4.splat(0);
  for (const end = at + ((<usize>count) << 2); at < end; at += 16) {
    bad = v128.or(bad, i32x4.eq(v128.and(v128.load(at), exponent), exponent));
  }
  return v128.any_true(bad) ? 0 : 1;
}

/** One cost. @param metric 0 l2, 1 sqeuclidean, 2 l1, 3 dot */
export function pairCost(metric: i32, a: usize, b: usize, dimensions: i32): f64 {
  const noSign = i64x2.splat(0x7fffffffffffffff);
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const end = a + ((<usize>dimensions) << 2);
  for (const whole = a + (((<usize>dimensions) & ~3) << 2); a < whole; a += 16, b += 16) {
    const a0 = f64x2.promote_low_f32x4(v128.load_zero<f64>(a));
    const a1 = f64x2.promote_low_f32x4(v128.load_zero<f64>(a, 8));
    const b0 = f64x2.promote_low_f32x4(v128.load_zero<f64>(b));
    const b1 = f64x2.promote_low_f32x4(v128.load_zero<f64>(b, 8));
    if (metric == L1) {
      s0 = f64x2.add(s0, v128.and(noSign, f64x2.sub(a0, b0)));
      s1 = f64x2.add(s1, v128.and(noSign, f64x2.sub(a1, b1)));
    } else if (metric == L2 || metric == SQEUCLIDEAN) {
      const d0 = f64x2.sub(a0, b0);
      const d1 = f64x2.sub(a1, b1);
      s0 = f64x2.add(s0, f64x2.mul(d0, d0));
      s1 = f64x2.add(s1, f64x2.mul(d1, d1));
    } else {
      s0 = f64x2.sub(s0, f64x2.mul(a0, b0));
      s1 = f64x2.sub(s1, f64x2.mul(a1, b1));
    }
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; a < end; a += 4, b += 4) {
    const x = <f64>load<f32>(a);
    const y = <f64>load<f32>(b);
    if (metric == L1) sum += abs(x - y);
    else if (metric == L2 || metric == SQEUCLIDEAN) sum += (x - y) * (x - y);
    else sum -= x * y;
  }
  return metric == L2 ? sqrt(sum) : sum;
}

/** Adds Σ (value - shift) and Σ (value - shift)² of `count` numbers to the two float64 at `sums`. */
export function addMoments(at: usize, count: i32, shift: f64, sums: usize): void {
  const centre = f64x2.splat(shift);
  let s = f64x2.splat(0);
  let q = f64x2.splat(0);
  const end = at + ((<usize>count) << 2);
  for (const whole = at + (((<usize>count) & ~3) << 2); at < whole; at += 16) {
    const d0 = f64x2.sub(f64x2.promote_low_f32x4(v128.load_zero<f64>(at)), centre);
    const d1 = f64x2.sub(f64x2.promote_low_f32x4(v128.load_zero<f64>(at, 8)), centre);
    s = f64x2.add(s, f64x2.add(d0, d1));
    q = f64x2.add(q, f64x2.add(f64x2.mul(d0, d0), f64x2.mul(d1, d1)));
  }
  let sum = f64x2.extract_lane(s, 0) + f64x2.extract_lane(s, 1);
  let squares = f64x2.extract_lane(q, 0) + f64x2.extract_lane(q, 1);
  for (; at < end; at += 4) {
    const difference = <f64>load<f32>(at) - shift;
    sum += difference;
    squares += difference * difference;
  }
  store<f64>(sums, load<f64>(sums) + sum);
  store<f64>(sums, load<f64>(sums, 8) + squares, 8);
}
