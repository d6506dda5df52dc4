/**
 * Mean and covariance of features that arrive a batch at a time, in float64, in one pass.
 *
 * Samples are centred before they are squared, so that a mean that is large beside the spread costs no digits; sets are
 * merged by the update of Chan, Golub & LeVeque (1979): S ← S + S' + n·n'/(n + n')·δδᵀ, δ = mean' − mean.
 */
import { MetricArgumentError } from './errors.ts';
import { checkFinite, sampleCount } from './feature-matrix.ts';
import { matrix, transposed, window, type Matrix } from './linalg/matrix.ts';
import { Scatter, TriangularFactor, type SecondMoment } from './second-moment.ts';

/**
 * What is kept of the samples beside their mean, d × d numbers either way:
 * - `scatter`: S = Σ (x − mean)(x − mean)ᵀ; N·d² operations. Variances below d·2e-16 of the largest are lost.
 * - `factor`: the triangular R with RᵀR = S, by QR, without forming S; 2·N·d² operations; nothing is lost. As long as there are
 *   at most max(256, d) samples, the samples themselves are kept.
 */
export type Keep = 'scatter' | 'factor';

/** Samples are centred and squared so many at a time. */
const BATCH = 256;

/** Count, mean and covariance of a stream of features; mergeable, so that parts can be computed apart. */
export class Moments {
  /** d */
  readonly dimension: number;
  readonly keep: Keep;
  /** Samples not yet behind #mean and #second: the first #waiting rows. */
  readonly #batch: Matrix;
  #waiting = 0;
  /** Samples behind #mean and #second. */
  #settled = 0;
  readonly #mean: Float64Array;
  #second: SecondMoment | undefined;

  /**
   * @param dimension d, a whole number from 1
   * @throws MetricArgumentError if d is not
   */
  constructor(dimension: number, keep: Keep = 'scatter') {
    sampleCount({ data: new Float64Array(0), dimension }, 'Moments');
    this.dimension = dimension;
    this.keep = keep;
    this.#batch = matrix(keep === 'factor' ? Math.max(BATCH, dimension) : BATCH, dimension);
    this.#mean = new Float64Array(dimension);
  }

