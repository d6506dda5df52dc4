/**
 * The sparse core: for each row the columns whose reduced cost is at most its `bound`. See src/solve/plain/core-lists.ts,
 * whose decisions these are, one for one.
 */
import { setI32, u32At, f32At, f64At, setF64 } from './_arrays';
import {
  bound,
  columns,
  cost,
  ENTRY,
  listEnd,
  lists,
  listsRoom,
  listStart,
  mostEntries,
  reach,
  rounded,
  rows,
  step,
  v,
} from './_state';

/** A list that is made anew has at least FEW and, where ties and eight probes allow, at most MANY columns. */
const FEW: i32 = 8;
const MANY: i32 = 40;
const NARROWINGS: i32 = 8;
const WIDENINGS: i32 = 40;
/** Rows before whose number an average means nothing. */
const SETTLED_ROWS: i32 = 8;

/** Lists are made in one of two rooms; when it is full, those that still count move to the other. */
let room: usize = 0;
let used: usize = 0;
let live: i32 = 0;
let collected: i32 = 0;
/** How many deviations below the mean the last row's limit lay: the next row's guess. */
let quantile: f64 = 0;

/** Makes space for one more list of any length. @returns false when the lists are too wide for that to make sense */
export function hasRoom(): bool {
  if (live > mostEntries) return false;
  if (used + <usize>(columns + 1) * ENTRY <= room + listsRoom) return true;
  room = room === lists ? lists + listsRoom : lists;
  used = room;
  for (let i = 0; i < rows; i++) {
    const start = u32At(listStart, i);
    const bytes = u32At(listEnd, i) - start;
    setI32(listStart, i, <i32>used);
    setI32(listEnd, i, <i32>(used + bytes));
    const padded = (bytes + 15) & ~15;
    memory.copy(used, start, padded);
    used += padded;
  }
  return true;
}

/**
 * Makes every row's first list.
 *
 * @param z the quantile of the standard normal distribution that about as many columns lie below as a list wants
 * @param widest entries that a row's list may have on average
 * @returns whether the lists are narrow enough to be of use
 */
export function buildLists(z: f64, widest: i32): bool {
  room = lists;
  used = lists;
  live = 0;
  quantile = z;
  memory.fill(listStart, 0, (<usize>rows) << 2);
  memory.fill(listEnd, 0, (<usize>rows) << 2);
  for (let i = 0; i < rows; i++) {
    if (!hasRoom()) return false;
    guess(i);
    if (live > (i + SETTLED_ROWS) * widest) return false;
  }
  return true;
}

/** A first limit from the mean and deviation of about 128 of the row's reduced costs, then a search from there. */
function guess(row: i32): void {
  const n = columns;
  const stride = max<i32>(1, n >> 7);
  const o = cost + ((<usize>row * <usize>n) << 2);
  let count = 0;
  let sum: f64 = 0;
  let squares: f64 = 0;
  let origin: f64 = 0;
  for (let j = row % stride; j < n; j += stride) {
    const reduced = <f64>f32At(o, j) - f64At(v, j);
    if (reduced === Infinity) continue;
    if (count++ === 0) origin = reduced;
    const r = reduced - origin;
    sum += r;
    squares += r * r;
  }
  const samples = <f64>max<i32>(1, count);
  const mean = sum / samples;
  const deviation = sqrt(max<f64>(0, squares / samples - mean * mean));
  setF64(step, row, deviation / 8);
  search(row, origin + mean + quantile * deviation, -Infinity);
  const limit = f64At(bound, row);
  if (deviation > 0 && limit < Infinity) quantile = (limit - origin - mean) / deviation;
}

/** Replaces a row's list by one that reaches further. There must be room. */
export function widen(row: i32): void {
  const low = f64At(bound, row);
  search(row, low + f64At(step, row), low);
}

/** Makes a list of FEW to MANY columns with a bound above `low`, starting with `limit`. */
function search(row: i32, limit: f64, low: f64): void {
  const start = used;
  const was = (u32At(listEnd, row) - u32At(listStart, row)) / ENTRY;
  const many = max<i32>(MANY, 2 * <i32>was);
  let stride = f64At(step, row);
  let high = Infinity;
  let narrowings = 0;
  for (let probe = 0; ; probe++) {
    used = start;
    if (!(limit > low) || probe === WIDENINGS) limit = Infinity;
    collect(row, limit);
    if (limit === Infinity) break;
    if (collected < FEW) {
      low = limit;
      if (high < Infinity) {
        limit = low + (high - low) / 2;
      } else {
        limit += stride;
        stride *= 2;
      }
    } else if (collected > many && narrowings < NARROWINGS) {
      narrowings++;
      const next = low > -Infinity ? low + (limit - low) / 2 : limit - stride;
      if (!(next > low && next < limit)) break;
      high = limit;
      limit = next;
      stride *= 2;
    } else {
      break;
    }
  }
  live += collected - <i32>was;
  // A list that hardly grew takes a larger step next time.
  if (low > -Infinity) setF64(step, row, collected < <i32>was + FEW ? 2 * (limit - low) : limit - low);
}

/** The list of all columns with a reduced cost up to `limit` that are allowed. */
function collect(row: i32, limit: f64): void {
  const n = columns;
  const blocks = n & ~15;
  const o = cost + ((<usize>row * <usize>n) << 2);
  // In float32 a column may look dearer than it is by 2^-23 (|limit| + 2 |v|): none may be missed.
  const margin = (abs(limit) + 2 * load<f64>(reach)) * 2.384185791015625e-7 + 1e-44;
  const top = f32x4.splat(<f32>(limit + margin));
  const start = used;
  let at = start;
  let j = 0;
  for (; j < blocks; j += 16) {
    const c = o + ((<usize>j) << 2);
    const d = rounded + ((<usize>j) << 2);
    const m0 = f32x4.le(f32x4.sub(v128.load(c), v128.load(d)), top);
    const m1 = f32x4.le(f32x4.sub(v128.load(c, 16), v128.load(d, 16)), top);
    const m2 = f32x4.le(f32x4.sub(v128.load(c, 32), v128.load(d, 32)), top);
    const m3 = f32x4.le(f32x4.sub(v128.load(c, 48), v128.load(d, 48)), top);
    if (!v128.any_true(v128.or(v128.or(m0, m1), v128.or(m2, m3)))) continue;
    let bits = i8x16.bitmask(
      i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(m0, m1), i16x8.narrow_i32x4_s(m2, m3)),
    );
    while (bits !== 0) {
      at = offer(at, o, j + ctz(bits), limit);
      bits &= bits - 1;
    }
  }
  for (; j < n; j++) at = offer(at, o, j, limit);
  collected = <i32>((at - start) / ENTRY);
  setI32(listStart, row, <u32>start);
  setI32(listEnd, row, <u32>at);
  setF64(bound, row, limit);
  // Lists are read two entries at a time: an odd one is followed by an entry that never counts.
  if ((collected & 1) !== 0) {
    store<i32>(at, 0);
    store<f32>(at, Infinity, 4);
    at += ENTRY;
  }
  used = at;
}

function offer(at: usize, o: usize, j: i32, limit: f64): usize {
  const c = f32At(o, j);
  const reduced = <f64>c - f64At(v, j);
  if (reduced <= limit && c < Infinity) {
    store<i32>(at, j);
    store<f32>(at, c, 4);
    return at + ENTRY;
  }
  return at;
}
