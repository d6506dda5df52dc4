import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bidiagonalize } from './bidiagonal.ts';
import { matrix, squaredNorm, transposed, window, type Matrix } from './matrix.ts';
import { addGram, addProduct } from './multiply.ts';
import { pivotedCholesky } from './pivoted-cholesky.ts';
import { bidiagonalSingularValues, singularValues } from './singular-values.ts';
import { absorbRows } from './triangular-factor.ts';

const random = (seed: number, rows: number, columns: number): Matrix =>
  matrix(rows, columns, Float64Array.from(streamNormal(seed, 0, new Float32Array(rows * columns))));

const copy = (a: Matrix): Matrix => transposed(transposed(a));

/** The textbook loop: a · bᵀ. */
function product(a: Matrix, b: Matrix): Matrix {
  const c = matrix(a.rows, b.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      for (let p = 0; p < a.columns; p++) {
        c.data[i * b.rows + j]! +=
          a.data[a.offset + i * a.stride + p]! * b.data[b.offset + j * b.stride + p]!;
      }
    }
  }
  return c;
}

function largestDifference(a: Matrix, b: Matrix): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  const [x, y] = [copy(a).data, copy(b).data];
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0);
}

const size = fc.integer({ min: 1, max: 70 });
const seed = fc.nat(1000);

describe('addProduct', () => {
  it('is the textbook product for any size, also in windows and beyond its depth', () => {
    fc.assert(
      fc.property(size, size, fc.constantFrom(1, 5, 64, 513, 1100), seed, (m, n, k, s) => {
        const a = window(random(s, m + 2, k + 3), 1, 2, m, k);
        const b = random(s + 1, n, k);
        const c = random(s + 2, m, n);
        const wanted = product(a, b);
        wanted.data.forEach((value, i) => (wanted.data[i] = c.data[i]! - 0.5 * value));
        addProduct(-0.5, a, b, c);
        expect(largestDifference(c, wanted)).toBeLessThan(1e-11);
      }),
      { numRuns: 25 },
    );
  });

  it('fills the lower triangle of a Gram matrix', () => {
    const a = random(3, 131, 17);
    const [gram, wanted] = [matrix(131, 131), product(a, a)];
    addGram(1, a, gram);
    for (let i = 0; i < 131; i++) {
      for (let j = i + 1; j < 131; j++) gram.data[i * 131 + j] = gram.data[j * 131 + i]!;
    }
    expect(largestDifference(gram, wanted)).toBeLessThan(1e-12);
  });
});

