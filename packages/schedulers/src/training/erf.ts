/** The error function, which JavaScript does not have. */

/** Beyond it erf is 1 to the last bit of a float64. */
const SATURATED = 6;

/**
 * erf(x) = 2/√π · e^(−x²) · Σ_n 2ⁿ x^(2n+1) / (2n + 1)!! (Abramowitz & Stegun 7.1.6). All terms have one sign, so nothing
 * cancels: a few units in the last place of a float64.
 */
export function erf(x: number): number {
  if (Math.abs(x) >= SATURATED) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * Number.EPSILON * 0.25; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
