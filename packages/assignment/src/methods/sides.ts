/** The two sets of vectors whose distances decide a pairing: flat, [rows, dimensions] each. */
export interface Sides {
  readonly x0: Float32Array;
  readonly noise: Float32Array;
}
