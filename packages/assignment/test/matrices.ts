/** The matrices of golden/generate.py, bit for bit, from the same integer hash. */

/** Element `index` of stream `seed`: the lowbias32 finaliser. */
function hash32(seed: number, index: number): number {
  let x = (index + Math.imul(seed, 0x9e3779b9)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

function uniform(seed: number, index: number): number {
  return hash32(seed, index) / 2 ** 32;
}

export function points(seed: number, rows: number, dimensions: number): Float64Array {
  return Float64Array.from({ length: rows * dimensions }, (_, e) => uniform(seed, e));
}

function distances(a: Float64Array, b: Float64Array, dimensions: number): Float64Array {
  const rows = a.length / dimensions;
  const columns = b.length / dimensions;
  return Float64Array.from({ length: rows * columns }, (_, e) => {
    const i = Math.floor(e / columns) * dimensions;
    const j = (e % columns) * dimensions;
    let squared = 0;
    for (let k = 0; k < dimensions; k++) {
      const difference = a[i + k]! - b[j + k]!;
      squared += difference * difference;
    }
    return Math.sqrt(squared);
  });
}

const families: Record<string, (rows: number, columns: number) => Float64Array> = {
  uniform: (rows, columns) => points(1, rows, columns),
  integers: (rows, columns) => each(rows, columns, (e) => hash32(2, e) % 1_000_000),
  ties: (rows, columns) => each(rows, columns, (e) => hash32(3, e) % 4),
  constant: (rows, columns) => each(rows, columns, () => 7.25),
  geometric: (rows, columns) => distances(points(4, rows, 2), points(5, columns, 2), 2),
  'rank-one': (rows, columns) => each(rows, columns, (_, i, j) => uniform(6, i) * uniform(7, j)),
  'permuted-diagonal': (rows, columns) =>
    each(rows, columns, (e, i, j) => (j === (7 * i + 3) % columns ? 0.5 : 1 + uniform(8, e))),
  'dear-row': (rows, columns) =>
    each(rows, columns, (e, i) => uniform(9, e) + (i === Math.floor(rows / 2) ? 1e6 : 0)),
  duplicates: (rows, columns) => {
    const few = Math.max(1, Math.floor(rows / 4));
    return each(rows, columns, (_, i, j) => uniform(10, (i % few) * columns + j));
  },
  'image-noise': (rows, columns) => {
    const a = points(11, rows, 24).map(
      (p, e) => (p - 0.5) * 8 * (1 / (1 + (e % 24))) * (0.5 + uniform(12, Math.floor(e / 24))),
    );
    const b = points(13, columns, 24).map((p) => (p - 0.5) * 3.4641016151377544);
    return distances(a, b, 24);
  },
};

function each(
  rows: number,
  columns: number,
  entry: (e: number, i: number, j: number) => number,
): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, e) =>
    entry(e, Math.floor(e / columns), e % columns),
  );
}

/** @param family one of golden/generate.py's */
export function matrix(family: string, rows: number, columns: number): Float64Array {
  const make = families[family];
  if (make === undefined) throw new Error(`no family ${family}`);
  return make(rows, columns);
}

export const familyNames: readonly string[] = Object.keys(families);
