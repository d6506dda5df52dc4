/** The recordings of golden/generate.py. */
import { readFileSync } from 'node:fs';
import { type FeatureMatrix } from '../src/feature-matrix.ts';

interface Recording {
  readonly name: string;
  readonly dimension: number;
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly frechet: number;
  readonly frechet_sqrtm: number;
  readonly mmd: number;
  readonly prdc: readonly {
    readonly k: number;
    readonly precision: number;
    readonly recall: number;
    readonly density: number;
    readonly coverage: number;
  }[];
}

const { fixtures } = JSON.parse(readFileSync(new URL('../golden/metrics.json', import.meta.url), 'utf8')) as {
  fixtures: readonly Recording[];
};

/** Each fixture with its two sets as features. */
export const recordings = fixtures.map((record) => ({
  ...record,
  a: features(record.a, record.dimension),
  b: features(record.b, record.dimension),
}));

export function features(values: readonly number[], dimension: number): FeatureMatrix {
  return { data: Float64Array.from(values), dimension };
}
