/** A summary over seeds as CSV files: one row a seed, so that anybody can average again. */
import { type PieceSummary } from '@immiscible/trainer';
import { toCsv } from '../figures/csv.ts';
import { type QualityView } from './tables.ts';

/** Quality at the end of training. */
export function qualityCsv(pieces: readonly QualityView[]): string {
  return toCsv(
    ['piece', 'arm', 'seed', 'samplingSteps', 'frechet', 'slicedWasserstein', 'frechetFloor', 'slicedFloor'],
    pieces.flatMap(({ name: piece, seeds, quality, floor, slicedFloor }) =>
      quality.flatMap(({ arm, samplingSteps, frechet, slicedWasserstein }) =>
        seeds.map((seed, i) => ({
          piece,
          arm,
          seed,
          samplingSteps,
          frechet: frechet.values[i]!,
          slicedWasserstein: slicedWasserstein?.values[i],
          frechetFloor: floor,
          slicedFloor,
        })),
      ),
    ),
  );
}

/** Quality while training. */
export function curvesCsv(pieces: readonly PieceSummary[]): string {
  return toCsv(
    ['piece', 'arm', 'seed', 'samplingSteps', 'images', 'frechet'],
    pieces.flatMap(({ name: piece, seeds, curves }) =>
      curves.flatMap(({ arm, samplingSteps, images, frechet }) =>
        seeds.map((seed, i) => ({ piece, arm, seed, samplingSteps, images, frechet: frechet.values[i]! })),
      ),
    ),
  );
}

/** Training images to a quality; empty where an arm does not come there. */
export function thresholdsCsv(pieces: readonly PieceSummary[]): string {
  return toCsv(
    ['piece', 'arm', 'seed', 'samplingSteps', 'goal', 'images', 'atMost'],
    pieces.flatMap(({ name: piece, seeds, thresholds }) =>
      thresholds.flatMap(({ arm, samplingSteps, goal, images, atMost }) =>
        seeds.map((seed, i) => ({
          piece,
          arm,
          seed,
          samplingSteps,
          goal,
          images: images[i]!,
          atMost: atMost[i]!,
        })),
      ),
    ),
  );
}
