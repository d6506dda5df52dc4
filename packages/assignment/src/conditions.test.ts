import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { addConditions, type Conditions, readConditions } from './conditions.ts';
import { assignNoise, assignNoiseSync, pairwiseCost, solveAssignment } from './index.ts';

const [batch, dimensions] = [48, 16];
const labels = Int32Array.from({ length: batch }, (_, i) => i % 4);
/** Images whose class shows in one of their numbers: noise that is near tells it. */
const x0 = streamUniform(1, 0, new Float32Array(batch * dimensions)).map((value, e) =>
  e % dimensions === 0 ? 2 * labels[e / dimensions]! - 3 : value - 0.5,
);
const noise = streamNormal(1, 1, new Float32Array(batch * dimensions));
const assign = (conditions?: Conditions, options: object = {}) =>
  assignNoiseSync(x0, noise, { batch, ...(conditions && { conditions }), ...options });

describe('a fixed weight', () => {
  it('of 0 changes nothing, and the more it is the more noise keeps its condition', () => {
    const without = assign();
    expect(without.stats.conditions).toBeUndefined();
    const kept: number[] = [];
    let cost = 0;
    for (const weight of [0, 0.05, 0.2, 1, 100]) {
      const { pairing, stats } = assign({ values: labels, weight });
      if (weight === 0) expect(pairing).toEqual(without.pairing);
      expect(stats.exact).toBe(true);
      expect(stats.conditions!.weight).toBe(weight);
      expect(stats.conditions!.kept).toBe(pairing.filter((j, i) => labels[i] === labels[j]).length / batch);
      kept.push(stats.conditions!.kept);
      expect(stats.costAfter).toBeGreaterThanOrEqual(cost - 1e-6);
      cost = stats.costAfter;
    }
    expect([...kept].sort((a, b) => a - b)).toEqual(kept);
    expect(kept[0]).toBeLessThan(0.6);
    expect(kept.at(-1)).toBe(1);
  });

  it('of infinity assigns every class by itself', () => {
    const { pairing, stats } = assign({ values: labels, weight: Infinity });
    const rowsOf = (label: number): number[] => [...labels.keys()].filter((i) => labels[i] === label);
    for (let label = 0; label < 4; label++) {
      const rows = rowsOf(label);
      const gather = (data: Float32Array): Float32Array =>
        Float32Array.from(rows.flatMap((i) => [...data.subarray(i * dimensions, (i + 1) * dimensions)]));
      const alone = assignNoiseSync(gather(x0), gather(noise), { batch: rows.length });
      expect(rows.map((i) => pairing[i])).toEqual([...alone.pairing].map((j) => rows[j]));
    }
    expect(stats.conditions!.kept).toBe(1);
    expect(stats.exact).toBe(true);
  });

  it('is in the metric’s units: on top of costs, rounded or not, also those of a caller', async () => {
    const shape = { rows: batch, columns: batch, dimensions };
    const cost = pairwiseCost(x0, noise, 'sqeuclidean', shape);
    const byHand = solveAssignment(
      cost.map((value, e) => value + (labels[Math.floor(e / batch)] === labels[e % batch] ? 0 : 2.5)),
      batch,
    );
    const conditions = { values: labels, weight: 2.5 };
    const { pairing, stats } = assign(conditions, { metric: 'sqeuclidean' });
    expect(pairing).toEqual(byHand.pairing);
    expect(stats.solvedCost).toBeCloseTo(byHand.cost / batch, 6);
    const theirs = cost.slice();
    const hooked = await assignNoise(x0, noise, {
      batch,
      metric: 'sqeuclidean',
      conditions,
      computeCost: () => theirs,
    });
    expect(hooked.pairing).toEqual(pairing);
    expect(theirs).toEqual(cost);
    const half = assign(conditions, { metric: 'sqeuclidean', precision: 'f16', compareExact: true });
    expect(half.stats.conditions!.weight).toBe(2.5);
    expect(half.stats.quantisation!.lost!.gain).toBeLessThan(0.05);
  });
});

describe('a target', () => {
  it('finds the smallest weight that leaves no more cheap pairs', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 20 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(1000),
        (rows, part, seed) => {
          const cost = streamUniform(seed, 0, new Float32Array(rows * rows));
          const values = streamNormal(seed, 1, new Float32Array(rows * 3));
          const target = 1 / rows + part * (1 - 1 / rows);
          const read = readConditions({ values, target }, rows);
          const { weight, ratio } = addConditions(cost, read, rows);
          expect(ratio).toBeLessThanOrEqual(target);
          if (weight > 0) {
            // A little less, and one more pair is cheap.
            const { ratio: before } = addConditions(cost, { ...read, weight: weight * 0.9999 }, rows);
            expect(before).toBeGreaterThan(ratio);
            expect(before * rows * rows).toBeGreaterThan(target * rows * rows - 1);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('needs no weight where costs alone leave few, and an infinite one where classes leave many', () => {
    expect(assign({ values: labels, target: 1 }).stats.conditions!.weight).toBe(0);
    const { weight, kept, ratio } = assign({ values: labels, target: 1 / batch }).stats.conditions!;
    expect(weight).toBe(Infinity);
    expect(kept).toBe(1);
    expect(ratio).toBeGreaterThan(1 / batch); // classes hold more than each image's own noise
  });
});

describe('embeddings', () => {
  it('are compared by their angle, whatever their length', () => {
    const values = Float32Array.of(1, 0, 5, 0, 0, 2, -3, 0, 1, 1);
    const { distances } = readConditions({ values, weight: 1 }, 5);
    const expected = [0, 0, 1, 2, 1 - Math.SQRT1_2];
    expected.forEach((distance, j) => expect(distances[j]).toBeCloseTo(distance, 6));
    expect(distances[1]).toBe(0); // exactly: equal conditions stay equal whatever the weight
  });
});

describe('conditions that cannot be', () => {
  it.each([
    [{ values: labels }, /either weight or target is wanted, got neither/],
    [{ values: labels, weight: 1, target: 0.1 }, /got both/],
    [{ values: labels, weight: -1 }, /weight must be a number from 0 on, got -1/],
    [{ values: labels, weight: NaN }, /weight must be a number from 0 on, got NaN/],
    [{ values: labels, target: 0.01 }, /target must be from 1\/48, .* to 1, got 0.01/],
    [{ values: labels.subarray(1), weight: 1 }, /a label for each of 48 images, got 47 numbers/],
    [{ values: new Float32Array(50), weight: 1 }, /an embedding for each of 48 images, got 50 numbers/],
    [{ values: new Float32Array(96), weight: 1 }, /not all zeros, but that of image 0 has the norm 0/],
    [{ values: new Float32Array(96).fill(NaN), weight: 1 }, /that of image 0 has the norm NaN/],
    [{ values: [0, 1] as unknown as Int32Array, weight: 1 }, /Int32Array of labels or a Float32Array/],
  ])('are refused: %j', (conditions, message) => {
    expect(() => assign(conditions)).toThrow(message);
  });

  it('belong to linear', () => {
    expect(() => assign({ values: labels, weight: 1 }, { method: 'nearest' })).toThrow(
      /conditions belong to method 'linear', got 'nearest'/,
    );
  });
});
