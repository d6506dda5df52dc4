import { streamUniform } from '@immiscible/random';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SchedulerArgumentError } from '../errors.ts';
import { risingSigmas } from './consistency-training.ts';
import {
  doublingScales,
  gapWeight,
  logNormalBins,
  pickBin,
  pseudoHuberC,
} from './improved-consistency-training.ts';

const chances = { meanLog: -1.1, stdLog: 2 };
const sigmas = risingSigmas(11, { sigmaMin: 0.002, sigmaMax: 80, rho: 7 });

describe('doublingScales', () => {
  it('doubles every 50,000 of 400,000 updates, 11 to 1281', () => {
    const published = { s0: 10, s1: 1280, totalSteps: 400_000 };
    const at = Array.from({ length: 9 }, (_, i) => doublingScales(published, 50_000 * i));
    expect(at).toEqual([11, 21, 41, 81, 161, 321, 641, 1281, 1281]);
    expect(doublingScales(published, 49_999)).toBe(11);
    expect(doublingScales(published, 399_999)).toBe(1281);
  });

  it('doubles with every update of a run that is shorter than its doublings', () => {
    const at = [0, 1, 2, 9].map((k) => doublingScales({ s0: 10, s1: 80, totalSteps: 2 }, k));
    expect(at).toEqual([11, 21, 41, 81]);
  });
});

describe('the lognormal chances of bins', () => {
  it('are those of SciPy', () => {
    // numpy: p = diff(scipy.special.erf((log(sigmas) + 1.1) / (2 * sqrt(2)))); cumsum(p / p.sum())
    const expected = [
      0.062632992506, 0.244369972217, 0.489871394184, 0.703365841207, 0.845811899231, 0.926416520908,
      0.967496427131, 0.987076519372, 0.996020387786, 1,
    ];
    const sums = logNormalBins(sigmas, chances);
    expect(sums).toHaveLength(10);
    expected.forEach((value, i) => expect(sums[i]).toBeCloseTo(value, 11));
  });

  it('are how often bins are picked', () => {
    const sums = logNormalBins(sigmas, chances);
    const n = 40_000;
    const counts = new Float64Array(10);
    streamUniform(5, 0, new Float32Array(n)).forEach((u) => (counts[pickBin(sums, u)]! += 1));
    const chiSquare = counts.reduce((sum, count, i) => {
      const wanted = n * (sums[i]! - (sums[i - 1] ?? 0));
      return sum + (count - wanted) ** 2 / wanted;
    }, 0);
    expect(chiSquare).toBeLessThan(33.7); // 9 degrees of freedom, p = 1e-4
  });

  it('refuse a spread that is not positive, and σ that all lie where there is no chance', () => {
    expect(() => logNormalBins(sigmas, { meanLog: 0, stdLog: 0 })).toThrow(SchedulerArgumentError);
    expect(() => logNormalBins([1, 2], { meanLog: 1000, stdLog: 1 })).toThrow(
      /reaches σ from 1 to 2, got meanLog 1000 and stdLog 1; move meanLog/,
    );
  });
});

describe('pickBin', () => {
  it('is the first bin whose running sum is above u', () => {
    const sums = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(sums, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (values, u) => {
        const rising = Float64Array.from([...values.sort((a, b) => a - b).slice(1), 1]);
        expect(pickBin(rising, u)).toBe(rising.findIndex((value) => u < value));
      }),
    );
  });
});

it('weighs a pair of neighbours by how near they are, and takes c from the size of an image', () => {
  expect(gapWeight(0.5, 0.75)).toBe(4);
  expect(pseudoHuberC(3 * 32 * 32)).toBeCloseTo(0.0299, 4);
  expect(pseudoHuberC(3 * 64 * 64)).toBeCloseTo(0.0599, 4);
});
