import { describe, expect, it } from 'vitest';
import { reportOf } from '../../test/reports.ts';
import { tinyComparison } from '../../test/tiny.ts';
import { parseCompareConfig } from '../config.ts';
import { TrainerError } from '../errors.ts';
import { comparisonsOf } from '../study/config.ts';
import { summarize } from '../study/summary.ts';
import { ablationStudy, batchSizeRows, pairingOf } from './ablation.ts';

describe('an ablation', () => {
  const config = tinyComparison({
    arms: [
      { name: 'a', assignment: { method: 'identity' } },
      { name: 'b', assignment: { method: 'linear', precision: 'f32', metric: 'dot' } },
    ],
  });
  const study = ablationStudy(config, { batchSizes: [32, 16, 8, 32], seeds: [2, 5] });

  it('pairs in four ways at the batch size of the setting, in two at the others', () => {
    expect(study.name).toBe('ablation-tiny');
    expect(
      study.pieces.map(({ name, config: { training, arms } }) => [
        name,
        training.batchSize,
        arms.map(({ name: arm, assignment: { method, metric } }) => `${arm}: ${method} ${metric}`),
      ]),
    ).toEqual([
      [
        'pairing',
        16,
        ['vanilla: identity l2', 'immiscible: linear l2', 'immiscible-l1: linear l1', 'flipped: flipped l2'],
      ],
      ['batch-8', 8, ['vanilla: identity l2', 'immiscible: linear l2']],
      ['batch-32', 32, ['vanilla: identity l2', 'immiscible: linear l2']],
    ]);
  });

  it('leaves everything else as it is, and is made of whole configs', () => {
    for (const { seed, config: one } of comparisonsOf(study)) {
      expect(parseCompareConfig(one)).toEqual(one);
      expect(one.arms.map(({ assignment }) => assignment.precision)).not.toContain('f16');
      const { training } = one;
      expect({
        ...one,
        name: 'tiny',
        seed: 7,
        arms: config.arms,
        training: { ...training, batchSize: 16 },
      }).toEqual(config);
      expect([2, 5]).toContain(seed);
    }
  });

  it('wants a seed', () => {
    expect(() => ablationStudy(config, { batchSizes: [], seeds: [] })).toThrow(TrainerError);
  });
});

it('batch sizes are told apart, smallest first, and the setting’s own is among them', () => {
  const summary = (name: string, batchSize: number, vanilla: number, immiscible: number) => ({
    ...summarize(name, [reportOf(0, { vanilla: [vanilla], immiscible: [immiscible], flipped: [1] })]),
    batchSize,
  });
  const pieces = [
    summary('pairing', 16, 10, 8),
    summary('batch-32', 32, 9, 4.5),
    summary('batch-8', 8, 12, 12),
  ];
  expect(pairingOf(pieces)?.batchSize).toBe(16);
  expect(pairingOf(pieces.slice(1))).toBeUndefined();
  expect(
    batchSizeRows(pieces).map((row) => [
      row.batchSize,
      row.vanilla.frechet.mean,
      row.immiscible.frechet.mean,
      row.immiscible.against!.change.mean,
      row.distanceCut,
    ]),
  ).toEqual([
    [8, 12, 12, 0, 0.01],
    [16, 10, 8, expect.closeTo(-0.2, 12), 0.01],
    [32, 9, 4.5, expect.closeTo(-0.5, 12), 0.01],
  ]);
});
