import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { features, recordings } from '../test/golden.ts';
import { anchors, cifarPooled, haveCifar } from '../test/real-data.ts';
import { precisionRecall } from './precision-recall.ts';

describe('precisionRecall', () => {
  it.each(recordings.flatMap(({ name, a, b, prdc }) => prdc.map((wanted) => ({ name, a, b, wanted }))))(
    'equals the formulas in NumPy: $name, k = $wanted.k',
    ({ a, b, wanted: { k, ...wanted } }) => {
      const found = precisionRecall(a, b, { k });
      for (const key of ['precision', 'recall', 'density', 'coverage'] as const) {
        expect(found[key]).toBeCloseTo(wanted[key], 12);
      }
    },
  );

  it('can be read off a line', () => {
    // Real at 0, 1, 3, radii (k = 1) 1, 1, 2; generated at 0.5 and 10, radii 9.5 both.
    const found = precisionRecall(features([0, 1, 3], 1), features([0.5, 10], 1), { k: 1 });
    expect(found).toEqual({ precision: 1 / 2, recall: 1, density: 2 / 2, coverage: 2 / 3 });
  });

  it('is perfect for equal sets and nothing for sets far apart', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 70 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(1000),
        (n, d, seed) => {
          const real = { data: streamNormal(seed, 0, new Float32Array(n * d)), dimension: d };
          const far = { data: real.data.map((value) => value + 1000), dimension: d };
          expect(precisionRecall(real, real)).toMatchObject({ precision: 1, recall: 1, coverage: 1 });
          expect(precisionRecall(real, far)).toEqual({ precision: 0, recall: 0, density: 0, coverage: 0 });
        },
      ),
      { numRuns: 20 },
    );
  });

  it('refuses a k that does not fit', () => {
    const a = features([0, 1, 2], 1);
    expect(() => precisionRecall(a, a)).toThrow(/k from 1 to 2 .* got 3/);
    expect(() => precisionRecall(a, a, { k: 0 })).toThrow(/got 0/);
  });

  it.skipIf(!haveCifar)(
    'agrees with the anchor on pooled CIFAR-10 (skipped: IMMISCIBLE_CIFAR10 or ../shared/data is not here)',
    () => {
      const [real, generated] = ['data_batch_1', 'test_batch'].map((file) => {
        const { data, dimension } = cifarPooled([file]);
        return { data: data.slice(0, 1000 * dimension).map((value) => value / 255), dimension };
      });
      const wanted = anchors()['prdc_k5_pool192_div255_real=train[:1000]_fake=test[:1000]'];
      const found = precisionRecall(real!, generated!, { k: 5 });
      for (const key of ['precision', 'recall', 'density', 'coverage'] as const) {
        expect(found[key]).toBeCloseTo(wanted[key]!, 12);
      }
    },
  );
});
