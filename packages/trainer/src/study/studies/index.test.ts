import { describe, expect, it } from 'vitest';
import { comparisonsOf, parseStudyConfig } from '../config.ts';
import { studies } from './index.ts';

describe.each(Object.entries(studies))('the study %s', (name, input) => {
  const study = parseStudyConfig(input);

  it('is a study under its own name, with three seeds or more of every piece', () => {
    expect(study.name).toBe(name);
    for (const piece of study.pieces) expect(piece.seeds.length).toBeGreaterThanOrEqual(3);
  });

  it('holds every arm against one whose noise is as drawn', () => {
    for (const { config } of comparisonsOf(study)) {
      expect(config.arms[0]!.assignment.method).toBe('identity');
      expect(config.arms.map(({ assignment }) => assignment.method)).toContain('linear');
    }
  });

  it('has networks that see the whole image: down to 4×4, with attention there', () => {
    for (const { config } of study.pieces) {
      const { sample_size: size, down_block_types: blocks } = config.model as {
        sample_size: number;
        down_block_types: string[];
      };
      expect(size / 2 ** (blocks.length - 1)).toBe(4);
      expect(blocks.at(-1)).toBe('AttnDownBlock2D');
    }
  });
});

it('small-scale compares both objectives and both predictions, and without transport too', () => {
  const { pieces } = parseStudyConfig(studies['small-scale']);
  const settings = pieces.map(({ name, config: { objective, scheduler, arms } }) => {
    const predicts = 'prediction_type' in scheduler ? scheduler.prediction_type : undefined;
    return [name, objective.kind, predicts, arms.length];
  });
  expect(settings).toEqual([
    ['fashion-mnist-ddim', 'denoising', 'epsilon', 3],
    ['fashion-mnist-ddim-v', 'denoising', 'v_prediction', 3],
    ['cifar10-16-ddim', 'denoising', 'epsilon', 3],
    ['cifar10-16-ddim-v', 'denoising', 'v_prediction', 3],
    ['fashion-mnist-cm', 'consistency-training', undefined, 2],
    ['cifar10-16-cm', 'consistency-training', undefined, 2],
  ]);
});
