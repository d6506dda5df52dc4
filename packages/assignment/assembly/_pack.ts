/**
 * Four rows side by side, so that a tile reads its operands in the order in which they lie: out[k][r] = row r's
 * element k. Rows that are not there are zeros, which change no sum that anybody reads.
 */

/**
 * float32 → float32.
 *
 * @param rows where the first row begins; the others follow at `stride` bytes
 * @param count rows that are there, up to 4
 * @param step bytes between the groups of four in `out`
 */
export function pack32(rows: usize, stride: usize, count: i32, terms: usize, out: usize, step: usize): void {
  if (count < 4) {
    for (let k: usize = 0; k < terms; k++, out += step) {
      for (let r = 0; r < 4; r++)
        store<f32>(out + ((<usize>r) << 2), r < count ? load<f32>(rows + <usize>r * stride + (k << 2)) : 0);
    }
    return;
  }
  let r0 = rows;
  let r1 = r0 + stride;
  let r2 = r1 + stride;
  let r3 = r2 + stride;
  const end = r0 + (terms << 2);
  for (const whole = r0 + ((terms & ~3) << 2); r0 < whole; r0 += 16) {
    const a = v128.load(r0);
    const b = v128.load(r1);
    const c = v128.load(r2);
    const d = v128.load(r3);
    const abLow = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const cdLow = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    v128.store(out, v128.shuffle<f64>(abLow, cdLow, 0, 2));
    v128.store(out + step, v128.shuffle<f64>(abLow, cdLow, 1, 3));
    v128.store(out + 2 * step, v128.shuffle<f64>(abHigh, cdHigh, 0, 2));
    v128.store(out + 3 * step, v128.shuffle<f64>(abHigh, cdHigh, 1, 3));
    r1 += 16;
    r2 += 16;
    r3 += 16;
    out += 4 * step;
  }
  for (; r0 < end; r0 += 4, r1 += 4, r2 += 4, r3 += 4, out += step) {
    store<f32>(out, load<f32>(r0));
    store<f32>(out, load<f32>(r1), 4);
    store<f32>(out, load<f32>(r2), 8);
    store<f32>(out, load<f32>(r3), 12);
  }
}

/** float32 → float64, groups of four one after another. */
export function pack64(rows: usize, stride: usize, count: i32, terms: usize, out: usize): void {
  for (let r = 0; r < 4; r++) {
    let from = rows + <usize>r * stride;
    let to = out + ((<usize>r) << 3);
    if (r < count) {
      for (const end = from + (terms << 2); from < end; from += 4, to += 32)
        store<f64>(to, <f64>load<f32>(from));
    } else {
      for (const end = to + (terms << 5); to < end; to += 32) store<f64>(to, 0);
    }
  }
}
