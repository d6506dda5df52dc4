/** A report of two arms with chosen numbers, for tests of what is said and drawn about it. */
import { type ArmReport, type CompareReport, parseCompareConfig } from '@immiscible/trainer';
import { tinyConfig } from './cli.ts';

export interface FixtureOptions {
  /** Fréchet distances at the end, by number of sampling steps */
  readonly vanilla: Readonly<Record<string, number>>;
  readonly immiscible?: Readonly<Record<string, number>>;
  /** Fréchet distances with 2 sampling steps at 48 images, before the end at 96 */
  readonly halfway?: { readonly vanilla: number; readonly immiscible: number };
}

export function reportOf({ vanilla, immiscible, halfway }: FixtureOptions): CompareReport {
  const config = parseCompareConfig(tinyConfig);
  const quality = (frechet: number) => ({ frechet, precision: 0.5, recall: 0.25 });
  const by = <T>(values: Readonly<Record<string, number>>, f: (value: number) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(values).map(([steps, value]) => [steps, f(value)]));
  const arm = (index: number, frechet: Readonly<Record<string, number>>): ArmReport => {
    const { name, assignment } = config.arms[index]!;
    const before = halfway?.[name as keyof typeof halfway];
    return {
      name,
      assignment,
      steps: 6,
      images: 96,
      loss: [1, 0.5, 0.2].map((loss, i) => ({ images: 32 * (i + 1), loss: loss - 0.1 * index })),
      distanceReduction: 0.036 * index,
      frechet,
      precision: by(frechet, () => 0.5),
      recall: by(frechet, () => 0.25),
      measurements: [
        ...(before === undefined ? [] : [{ step: 3, images: 48, quality: { 2: quality(before) } }]),
        { step: 6, images: 96, quality: by(frechet, quality) },
      ],
      secondsPerStep: 0.1,
      trainingSeconds: 0.6,
      grids: by(frechet, () => `${name}/grid.png`),
    };
  };
  return {
    name: 'tiny',
    seed: 0,
    device: 'cpu: a device',
    processor: 'a processor',
    node: '20.19.0',
    platform: 'linux x64',
    versions: { '@immiscible/trainer': '0.1.0' },
    dataset: { name: 'fashion-mnist train 8x8', images: 60_000, shape: [1, 8, 8] },
    parameters: 72_113,
    features: 'pixels-8x8',
    floor: { mean: 1, standardDeviation: 0.1 },
    arms: [arm(0, vanilla), ...(immiscible ? [arm(1, immiscible)] : [])],
    realGrid: 'real.png',
    config,
    seconds: 80,
    peakMemoryBytes: 2 ** 30,
  };
}
