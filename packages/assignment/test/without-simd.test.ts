import { afterEach, expect, it, vi } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { assignNoiseSync } from '../src/index.ts';
import { METRICS } from '../src/metric.ts';

const [batch, dimensions] = [61, 530];
const x0 = streamUniform(1, 0, new Float32Array(batch * dimensions)).map((value) => 2 * value - 1);
const noise = streamNormal(1, 1, new Float32Array(batch * dimensions));

afterEach(() => vi.unstubAllGlobals());

it('an engine without WebAssembly finds the same pairs, proofs and statistics', async () => {
  vi.stubGlobal('WebAssembly', undefined);
  vi.resetModules();
  const plain = await import('../src/index.ts');
  for (const metric of METRICS) {
    for (const precision of ['f32', 'f16'] as const) {
      const options = { batch, metric, precision };
      const here = assignNoiseSync(x0, noise, options);
      for (const there of [
        plain.assignNoiseSync(x0, noise, options),
        await plain.assignNoise(x0, noise, { ...options, threads: 2 }),
      ]) {
        if (precision === 'f32') expect(there.pairing).toEqual(here.pairing);
        expect(there.stats.exact).toBe(true);
        expect(there.stats.quantisation?.overflow).toBe(here.stats.quantisation?.overflow);
        for (const name of ['costBefore', 'costAfter', 'solvedCost', 'reduction'] as const) {
          expect(there.stats[name]! / here.stats[name]!).toBeCloseTo(1, precision === 'f32' ? 6 : 3);
        }
        expect(there.stats.marginal.variance).toBeCloseTo(here.stats.marginal.variance, 9);
      }
    }
  }
});
