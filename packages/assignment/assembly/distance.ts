/**
 * One block of the matrix of costs, from slabs of rows that the caller has copied in: packed slice by slice, multiplied
 * tile by tile, and turned from sums into costs at the end.
 *
 * ‖x - n‖² = ‖x‖² + ‖n‖² - 2 x·n, with the norms in float64. Over many dimensions the products are float32 in short runs
 * that are added up in float64 (_tiles.ts); that loses nothing where the square is as large as the norms. Where it is
 * not (near or equal vectors, numbers at the ends of float32), the pair is computed again, difference by difference in
 * float64; equal vectors are 0 apart exactly.
 *
 * Every pair's sums are in an order of their own: no block size, no number of threads and no engine changes a bit. For
 * that the fused multiply-add of relaxed SIMD is left alone, which is a fifth faster where an engine has it.
 */
import { pack32, pack64 } from './_pack';
import { absoluteTile32, absoluteTile64, productTile32, productTile64 } from './_tiles';

const L2 = 0;
const SQEUCLIDEAN = 1;
const L1 = 2;

/** Dimensions in one slice: two panels of it fit the first cache. A multiple of the tiles' runs. */
const SLICE: usize = 256;
/** A square smaller than this part of ‖x‖² + ‖n‖² has lost too much to cancellation, of float32 and of float64 sums. */
const CANCELLED32: f64 = 0.25;
const CANCELLED64: f64 = 1e-6;
/** Below this, float32 products may have been lost to underflow. */
const TINY: f64 = 1e-30;

/** The first byte that is free. */
export function heapBase(): usize {
  return __heap_base;
}

/** Bytes of working memory that {@link costBlock} needs. */
export function scratchBytes(rows: i32, columns: i32): usize {
  const padded = (<usize>rows + 7) & ~7;
  const across = (<usize>columns + 7) & ~7;
  return 8 * (padded * across + (padded + across) * (SLICE + 1));
}

/**
 * out[rows, columns] = costs of x0 [rows, dimensions] and noise [columns, dimensions], float32.
 *
 * @param metric 0 l2, 1 sqeuclidean, 2 l1, 3 dot
 * @param precise 1: sums in float64 throughout
 * @param scratch 16-byte aligned
 */