describe('absorbRows', () => {
  it('keeps RᵀR equal to the sum of all rows seen', () => {
    fc.assert(
      fc.property(
        size,
        fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 3 }),
        seed,
        (d, parts, s) => {
          const r = matrix(d, d);
          const wanted = matrix(d, d);
          parts.forEach((n, i) => {
            const columns = random(s + i, d, n);
            addProduct(1, columns, columns, wanted);
            absorbRows(r, copy(columns));
          });
          const rT = transposed(r);
          expect(largestDifference(product(rT, rT), wanted)).toBeLessThan(1e-11);
          const below = r.data.filter((_, i) => i % d < Math.floor(i / d));
          expect(below.every((value) => value === 0)).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('leaves dead features dead', () => {
    const columns = random(1, 5, 9);
    columns.data.fill(0, 2 * 9, 3 * 9);
    const r = matrix(5, 5);
    absorbRows(r, columns);
    expect([...r.data].filter((_, i) => i % 5 === 2 && i !== 12)).toEqual([0, 0, 0, 0]);
    expect(r.data.every(Number.isFinite)).toBe(true);
  });
});

describe('singular values', () => {
  it('keep the invariants of bidiagonalisation: the Frobenius norm, and AᵀA’s trace of squares', () => {
    fc.assert(
      fc.property(size, size, seed, (m, n, s) => {
        const a = random(s, Math.max(m, n), Math.min(m, n));
        const gram = product(transposed(a), transposed(a));
        const { diagonal, above } = bidiagonalize(copy(a));
        const sum = (x: Float64Array, p: number): number =>
          x.reduce((total, v) => total + Math.abs(v) ** p, 0);
        const close = (found: number, wanted: number): void =>
          expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-12);
        close(sum(diagonal, 2) + sum(above, 2), squaredNorm(a));
        const values = singularValues(copy(a));
        expect(values.length).toBe(Math.min(m, n));
        close(sum(values, 2), squaredNorm(a));
        close(sum(values, 4), squaredNorm(gram));
        const wide = singularValues(transposed(a)).sort();
        close(sum(wide, 1), sum(values, 1));
      }),
      { numRuns: 25 },
    );
  });

  it('are those that the matrix was made with, singular and graded ones too', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 0, 1e-12, 1e-6, 1, 1, 2, 300), { minLength: 1, maxLength: 60 }),
        seed,
        (wanted, s) => {
          const n = wanted.length;
          const scaled = orthogonal(s, n);
          wanted.forEach((value, j) => {
            for (let i = 0; i < n; i++) scaled.data[i * n + j]! *= value;
          });
          const found = singularValues(product(scaled, orthogonal(s + 1, n))).sort();
          const sorted = Float64Array.from(wanted).sort();
          found.forEach((value, i) => expect(Math.abs(value - sorted[i]!)).toBeLessThan(1e-11));
        },
      ),
      {
        numRuns: 40,
        // Equal values whose sweeps leave more than one rounding beside the diagonal.
        examples: [
          [[1e-12, 1e-12, 0], 39],
          [[1, 1, 0, 0, 1, 0], 996],
          [[1, 2, 0, 2], 336],
        ],
      },
    );
  });

  it('have a closed form for the bidiagonal matrix of ones: 2·cos(iπ/(2n + 1))', () => {
    const n = 50;
    const found = bidiagonalSingularValues({
      diagonal: new Float64Array(n).fill(1),
      above: new Float64Array(n - 1).fill(1),
    }).sort();
    found.forEach((value, i) => {
      expect(Math.abs(value - 2 * Math.cos(((n - i) * Math.PI) / (2 * n + 1)))).toBeLessThan(1e-13);
    });
  });

  it('deflate zeros anywhere on the diagonal', () => {
    for (let zero = 0; zero < 5; zero++) {
      const diagonal = Float64Array.of(3, -2, 1, 2, 5);
      diagonal[zero] = 0;
      const above = Float64Array.of(1, -1, 1, 1);
      const squares = [...diagonal, ...above].reduce((sum, value) => sum + value * value, 0);
      const found = bidiagonalSingularValues({ diagonal, above }).sort();
      expect(found[0]).toBeLessThan(1e-14);
      expect(found.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(squares, 12);
    }
  });

  it('stop with an error at NaN instead of turning for ever', () => {
    const broken = { diagonal: Float64Array.of(1, NaN, 1), above: Float64Array.of(1, 1) };
    expect(() => bidiagonalSingularValues(broken)).toThrow(/no convergence in 120 sweeps/);
  });
});

/** A random orthogonal matrix: a product of reflections. */
function orthogonal(seed: number, n: number): Matrix {
  const q = matrix(n, n);
  for (let i = 0; i < n; i++) q.data[i * n + i] = 1;
  for (let k = 0; k < 3; k++) {
    const v = random(seed * 10 + k, 1, n);
    const scale = 2 / squaredNorm(v);
    for (let i = 0; i < n; i++) {
      let dot = 0;
      for (let j = 0; j < n; j++) dot += q.data[i * n + j]! * v.data[j]!;
      for (let j = 0; j < n; j++) q.data[i * n + j]! -= scale * dot * v.data[j]!;
    }
  }
  return q;
}

describe('pivotedCholesky', () => {
  it('factors semidefinite matrices at their rank', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 0, max: 120 }), seed, (d, most, s) => {
        const rank = Math.min(d, most);
        const columns = random(s, d, rank);
        const gram = product(columns, columns);
        const factor = pivotedCholesky(gram);
        expect(factor.rows).toBe(rank);
        const fT = transposed(factor);
        expect(largestDifference(product(fT, fT), gram)).toBeLessThan(1e-10);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses what is no covariance', () => {
    const indefinite = matrix(2, 2, Float64Array.of(1, 2, 2, 1));
    expect(() => pivotedCholesky(indefinite)).toThrow(/wanted a positive semidefinite matrix/);
  });
});
