import { describe, expect, it } from 'vitest';
import { reportOf } from '../../test/reports.ts';
import { TrainerError } from '../errors.ts';
import { summarize } from './summary.ts';

const reports = [
  reportOf(0, { vanilla: [16, 12, 10, 8], immiscible: [12, 8, 6, 4] }),
  reportOf(1, { vanilla: [20, 14, 12, 10], immiscible: [16, 12, 10, 9] }),
  reportOf(2, { vanilla: [18, 14, 12, 12], immiscible: [18, 16, 14, 13] }),
];

describe('the summary of a setting', () => {
  const summary = summarize('tiny', reports);

  it('says what was compared', () => {
    expect(summary).toMatchObject({
      name: 'tiny',
      seeds: [0, 1, 2],
      baseline: 'vanilla',
      images: 400,
      floor: 2,
      slicedFloor: 0.125,
      objective: 'denoising (epsilon)',
      scheduler: 'DDIMScheduler',
      samples: 16,
      seconds: 30,
    });
    const [vanilla, immiscible] = summary.arms;
    expect(vanilla!.distanceCut).toEqual({ mean: 0, low: 0, high: 0, count: 3 });
    expect(immiscible!.distanceCut.mean).toBeCloseTo(0.02, 12);
  });

  it('averages final distances over seeds, and holds arms against each other seed by seed', () => {
    const [vanilla, immiscible] = summary.quality;
    expect(vanilla).toMatchObject({ arm: 'vanilla', samplingSteps: 2, frechet: { values: [8, 10, 12] } });
    expect(vanilla!.frechet.mean).toBe(10);
    expect(vanilla!.frechet.high).toBeCloseTo(10 + (4.3027 * 2) / Math.sqrt(3), 9);
    expect(vanilla!.against).toBeUndefined();
    expect(immiscible!.frechet.values).toEqual([4, 9, 13]);
    const { difference, change } = immiscible!.against!;
    // −4, −1 and 1.
    expect(difference.mean).toBeCloseTo(-4 / 3, 12);
    expect(difference.low).toBeCloseTo(-4 / 3 - 4.3027 * Math.sqrt(19 / 3 / 3), 9);
    expect(change.mean).toBeCloseTo(Math.cbrt(0.5 * 0.9 * (13 / 12)) - 1, 12);
    expect(immiscible!.slicedWasserstein!.mean).toBeCloseTo(2.6 / 3, 12);
    expect(immiscible!.slicedAgainst!.change.mean).toBeCloseTo(change.mean, 12);
  });

  it('follows every arm by training images', () => {
    const rows = summary.curves.filter(({ arm }) => arm === 'immiscible');
    expect(rows.map(({ images }) => images)).toEqual([100, 200, 300, 400]);
    expect(rows[1]!.frechet.values).toEqual([8, 12, 16]);
  });

  it('counts images to what the worst seed of the baseline ends with, and to half as much again', () => {
    const at = (arm: string, goal: number) =>
      summary.thresholds.find((row) => row.arm === arm && row.goal === goal)!;
    expect([...new Set(summary.thresholds.map(({ goal }) => goal))]).toEqual([18, 12]);
    // From 20 to 14, 18 is a third of the way.
    expect(at('vanilla', 18)).toMatchObject({ atMost: [true, false, true], reached: 3 });
    [100, 100 + 100 / 3, 100].forEach((wanted, i) =>
      expect(at('vanilla', 18).images[i]).toBeCloseTo(wanted, 9),
    );
    expect(at('immiscible', 18)).toMatchObject({ images: [100, 100, 100], atMost: [true, true, true] });
    // Seeds 0 and 2 were both there when they were first measured.
    expect(at('immiscible', 18).change!.mean).toBeCloseTo(100 / (100 + 100 / 3) - 1, 12);
    expect(at('immiscible', 18).change!.count).toBe(1);
    expect(at('vanilla', 12)).toMatchObject({ images: [200, 300, 300], reached: 3 });
    const strict = at('immiscible', 12);
    expect(strict).toMatchObject({ images: [100, 200, null], atMost: [true, false, false], reached: 2 });
    expect(strict.change!.mean).toBeCloseTo(Math.sqrt((100 / 200) * (200 / 300)) - 1, 12);
    expect(strict.change!.count).toBe(2);
    expect(at('vanilla', 12).change).toBeUndefined();
  });

  it.each([
    [22.93, [34.4, 23]],
    [618_048, [928_000, 619_000]],
    [0.0311, [0.0467, 0.0311]],
  ])('rounds goals up, so that the baseline comes to them: %d', (end, goals) => {
    const { thresholds } = summarize('one', [
      reportOf(0, { vanilla: [10 * end, end], immiscible: [9 * end, end] }),
    ]);
    const own = thresholds.filter(({ arm }) => arm === 'vanilla');
    expect(own.map(({ goal, reached }) => [goal, reached])).toEqual(goals.map((goal) => [goal, 1]));
  });

  it('takes goals that it is given, and says of one that is never reached', () => {
    const { thresholds } = summarize('tiny', reports, { 2: [3] });
    expect(thresholds.map(({ goal, images, reached, change }) => [goal, images, reached, change])).toEqual([
      [3, [null, null, null], 0, undefined],
      [3, [null, null, null], 0, undefined],
    ]);
  });
});

describe('a summary', () => {
  it('of one seed has no intervals', () => {
    const { quality } = summarize('one', reports.slice(0, 1));
    expect(quality[1]!.against!.change).toEqual({ mean: -0.5, count: 1 });
  });

  it('without a baseline compares nothing', () => {
    const alone = summarize('alone', [reportOf(0, { immiscible: [4, 2] })]);
    expect(alone.baseline).toBeUndefined();
    expect(alone.quality[0]!.against).toBeUndefined();
    expect(alone.thresholds.map(({ goal, change }) => [goal, change])).toEqual([
      [3, undefined],
      [2, undefined],
    ]);
  });

  it('of reports without sliced distances leaves them out', () => {
    const old = [0, 1].map((seed) => reportOf(seed, { vanilla: [2, 1], immiscible: [2, 1] }, false));
    const { quality, slicedFloor } = summarize('old', old);
    expect([slicedFloor, quality[1]!.slicedWasserstein, quality[1]!.slicedAgainst]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('wants one setting, and each seed once', () => {
    expect(() => summarize('none', [])).toThrow(TrainerError);
    expect(() => summarize('twice', [reports[0]!, reports[0]!])).toThrow('wants each seed once, got 0, 0');
    const other = reportOf(5, { vanilla: [1, 1], flipped: [1, 1] });
    expect(() => summarize('mixed', [reports[0]!, other])).toThrow('got other settings with seed 5');
  });
});
