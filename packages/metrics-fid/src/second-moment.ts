/**
 * The two ways to keep S = Σ (x − mean)(x − mean)ᵀ while samples stream by, behind one interface.
 *
 * `Scatter` sums S itself; `TriangularFactor` keeps R with RᵀR = S and never forms S. Measured on MNIST's pixels (rank 712 of
 * 784): both give the same Fréchet distance to 12 digits, because the factor of S stops at the numerical rank; the triangular
 * factor costs twice as much and does not rely on that.
 */
import { matrix, transposed, window, type Matrix } from './linalg/matrix.ts';
import { addGram, addProduct } from './linalg/multiply.ts';
import { pivotedCholesky } from './linalg/pivoted-cholesky.ts';
import { absorbRows } from './linalg/triangular-factor.ts';

/** Samples that are turned into reflections together: their columns stay in the second-level cache. */
const BLOCK = 256;

/** S, in one form or the other. */
export interface SecondMoment {
  /** S ← S + Σ xxᵀ over the columns of `centred`, [d, n]. */
  addCentred(centred: Matrix): void;
  /** S ← S + S', where S' is of the same kind. */
  addAll(other: SecondMoment): void;
  /** S, [d, d], symmetric; not to be changed. */
  scatter(): Matrix;
  /** F, [r, d], with FᵀF = S; not to be changed. */
  factor(): Matrix;
}

/** Copies the lower triangle over the upper one. */
function mirror(s: Matrix): Matrix {
  for (let i = 0; i < s.rows; i++) {
    for (let j = 0; j < i; j++) s.data[j * s.stride + i] = s.data[i * s.stride + j]!;
  }
  return s;
}

/** S as a symmetric matrix; its factor is a pivoted Cholesky factor of the numerical rank. */
export class Scatter implements SecondMoment {
  readonly #s: Matrix;

  /** @param s [d, d], symmetric, taken over */
  constructor(s: Matrix) {
    this.#s = s;
  }

  addCentred(centred: Matrix): void {
    addGram(1, centred, this.#s);
  }

  addAll(other: SecondMoment): void {
    const values = other.scatter().data;
    for (let i = 0; i < values.length; i++) this.#s.data[i]! += values[i]!;
  }

  scatter(): Matrix {
    return mirror(this.#s);
  }

  factor(): Matrix {
    return pivotedCholesky(this.scatter());
  }
}

/** S as its triangular factor R. */
export class TriangularFactor implements SecondMoment {
  readonly #r: Matrix;

  constructor(dimension: number) {
    this.#r = matrix(dimension, dimension);
  }

  addCentred(centred: Matrix): void {
    const { data, ...shape } = centred;
    const columns = { ...shape, data: data.slice() }; // the reflections overwrite what they absorb
    for (let from = 0; from < columns.columns; from += BLOCK) {
      const width = Math.min(BLOCK, columns.columns - from);
      absorbRows(this.#r, window(columns, 0, from, columns.rows, width));
    }
  }

  addAll(other: SecondMoment): void {
    this.addCentred(transposed(other.factor()));
  }

  scatter(): Matrix {
    const d = this.#r.rows;
    const s = matrix(d, d);
    const columns = transposed(this.#r);
    addProduct(1, columns, columns, s);
    return s;
  }

  factor(): Matrix {
    return this.#r;
  }
}