  /**
   * Moments that somebody else computed, for example `mu` and `sigma` of pytorch-fid; kept as `scatter`.
   *
   * @param mean [d]
   * @param covariance [d, d], unbiased (divided by count − 1), symmetric to 1e-5
   * @param count how many samples they are of; only merging depends on it
   * @throws MetricArgumentError on wrong sizes, numbers that are not finite, or a covariance that is not symmetric
   */
  static fromCovariance(
    mean: Float32Array | Float64Array,
    covariance: Float32Array | Float64Array,
    count = 2,
  ): Moments {
    const d = mean.length;
    const moments = new Moments(d);
    if (covariance.length !== d * d || !Number.isInteger(count) || count < 2) {
      throw new MetricArgumentError(
        `Moments: wanted a covariance of ${d} × ${d} values and a count from 2, got ${covariance.length} values and ${count}`,
      );
    }
    checkFinite({ data: mean, dimension: d }, 'mean');
    checkFinite({ data: covariance, dimension: d }, 'covariance');
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < i; j++) {
        const [a, b] = [covariance[i * d + j]!, covariance[j * d + i]!];
        const scale = Math.sqrt(Math.abs(covariance[i * d + i]! * covariance[j * d + j]!));
        if (Math.abs(a - b) > 1e-5 * scale) {
          throw new MetricArgumentError(
            `Moments: wanted a symmetric covariance, got ${a} at (${i}, ${j}) and ${b} at (${j}, ${i})`,
          );
        }
      }
    }
    moments.#mean.set(mean);
    moments.#settled = count;
    moments.#second = new Scatter(
      matrix(
        d,
        d,
        Float64Array.from(covariance, (value) => value * (count - 1)),
      ),
    );
    return moments;
  }

  /** N, the number of samples added so far. */
  get count(): number {
    return this.#settled + this.#waiting;
  }

  /**
   * Adds samples.
   *
   * @param data [n, d], row-major, any n; copied
   * @throws MetricArgumentError if the rows are not whole or a number is not finite (nothing is added then)
   */
  add(data: Float32Array | Float64Array): this {
    const d = this.dimension;
    const rows = sampleCount({ data, dimension: d });
    checkFinite({ data, dimension: d });
    for (let from = 0; from < rows;) {
      const room = Math.min(this.#batch.rows - this.#waiting, rows - from);
      this.#batch.data.set(data.subarray(from * d, (from + room) * d), this.#waiting * d);
      this.#waiting += room;
      from += room;
      if (this.#waiting === this.#batch.rows) this.#settle();
    }
    return this;
  }

  /**
   * Adds the samples of another set, as if they had been added one by one; the other set keeps its value.
   *
   * @throws MetricArgumentError if the other set has another dimension or keeps another second moment
   */
  merge(other: Moments): this {
    if (other.dimension !== this.dimension || other.keep !== this.keep) {
      throw new MetricArgumentError(
        `Moments: wanted to merge with ${this.dimension} dimensions and keep "${this.keep}", ` +
          `got ${other.dimension} and "${other.keep}"`,
      );
    }
    const waiting = other.#batch.data.slice(0, other.#waiting * other.dimension);
    const second = other.#second;
    if (second !== undefined) {
      this.#absorb(other.#settled, other.#mean.slice(), (mine) => mine.addAll(second));
    }
    return this.add(waiting);
  }

  /** The mean, [d]. @throws MetricArgumentError without samples */
  mean(): Float64Array {
    if (this.count === 0) {
      throw new MetricArgumentError('Moments: wanted a mean, got no samples; add some first');
    }
    const waiting = this.#batchMean();
    const share = this.#waiting / this.count;
    return this.#mean.map((value, j) => value + share * (waiting[j]! - value));
  }

  /** The unbiased covariance S/(N − 1), [d, d] row-major. @throws MetricArgumentError with fewer than 2 samples */
  covariance(): Float64Array {
    this.#atLeastTwo();
    this.#settle();
    return this.#secondMoment()
      .scatter()
      .data.map((value) => value / (this.count - 1));
  }

  /**
   * A matrix F with FᵀF = S, [r, d], not to be changed: the centred samples themselves while they are at most d, else the
   * triangular factor; with `scatter` the pivoted Cholesky factor, whose r is the numerical rank.
   *
   * @throws MetricArgumentError with fewer than 2 samples; MetricNumericError if S is no covariance
   */
  factor(): Matrix {
    this.#atLeastTwo();
    if (this.keep === 'factor' && this.#second === undefined && this.#waiting <= this.dimension) {
      return transposed(this.#centredColumns(this.#batchMean()));
    }
    this.#settle();
    return this.#secondMoment().factor();
  }

  #atLeastTwo(): void {
    if (this.count < 2) {
      throw new MetricArgumentError(`Moments: wanted at least 2 samples for a covariance, got ${this.count}`);
    }
  }

  #secondMoment(): SecondMoment {
    this.#second ??=
      this.keep === 'factor'
        ? new TriangularFactor(this.dimension)
        : new Scatter(matrix(this.dimension, this.dimension));
    return this.#second;
  }

  #batchMean(): Float64Array {
    const d = this.dimension;
    const mean = new Float64Array(d);
    if (this.#waiting === 0) return mean;
    for (let i = 0; i < this.#waiting; i++) {
      for (let j = 0, at = i * d; j < d; j++) mean[j]! += this.#batch.data[at + j]!;
    }
    return mean.map((sum) => sum / this.#waiting);
  }

  /** The waiting samples minus `mean`, one a column: [d, n]. */
  #centredColumns(mean: Float64Array): Matrix {
    const columns = transposed(window(this.#batch, 0, 0, this.#waiting, this.dimension));
    for (let j = 0; j < columns.rows; j++) {
      const centre = mean[j]!;
      for (let at = j * columns.columns, end = at + columns.columns; at < end; at++)
        columns.data[at]! -= centre;
    }
    return columns;
  }

  /** Moves the waiting samples into the mean and the second moment. */
  #settle(): void {
    if (this.#waiting === 0) return;
    const mean = this.#batchMean();
    const centred = this.#centredColumns(mean);
    this.#absorb(this.#waiting, mean, (second) => second.addCentred(centred));
    this.#waiting = 0;
  }

  /** Chan's update with `count` samples of that mean, whose second moment about it `addTo` adds. */
  #absorb(count: number, mean: Float64Array, addTo: (second: SecondMoment) => void): void {
    const second = this.#secondMoment();
    addTo(second);
    const total = this.#settled + count;
    if (this.#settled > 0) {
      const weight = Math.sqrt((this.#settled / total) * count);
      const shift = mean.map((value, j) => (value - this.#mean[j]!) * weight);
      second.addCentred(matrix(this.dimension, 1, shift));
    }
    for (let j = 0; j < mean.length; j++) this.#mean[j]! += (count / total) * (mean[j]! - this.#mean[j]!);
    this.#settled = total;
  }
}
