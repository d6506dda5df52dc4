/**
 * A study: comparisons ("pieces"), each with several seeds, that are run one after the other and summarized together. One
 * comparison has one seed; what a study adds is how far seeds differ.
 */
import { z } from 'zod';
import { type CompareConfig, type CompareConfigInput, parseCompareConfig } from '../config.ts';
import { ConfigError } from '../errors.ts';

const name = z.string().regex(/^[\w.-]+$/, 'wants letters, digits, dots, dashes and underscores');
const seeds = z.array(z.int().min(0)).min(1);

const studySchema = z.strictObject({
  name: name.default('study'),
  /** one comparison of every piece for each, in this order: every piece has its first seed before any has its second */
  seeds: seeds.default([0, 1, 2]),
  pieces: z
    .array(
      z.strictObject({
        name,
        /** of this piece, in place of the study's */
        seeds: seeds.exactOptional(),
        /** a comparison's config; its name and seed are the study's to say */
        config: z.record(z.string(), z.unknown()),
        /**
         * Fréchet distances that arms are to come down to, by number of sampling steps. Default: what the worst seed of
         * the baseline ends with, and half as much again.
         */
        thresholds: z
          .record(z.string().regex(/^\d+$/), z.array(z.number().positive()).min(1))
          .exactOptional(),
      }),
    )
    .min(1),
});

/** Fréchet distances by number of sampling steps. */
export type Thresholds = Readonly<Record<string, readonly number[]>>;

/** One setting, to be compared with every seed. */
export interface StudyPiece {
  readonly name: string;
  readonly seeds: readonly number[];
  /** with the first seed */
  readonly config: CompareConfig;
  readonly thresholds?: Thresholds;
}

export interface StudyConfig {
  readonly name: string;
  readonly pieces: readonly StudyPiece[];
}

/** What a file or a built-in study holds. */
export interface StudyConfigInput {
  readonly name?: string;
  readonly seeds?: readonly number[];
  readonly pieces: readonly {
    readonly name: string;
    readonly seeds?: readonly number[];
    readonly config: Omit<CompareConfigInput, 'name' | 'seed'>;
    readonly thresholds?: Thresholds;
  }[];
}

/** One comparison of a study. */
export interface StudyComparison {
  readonly piece: string;
  readonly seed: number;
  /** its folder within the study's: `piece/seed-0` */
  readonly path: string;
  readonly config: CompareConfig;
}

function distinct(values: readonly (string | number)[], what: string): void {
  if (new Set(values).size < values.length) {
    throw new ConfigError(`the study cannot be used:\n  ${what} must differ, got ${values.join(', ')}`);
  }
}

/** @throws ConfigError naming every wrong field; of a piece's config, with the piece's name */
export function parseStudyConfig(value: unknown): StudyConfig {
  const parsed = studySchema.safeParse(value);
  if (!parsed.success) throw new ConfigError(`the study cannot be used:\n${z.prettifyError(parsed.error)}`);
  const { pieces, ...study } = parsed.data;
  distinct(
    pieces.map((piece) => piece.name),
    'names of pieces',
  );
  return {
    name: study.name,
    pieces: pieces.map((piece) => {
      const own = piece.seeds ?? study.seeds;
      distinct(own, `seeds of piece ${piece.name}`);
      return { ...piece, seeds: own, config: configOf(piece, own[0]!) };
    }),
  };
}

function configOf(piece: z.output<typeof studySchema>['pieces'][number], seed: number): CompareConfig {
  try {
    return parseCompareConfig({ ...piece.config, name: piece.name, seed });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`piece ${piece.name}: ${error.message}`, { cause: error });
  }
}

/** Every comparison of a study, in the order in which they are run: by seed first, so that a part says something of all. */
export function comparisonsOf({ pieces }: StudyConfig): StudyComparison[] {
  const rounds = Math.max(...pieces.map(({ seeds: own }) => own.length));
  return Array.from({ length: rounds }, (_, round) =>
    pieces.flatMap(({ name: piece, seeds: own, config }): StudyComparison[] => {
      const seed = own[round];
      if (seed === undefined) return [];
      return [{ piece, seed, path: `${piece}/seed-${seed}`, config: { ...config, seed } }];
    }),
  ).flat();
}
