import { streamNormal } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { edmWeight, logNormalSigma } from './edm.ts';

describe('what EDM draws', () => {
  it('is σ whose logarithm is normal', () => {
    const n = 50_000;
    const logs = Array.from(streamNormal(2, 0, new Float32Array(n)), (z) =>
      Math.log(logNormalSigma({ meanLog: -1.2, stdLog: 1.2 }, z)),
    );
    const mean = logs.reduce((a, b) => a + b, 0) / n;
    const deviation = Math.sqrt(logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n);
    expect(Math.abs(mean + 1.2)).toBeLessThan(0.03);
    expect(Math.abs(deviation - 1.2)).toBeLessThan(0.02);
  });

  it('weighs the network’s own error alike at every σ: λ · c_out² = 1', () => {
    for (const sigma of [0.002, 0.1, 0.5, 3, 80]) {
      const cOut = (sigma * 0.5) / Math.sqrt(sigma ** 2 + 0.25);
      expect(edmWeight(sigma, 0.5) * cOut ** 2).toBeCloseTo(1, 12);
    }
  });
});
