/**
 * The inner loops of distance.ts: what four rows of a and a few of b have in common, kept in eight vector registers over
 * all of a slice. One element of a is loaded into every lane and meets two vectors of b; that leaves enough of the
 * sixteen registers of x86 for the operands.
 *
 * A float32 slice adds at most `FLUSH` terms before it goes into float64 sums: rounding then does not grow with the
 * number of dimensions, and the flush costs a tenth of the time.
 */

/** Terms that float32 sums may hold before they are added to float64 ones. */
const FLUSH: usize = 32;

/** acc[4][8] += Σ_k a[k][4] · b[k][8]; a and b float32, acc float64. */
export function productTile32(a: usize, b: usize, terms: usize, acc: usize): void {
  const end = b + (terms << 5);
  while (b < end) {
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0);
    let c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0);
    let c31 = f32x4.splat(0);
    const stop = min(end, b + (FLUSH << 5));
    for (; b < stop; b += 32) {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let x = v128.load_splat<f32>(a);
      c00 = f32x4.add(c00, f32x4.mul(x, b0));
      c01 = f32x4.add(c01, f32x4.mul(x, b1));
      x = v128.load_splat<f32>(a, 4);
      c10 = f32x4.add(c10, f32x4.mul(x, b0));
      c11 = f32x4.add(c11, f32x4.mul(x, b1));
      x = v128.load_splat<f32>(a, 8);
      c20 = f32x4.add(c20, f32x4.mul(x, b0));
      c21 = f32x4.add(c21, f32x4.mul(x, b1));
      x = v128.load_splat<f32>(a, 12);
      c30 = f32x4.add(c30, f32x4.mul(x, b0));
      c31 = f32x4.add(c31, f32x4.mul(x, b1));
      a += 16;
    }
    flush(acc, c00);
    flush(acc + 32, c01);
    flush(acc + 64, c10);
    flush(acc + 96, c11);
    flush(acc + 128, c20);
    flush(acc + 160, c21);
    flush(acc + 192, c30);
    flush(acc + 224, c31);
  }
}

/** acc[4][8] += Σ_k |a[k][4] - b[k][8]|; a and b float32, acc float64. */
export function absoluteTile32(a: usize, b: usize, terms: usize, acc: usize, noSign: v128): void {
  const end = b + (terms << 5);
  while (b < end) {
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0);
    let c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0);
    let c31 = f32x4.splat(0);
    const stop = min(end, b + (FLUSH << 5));
    for (; b < stop; b += 32) {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let x = v128.load_splat<f32>(a);
      c00 = f32x4.add(c00, v128.and(noSign, f32x4.sub(x, b0)));
      c01 = f32x4.add(c01, v128.and(noSign, f32x4.sub(x, b1)));
      x = v128.load_splat<f32>(a, 4);
      c10 = f32x4.add(c10, v128.and(noSign, f32x4.sub(x, b0)));
      c11 = f32x4.add(c11, v128.and(noSign, f32x4.sub(x, b1)));
      x = v128.load_splat<f32>(a, 8);
      c20 = f32x4.add(c20, v128.and(noSign, f32x4.sub(x, b0)));
      c21 = f32x4.add(c21, v128.and(noSign, f32x4.sub(x, b1)));
      x = v128.load_splat<f32>(a, 12);
      c30 = f32x4.add(c30, v128.and(noSign, f32x4.sub(x, b0)));
      c31 = f32x4.add(c31, v128.and(noSign, f32x4.sub(x, b1)));
      a += 16;
    }
    flush(acc, c00);
    flush(acc + 32, c01);
    flush(acc + 64, c10);
    flush(acc + 96, c11);
    flush(acc + 128, c20);
    flush(acc + 160, c21);
    flush(acc + 192, c30);
    flush(acc + 224, c31);
  }
}