export function costBlock(
  x0: usize,
  rows: i32,
  noise: usize,
  columns: i32,
  dimensions: i32,
  metric: i32,
  precise: i32,
  out: usize,
  scratch: usize,
): void {
  const width: usize = precise ? 4 : 8; // columns of a tile
  const rowPanels = (<usize>rows + 3) >> 2;
  const columnPanels = (<usize>columns + width - 1) / width;
  const tileBytes = width << 5;
  const stride = (<usize>dimensions) << 2;
  const noSign = precise ? i64x2.splat(0x7fffffffffffffff) : i32x4.splat(0x7fffffff);

  const sums = scratch;
  const images = sums + rowPanels * columnPanels * tileBytes;
  const noises = images + rowPanels * (SLICE << 5);
  const norms = noises + columnPanels * width * (SLICE << 3);
  memory.fill(sums, 0, images - sums);

  for (let from: usize = 0; from < <usize>dimensions; from += SLICE) {
    const terms = min(SLICE, <usize>dimensions - from);
    const at = from << 2;
    const rowBytes = precise ? terms << 5 : terms << 4;
    for (let p: usize = 0; p < rowPanels; p++) {
      const left = rows - ((<i32>p) << 2);
      const first = x0 + (p << 2) * stride + at;
      if (precise) pack64(first, stride, left, terms, images + p * rowBytes);
      else pack32(first, stride, left, terms, images + p * rowBytes, 16);
    }
    for (let q: usize = 0; q < columnPanels; q++) {
      const left = columns - <i32>(q * width);
      const first = noise + q * width * stride + at;
      const to = noises + q * (terms << 5);
      if (precise) {
        pack64(first, stride, left, terms, to);
      } else {
        pack32(first, stride, left, terms, to, 32);
        pack32(first + 4 * stride, stride, left - 4, terms, to + 16, 32);
      }
    }
    for (let q: usize = 0; q < columnPanels; q++) {
      const b = noises + q * (terms << 5);
      for (let p: usize = 0; p < rowPanels; p++) {
        const a = images + p * rowBytes;
        const tile = sums + (q * rowPanels + p) * tileBytes;
        if (metric == L1) {
          if (precise) absoluteTile64(a, b, terms, tile, noSign);
          else absoluteTile32(a, b, terms, tile, noSign);
        } else {
          if (precise) productTile64(a, b, terms, tile);
          else productTile32(a, b, terms, tile);
        }
      }
    }
  }

  if (metric == L2 || metric == SQEUCLIDEAN) {
    for (let i: usize = 0; i < <usize>rows; i++)
      store<f64>(norms + (i << 3), squaredNorm(x0 + i * stride, dimensions));
    const noiseNorms = norms + ((<usize>rows) << 3);
    for (let j: usize = 0; j < <usize>columns; j++)
      store<f64>(noiseNorms + (j << 3), squaredNorm(noise + j * stride, dimensions));
  }
  for (let i: usize = 0; i < <usize>rows; i++) {
    for (let j: usize = 0; j < <usize>columns; j++, out += 4) {
      const tile = sums + ((j / width) * rowPanels + (i >> 2)) * tileBytes;
      const sum = load<f64>(tile + (((i & 3) * width + (j & (width - 1))) << 3));
      if (metric == L1) {
        store<f32>(out, <f32>sum);
      } else if (metric == L2 || metric == SQEUCLIDEAN) {
        const both = load<f64>(norms + (i << 3)) + load<f64>(norms + ((<usize>rows + j) << 3));
        let squared = both - 2 * sum;
        const least = precise ? CANCELLED64 * both : max(CANCELLED32 * both, TINY);
        if (!(squared >= least && squared < Infinity))
          squared = directSquare(x0 + i * stride, noise + j * stride, dimensions);
        store<f32>(out, <f32>(metric == L2 ? sqrt(squared) : squared));
      } else {
        store<f32>(out, <f32>-sum);
      }
    }
  }
}

/** Σ a[k]², in float64. */
function squaredNorm(a: usize, dimensions: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const end = a + ((<usize>dimensions) << 2);
  for (const whole = a + (((<usize>dimensions) & ~3) << 2); a < whole; a += 16) {
    const x0 = f64x2.promote_low_f32x4(v128.load_zero<f64>(a));
    const x1 = f64x2.promote_low_f32x4(v128.load_zero<f64>(a, 8));
    s0 = f64x2.add(s0, f64x2.mul(x0, x0));
    s1 = f64x2.add(s1, f64x2.mul(x1, x1));
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; a < end; a += 4) sum += <f64>load<f32>(a) * <f64>load<f32>(a);
  return sum;
}

/** Σ (a[k] - b[k])², in float64. */
function directSquare(a: usize, b: usize, dimensions: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  const end = a + ((<usize>dimensions) << 2);
  for (const whole = a + (((<usize>dimensions) & ~3) << 2); a < whole; a += 16, b += 16) {
    const d0 = f64x2.sub(
      f64x2.promote_low_f32x4(v128.load_zero<f64>(a)),
      f64x2.promote_low_f32x4(v128.load_zero<f64>(b)),
    );
    const d1 = f64x2.sub(
      f64x2.promote_low_f32x4(v128.load_zero<f64>(a, 8)),
      f64x2.promote_low_f32x4(v128.load_zero<f64>(b, 8)),
    );
    s0 = f64x2.add(s0, f64x2.mul(d0, d0));
    s1 = f64x2.add(s1, f64x2.mul(d1, d1));
  }
  s0 = f64x2.add(s0, s1);
  let sum = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  for (; a < end; a += 4, b += 4) {
    const difference = <f64>load<f32>(a) - <f64>load<f32>(b);
    sum += difference * difference;
  }
  return sum;
}
