import { describe, expect, it } from 'vitest';
import {
  DIMENSIONS,
  firstImages,
  syntheticImages,
  syntheticLatents,
  withUnitVariance,
} from './assignment-images.ts';

const rms = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/** Mean squared difference of neighbours in a row over twice the variance. */
function roughness(fields: Float32Array, side: number, variance: number): number {
  let squares = 0;
  let count = 0;
  for (let e = 0; e + 1 < fields.length; e++) {
    if (e % side === side - 1) continue;
    squares += (fields[e + 1]! - fields[e]!) ** 2;
    count++;
  }
  return squares / count / (2 * variance);
}

/** The same from the spectrum: Σ P (1 - cos 2πk/side) / Σ P with P = 1/f². */
function expectedRoughness(side: number): number {
  let [differences, power] = [0, 0];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const p = 1 / Math.max(1, Math.min(y, side - y) ** 2 + Math.min(x, side - x) ** 2);
      differences += p * (1 - Math.cos((2 * Math.PI * x) / side));
      power += p;
    }
  }
  return differences / power;
}

describe('synthetic images', () => {
  const images = syntheticImages(64, 5);

  it('are the same for the same seed, in the size they say', () => {
    expect(images.pixels.length).toBe(64 * DIMENSIONS);
    expect(syntheticImages(3, 5).pixels.length).toBe(3 * DIMENSIONS);
    expect(syntheticImages(64, 5).pixels).toEqual(images.pixels);
    expect(syntheticImages(64, 6).pixels).not.toEqual(images.pixels);
    expect(rms(images.pixels)).toBeCloseTo(0.5, 5);
  });

  it('have the 1/f spectrum: neighbours differ as its power says', () => {
    expect(roughness(images.pixels, 32, 0.25) / expectedRoughness(32)).toBeCloseTo(1, 1);
  });

  it('scale to unit variance', () => {
    const unit = withUnitVariance(firstImages(images, 10));
    expect(unit.pixels.length).toBe(10 * DIMENSIONS);
    expect(rms(unit.pixels)).toBeCloseTo(1, 5);
    expect(unit.scaling).toBe('unit variance');
  });

  it('come in the size of latents as well, with the same spectrum', () => {
    const latents = syntheticLatents(16, 2);
    expect([latents.dimensions, latents.pixels.length]).toEqual([16_384, 16 * 16_384]);
    expect(rms(latents.pixels)).toBeCloseTo(1, 5);
    expect(roughness(latents.pixels, 64, 1) / expectedRoughness(64)).toBeCloseTo(1, 1);
    expect(firstImages(latents, 2).pixels.length).toBe(2 * 16_384);
  });
});