/** acc[4][4] += Σ_k a[k][4] · b[k][4], all float64. */
export function productTile64(a: usize, b: usize, terms: usize, acc: usize): void {
  let c00 = v128.load(acc);
  let c01 = v128.load(acc, 16);
  let c10 = v128.load(acc, 32);
  let c11 = v128.load(acc, 48);
  let c20 = v128.load(acc, 64);
  let c21 = v128.load(acc, 80);
  let c30 = v128.load(acc, 96);
  let c31 = v128.load(acc, 112);
  for (const end = b + (terms << 5); b < end; b += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f64>(a);
    c00 = f64x2.add(c00, f64x2.mul(x, b0));
    c01 = f64x2.add(c01, f64x2.mul(x, b1));
    x = v128.load_splat<f64>(a, 8);
    c10 = f64x2.add(c10, f64x2.mul(x, b0));
    c11 = f64x2.add(c11, f64x2.mul(x, b1));
    x = v128.load_splat<f64>(a, 16);
    c20 = f64x2.add(c20, f64x2.mul(x, b0));
    c21 = f64x2.add(c21, f64x2.mul(x, b1));
    x = v128.load_splat<f64>(a, 24);
    c30 = f64x2.add(c30, f64x2.mul(x, b0));
    c31 = f64x2.add(c31, f64x2.mul(x, b1));
    a += 32;
  }
  v128.store(acc, c00);
  v128.store(acc, c01, 16);
  v128.store(acc, c10, 32);
  v128.store(acc, c11, 48);
  v128.store(acc, c20, 64);
  v128.store(acc, c21, 80);
  v128.store(acc, c30, 96);
  v128.store(acc, c31, 112);
}

/** acc[4][4] += Σ_k |a[k][4] - b[k][4]|, all float64. */
export function absoluteTile64(a: usize, b: usize, terms: usize, acc: usize, noSign: v128): void {
  let c00 = v128.load(acc);
  let c01 = v128.load(acc, 16);
  let c10 = v128.load(acc, 32);
  let c11 = v128.load(acc, 48);
  let c20 = v128.load(acc, 64);
  let c21 = v128.load(acc, 80);
  let c30 = v128.load(acc, 96);
  let c31 = v128.load(acc, 112);
  for (const end = b + (terms << 5); b < end; b += 32) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f64>(a);
    c00 = f64x2.add(c00, v128.and(noSign, f64x2.sub(x, b0)));
    c01 = f64x2.add(c01, v128.and(noSign, f64x2.sub(x, b1)));
    x = v128.load_splat<f64>(a, 8);
    c10 = f64x2.add(c10, v128.and(noSign, f64x2.sub(x, b0)));
    c11 = f64x2.add(c11, v128.and(noSign, f64x2.sub(x, b1)));
    x = v128.load_splat<f64>(a, 16);
    c20 = f64x2.add(c20, v128.and(noSign, f64x2.sub(x, b0)));
    c21 = f64x2.add(c21, v128.and(noSign, f64x2.sub(x, b1)));
    x = v128.load_splat<f64>(a, 24);
    c30 = f64x2.add(c30, v128.and(noSign, f64x2.sub(x, b0)));
    c31 = f64x2.add(c31, v128.and(noSign, f64x2.sub(x, b1)));
    a += 32;
  }
  v128.store(acc, c00);
  v128.store(acc, c01, 16);
  v128.store(acc, c10, 32);
  v128.store(acc, c11, 48);
  v128.store(acc, c20, 64);
  v128.store(acc, c21, 80);
  v128.store(acc, c30, 96);
  v128.store(acc, c31, 112);
}

/** acc[4] += sums[4], from float32 to float64. */
function flush(acc: usize, sums: v128): void {
  v128.store(acc, f64x2.add(v128.load(acc), f64x2.promote_low_f32x4(sums)));
  const high = v128.shuffle<f64>(sums, sums, 1, 0);
  v128.store(acc, f64x2.add(v128.load(acc, 16), f64x2.promote_low_f32x4(high)), 16);
}
