/**
 * The paper's ablations of one setting as a study: with transport and without (figure 7), l2 and l1 distances (table 5),
 * batch sizes (figure 8). Everything else is as the setting has it.
 */
import { type CompareConfig } from '../config.ts';
import { TrainerError } from '../errors.ts';
import { type StudyConfig, type StudyPiece } from '../study/config.ts';
import { type PieceSummary, type QualityRow } from '../study/summary.ts';

export interface AblationOptions {
  /** images in a batch, beside those of the setting, of which there are arms with and without assignment */
  readonly batchSizes: readonly number[];
  readonly seeds: readonly number[];
}

const PAIRING = 'pairing';
const vanilla = { name: 'vanilla', method: 'identity', metric: 'l2' } as const;
const immiscible = { name: 'immiscible', method: 'linear', metric: 'l2' } as const;
const pairings = [
  vanilla,
  immiscible,
  { name: 'immiscible-l1', method: 'linear', metric: 'l1' },
  { name: 'flipped', method: 'flipped', metric: 'l2' },
] as const;

/** The arms of the config with other pairings; how they are computed stays as its own treated arm has it. */
function withPairings(
  config: CompareConfig,
  chosen: readonly { name: string; method: 'identity' | 'linear' | 'flipped'; metric: 'l2' | 'l1' }[],
): CompareConfig {
  const { assignment } = config.arms.find((arm) => arm.assignment.method !== 'identity') ?? config.arms[0]!;
  return {
    ...config,
    arms: chosen.map(({ name, method, metric }) => ({ name, assignment: { ...assignment, method, metric } })),
  };
}

/**
 * The comparisons of an ablation: one of all pairings at the setting's own batch size, one of two at each other. As many
 * steps at every size, as in the paper's figure: larger batches see more images.
 *
 * @throws TrainerError for no seeds
 */
export function ablationStudy(config: CompareConfig, { batchSizes, seeds }: AblationOptions): StudyConfig {
  const [seed] = seeds;
  if (seed === undefined) throw new TrainerError('ablation: wants at least one seed, got none');
  const own = config.training.batchSize;
  const others = [...new Set(batchSizes)].filter((size) => size !== own).sort((a, b) => a - b);
  const piece = (name: string, of: CompareConfig): StudyPiece => ({
    name,
    seeds,
    config: { ...of, name, seed },
  });
  return {
    name: `ablation-${config.name}`,
    pieces: [
      piece(PAIRING, withPairings(config, pairings)),
      ...others.map((batchSize) =>
        piece(
          `batch-${batchSize}`,
          withPairings({ ...config, training: { ...config.training, batchSize } }, [vanilla, immiscible]),
        ),
      ),
    ],
  };
}

/** The setting at its own batch size, with all pairings. */
export function pairingOf(pieces: readonly PieceSummary[]): PieceSummary | undefined {
  return pieces.find(({ name }) => name === PAIRING);
}

export interface BatchSizeRow {
  readonly batchSize: number;
  readonly samplingSteps: number;
  readonly vanilla: QualityRow;
  readonly immiscible: QualityRow;
  /** share by which assignment brought images and noise nearer */
  readonly distanceCut: number;
}

/** With and without assignment by batch size, rising, then by sampling steps. */
export function batchSizeRows(pieces: readonly PieceSummary[]): BatchSizeRow[] {
  return [...pieces]
    .sort((a, b) => a.batchSize - b.batchSize)
    .flatMap(({ batchSize, quality, arms }) => {
      const of = (arm: string): QualityRow[] => quality.filter((row) => row.arm === arm);
      const cut = arms.find(({ name }) => name === immiscible.name)?.distanceCut.mean ?? 0;
      return of(vanilla.name).flatMap((row) => {
        const treated = of(immiscible.name).find(({ samplingSteps }) => samplingSteps === row.samplingSteps);
        return treated
          ? [
              {
                batchSize,
                samplingSteps: row.samplingSteps,
                vanilla: row,
                immiscible: treated,
                distanceCut: cut,
              },
            ]
          : [];
      });
    });
}
