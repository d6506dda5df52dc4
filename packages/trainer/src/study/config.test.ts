import { describe, expect, it } from 'vitest';
import { tinyComparison } from '../../test/tiny.ts';
import { ConfigError } from '../errors.ts';
import { comparisonsOf, parseStudyConfig } from './config.ts';

const config = tinyComparison();

describe('a study', () => {
  it('gives every piece its first seed before any its second', () => {
    const study = parseStudyConfig({
      seeds: [4, 5],
      pieces: [
        { name: 'a', config },
        { name: 'b', config, seeds: [7, 8, 9] },
      ],
    });
    const comparisons = comparisonsOf(study);
    expect(comparisons.map(({ path }) => path)).toEqual([
      'a/seed-4',
      'b/seed-7',
      'a/seed-5',
      'b/seed-8',
      'b/seed-9',
    ]);
    expect(comparisons.map((one) => [one.config.name, one.config.seed])).toEqual([
      ['a', 4],
      ['b', 7],
      ['a', 5],
      ['b', 8],
      ['b', 9],
    ]);
    expect({ ...comparisons[0]!.config, name: 'tiny', seed: 7 }).toEqual(tinyComparison());
  });

  it('has three seeds unless it says otherwise', () => {
    expect(parseStudyConfig({ pieces: [{ name: 'a', config }] })).toMatchObject({
      name: 'study',
      pieces: [{ seeds: [0, 1, 2] }],
    });
  });

  it.each([
    [{ pieces: [] }, /pieces/],
    [{ pieces: [{ name: 'a/b', config }] }, /wants letters, digits/],
    [{ pieces: [{ name: 'a', config, seed: 1 }] }, /seed/],
    [
      {
        pieces: [
          { name: 'a', config },
          { name: 'a', config },
        ],
      },
      /names of pieces must differ, got a, a/,
    ],
    [{ seeds: [1, 1], pieces: [{ name: 'a', config }] }, /seeds of piece a must differ, got 1, 1/],
    [
      { pieces: [{ name: 'a', config: { ...config, training: { steps: 0 } } }] },
      /piece a: .*\n.*training\.steps/,
    ],
  ])('says what is wrong with %j', (study, message) => {
    expect(() => parseStudyConfig(study)).toThrow(ConfigError);
    expect(() => parseStudyConfig(study)).toThrow(message);
  });
});
