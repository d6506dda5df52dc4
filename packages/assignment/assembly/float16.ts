/**
 * Rounding to float16 and counting what came of it, four numbers at a time; the plain twin is in src/float16.ts.
 */

/** The first byte that is free. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * Rounds numbers to float16, in place: multiplied by `scale` first, and before that rounded too if `twice` says so.
 *
 * @param at `count` float32 numbers, in room for a multiple of four
 * @returns how many became infinite
 */
export function roundScaled(at: usize, count: i32, scale: f32, twice: i32): i32 {
  let infinite = 0;
  const factor = f32x4.splat(scale);
  for (let left = count; left > 0; left -= 4, at += 16) {
    let x = v128.load(at);
    if (twice) x = round(x);
    x = round(f32x4.mul(x, factor));
    v128.store(at, x);
    const noSign = v128.and(x, i32x4.splat(0x7fffffff));
    const lanes = i32x4.bitmask(i32x4.eq(noSign, i32x4.splat(0x7f800000)));
    infinite += popcnt(left < 4 ? lanes & ((1 << left) - 1) : lanes);
  }
  return infinite;
}

/** To nearest, ties to even, subnormals kept, NaN kept, from 65520 on infinite. */
function round(x: v128): v128 {
  const signs = v128.and(x, i32x4.splat(0x80000000));
  const magnitude = v128.andnot(x, i32x4.splat(0x80000000));
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const normal = v128.andnot(i32x4.add(magnitude, i32x4.add(odd, i32x4.splat(0xfff))), i32x4.splat(0x1fff));
  // Below 2^-14 float16 has steps of 2^-24, those of float32 between 0.5 and 1: the addition rounds.
  const half = f32x4.splat(0.5);
  const small = f32x4.sub(f32x4.add(magnitude, half), half);
  let rounded = v128.bitselect(small, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  rounded = v128.bitselect(i32x4.splat(0x7f800000), rounded, i32x4.ge_s(magnitude, i32x4.splat(0x477ff000)));
  rounded = v128.bitselect(magnitude, rounded, i32x4.gt_s(magnitude, i32x4.splat(0x7f800000)));
  return v128.or(rounded, signs);
}

/**
 * Counts float16 values by their bits.
 *
 * @param at `count` float32 numbers that float16 can hold; -0 is counted as 0, NaN as 0x7e00
 * @param table 65536 counts of 32 bits, added to
 */
export function tally(at: usize, count: i32, table: usize): void {
  for (const end = at + ((<usize>count) << 2); at < end; at += 4) {
    const value = load<f32>(at);
    const bits = reinterpret<u32>(value);
    const magnitude = bits & 0x7fffffff;
    let half: u32;
    if (magnitude == 0) half = 0;
    else if (magnitude < 0x38800000) half = ((bits >> 16) & 0x8000) | u32(abs<f32>(value) * 16777216);
    else if (magnitude > 0x7f800000) half = 0x7e00;
    else if (magnitude == 0x7f800000) half = ((bits >> 16) & 0x8000) | 0x7c00;
    else half = ((bits >> 16) & 0x8000) | ((magnitude - 0x38000000) >> 13);
    const slot = table + ((<usize>half) << 2);
    store<u32>(slot, load<u32>(slot) + 1);
  }
}
