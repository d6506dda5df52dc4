/** Reports of comparisons with chosen numbers, for what is computed from them. */
import { type ArmReport, type CompareReport } from '../src/compare.ts';
import { tinyComparison } from './tiny.ts';

/** Fréchet distances of one arm with 2 sampling steps, at 100, 200, … training images. */
export type Curve = readonly number[];

/**
 * @param curves by arm, `vanilla` and others
 * @param hasSliced false for reports as they were before sliced Wasserstein distances
 */
export function reportOf(
  seed: number,
  curves: Readonly<Record<string, Curve>>,
  hasSliced = true,
): CompareReport {
  const config = tinyComparison({
    seed,
    arms: Object.keys(curves).map((name) => ({
      name,
      assignment: { method: name === 'vanilla' ? 'identity' : 'linear' },
    })),
  });
  const arms = config.arms.map(({ name, assignment }): ArmReport => {
    const curve = curves[name]!;
    const measurements = curve.map((frechet, i) => ({
      step: i + 1,
      images: 100 * (i + 1),
      quality: {
        2: {
          frechet,
          precision: 0.5,
          recall: 0.25,
          ...(hasSliced ? { slicedWasserstein: frechet / 10 } : {}),
        },
      },
    }));
    return {
      name,
      assignment,
      steps: curve.length,
      images: 100 * curve.length,
      loss: [],
      distanceReduction: name === 'vanilla' ? 0 : 0.01 * (seed + 1),
      frechet: { 2: curve.at(-1)! },
      precision: { 2: 0.5 },
      recall: { 2: 0.25 },
      measurements,
      secondsPerStep: 0.1,
      trainingSeconds: 0.8,
      grids: {},
    };
  });
  return {
    name: 'tiny',
    seed,
    device: 'cpu: a device',
    processor: 'a processor',
    node: '20.19.0',
    platform: 'linux x64',
    versions: {},
    dataset: { name: 'fashion-mnist test 8x8', images: 10_000, shape: [1, 8, 8] },
    parameters: 1000,
    features: 'pixels-8x8',
    floor: { mean: 1 + seed, standardDeviation: 0.1 },
    ...(hasSliced ? { slicedFloor: 0.125 } : {}),
    arms,
    realGrid: 'real.png',
    config,
    seconds: 10,
    peakMemoryBytes: 2 ** 20,
  };
}
