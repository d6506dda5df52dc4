/**
 * What the comparisons of one setting say together: quality by sampling steps and by training images, images to a quality,
 * distance cuts, each as a mean over seeds with its interval, and against the baseline pair by pair.
 */
import { hasBetas } from '@immiscible/schedulers';
import { firstCrossing } from '../analysis/crossing.ts';
import { type Interval, meanInterval, pairedChange, pairedDifference } from '../analysis/interval.ts';
import { type ArmReport, type CompareReport } from '../compare.ts';
import { type AssignmentConfig } from '../config.ts';
import { TrainerError } from '../errors.ts';
import { type Thresholds } from './config.ts';

/** One metric of one arm over seeds. */
export interface Measured extends Interval {
  /** by seed, in the order of `seeds` */
  readonly values: readonly number[];
}

/** What an arm does beside the baseline, seed by seed; negative is better. */
export interface Against {
  /** treated / baseline − 1 */
  readonly change: Interval;
  /** treated − baseline */
  readonly difference: Interval;
}

export interface QualityRow {
  readonly arm: string;
  readonly samplingSteps: number;
  readonly frechet: Measured;
  readonly slicedWasserstein?: Measured;
  readonly precision: Interval;
  readonly recall: Interval;
  /** of the Fréchet distance; the baseline has none */
  readonly against?: Against;
  /** of the sliced Wasserstein distance */
  readonly slicedAgainst?: Against;
}

export interface CurveRow {
  readonly arm: string;
  readonly samplingSteps: number;
  /** training images */
  readonly images: number;
  readonly frechet: Measured;
}

export interface ThresholdRow {
  readonly arm: string;
  readonly samplingSteps: number;
  /** the Fréchet distance to come down to */
  readonly goal: number;
  /** training images, by seed; null where the arm does not come there */
  readonly images: readonly (number | null)[];
  /** by seed: it was there at the first measurement already */
  readonly atMost: readonly boolean[];
  /** seeds that come there */
  readonly reached: number;
  /**
   * treated / baseline − 1 over the seeds in which both come there, and not both by the first measurement, which says
   * nothing of who was first; absent where there are none, and for the baseline
   */
  readonly change?: Interval;
}

export interface ArmSummary {
  readonly name: string;
  readonly assignment: AssignmentConfig;
  /** share by which assignment brought images and noise nearer: 0.02 is two per cent */
  readonly distanceCut: Interval;
  readonly secondsPerStep: number;
}

export interface PieceSummary {
  readonly name: string;
  readonly seeds: readonly number[];
  readonly dataset: string;
  readonly parameters: number;
  readonly steps: number;
  readonly batchSize: number;
  /** training images of each arm */
  readonly images: number;
  readonly scheduler: string;
  /** its kind; of denoising with what the network predicts, as diffusers calls it: `denoising (v_prediction)` */
  readonly objective: string;
  readonly features: string;
  /** generated images per measurement */
  readonly samples: number;
  /** Fréchet distance of real images to other real images */
  readonly floor: number;
  readonly slicedFloor?: number;
  /** the arm whose pairing is as drawn; absent where there is none */
  readonly baseline?: string;
  readonly arms: readonly ArmSummary[];
  /** at the end of training, by arm, then by sampling steps */
  readonly quality: readonly QualityRow[];
  readonly curves: readonly CurveRow[];
  readonly thresholds: readonly ThresholdRow[];
  /** of the comparisons, all sessions */
  readonly seconds: number;
}

/** The arms of one name, one a seed. */
type Arms = readonly ArmReport[];

/** @param reports of comparisons that differ in their seed alone. @throws TrainerError where they do not */
export function summarize(name: string, reports: readonly CompareReport[], given?: Thresholds): PieceSummary {
  const [first] = reports;
  if (!first) throw new TrainerError(`${name}: wants at least one finished comparison, got none`);
  checkAlike(name, first, reports);
  const { config } = first;
  const arms: Arms[] = first.arms.map((_, i) => reports.map((report) => report.arms[i]!));
  const base = arms.find(([arm]) => arm!.assignment.method === 'identity');
  const mean = (value: (report: CompareReport) => number): number => meanInterval(reports.map(value)).mean;
  const sliced = reports.every(({ slicedFloor }) => slicedFloor !== undefined);
  return {
    name,
    seeds: reports.map(({ seed }) => seed),
    dataset: first.dataset.name,
    parameters: first.parameters,
    steps: config.training.steps,
    batchSize: config.training.batchSize * config.training.accumulate,
    images: first.arms[0]!.images,
    scheduler: config.scheduler._class_name,
    objective: objectiveOf(config),
    features: first.features,
    samples: config.evaluation.samples,
    floor: mean(({ floor }) => floor.mean),
    ...(sliced ? { slicedFloor: mean(({ slicedFloor }) => slicedFloor!) } : {}),
    ...(base ? { baseline: base[0]!.name } : {}),
    arms: arms.map((own) => ({
      name: own[0]!.name,
      assignment: own[0]!.assignment,
      distanceCut: meanInterval(own.map((arm) => arm.distanceReduction)),
      secondsPerStep: meanInterval(own.map((arm) => arm.secondsPerStep)).mean,
    })),
    quality: arms.flatMap((own) => qualityRows(own, own === base ? undefined : base)),
    curves: arms.flatMap(curveRows),
    thresholds: thresholdRows(arms, base, given),
    seconds: reports.reduce((sum, report) => sum + report.seconds, 0),
  };
}

function objectiveOf({ objective: { kind }, scheduler }: CompareReport['config']): string {
  return hasBetas(scheduler) ? `${kind} (${scheduler.prediction_type})` : kind;
}

function checkAlike(name: string, first: CompareReport, reports: readonly CompareReport[]): void {
  const settings = ({ config }: CompareReport): string =>
    JSON.stringify({ ...config, name: '', seed: 0, device: '', threads: 0 });
  const other = reports.find((report) => settings(report) !== settings(first));
  if (other) {
    throw new TrainerError(
      `${name}: wants comparisons that differ in their seed alone, got other settings with seed ${other.seed}; summarize them apart`,
    );
  }
  const seeds = reports.map(({ seed }) => seed);
  if (new Set(seeds).size < seeds.length) {
    throw new TrainerError(`${name}: wants each seed once, got ${seeds.join(', ')}`);
  }
}

function measured(values: readonly number[]): Measured {
  return { ...meanInterval(values), values };
}

function against(baseline: readonly number[], treated: readonly number[]): Against {
  return { change: pairedChange(baseline, treated), difference: pairedDifference(baseline, treated) };
}

function stepsMeasured(arm: ArmReport): number[] {
  return Object.keys(arm.frechet)
    .map(Number)
    .sort((a, b) => a - b);
}

function qualityRows(arms: Arms, base: Arms | undefined): QualityRow[] {
  return stepsMeasured(arms[0]!).map((steps) => {
    const frechet = (own: Arms): number[] => own.map((arm) => arm.frechet[steps]!);
    const sliced = (own: Arms): number[] | undefined => {
      const values = own.map((arm) => arm.measurements.at(-1)?.quality[steps]?.slicedWasserstein);
      return values.every((value) => value !== undefined) ? values : undefined;
    };
    const [own, bases] = [sliced(arms), base && sliced(base)];
    return {
      arm: arms[0]!.name,
      samplingSteps: steps,
      frechet: measured(frechet(arms)),
      ...(own ? { slicedWasserstein: measured(own) } : {}),
      precision: meanInterval(arms.map((arm) => arm.precision[steps]!)),
      recall: meanInterval(arms.map((arm) => arm.recall[steps]!)),
      ...(base ? { against: against(frechet(base), frechet(arms)) } : {}),
      ...(own && bases ? { slicedAgainst: against(bases, own) } : {}),
    };
  });
}

/** Numbers of sampling steps at which an arm was measured while it trained, at least twice. */
function curveSteps({ measurements }: ArmReport): number[] {
  const [before] = measurements.slice(-2);
  if (measurements.length < 2 || !before) return [];
  return Object.keys(before.quality)
    .map(Number)
    .sort((a, b) => a - b);
}

function curveRows(arms: Arms): CurveRow[] {
  return curveSteps(arms[0]!).flatMap((samplingSteps) =>
    arms[0]!.measurements.map(({ images }, i) => ({
      arm: arms[0]!.name,
      samplingSteps,
      images,
      frechet: measured(arms.map((arm) => arm.measurements[i]!.quality[samplingSteps]!.frechet)),
    })),
  );
}

/** Rounded up to three digits. */
function roundedUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 2);
  return Number((Math.ceil(value / unit) * unit).toPrecision(3));
}

/**
 * What the worst seed of the baseline ends with, so that all of them come there, and half as much again: three digits, so
 * that a goal is one number for every seed.
 */
function goalsOf(base: Arms, samplingSteps: number): number[] {
  const end = Math.max(...base.map((arm) => arm.frechet[samplingSteps]!));
  return [1.5 * end, end].map(roundedUp);
}

function thresholdRows(
  arms: readonly Arms[],
  base: Arms | undefined,
  given: Thresholds | undefined,
): ThresholdRow[] {
  const reference = base ?? arms[0]!;
  return curveSteps(reference[0]!).flatMap((samplingSteps) => {
    const goals = given?.[samplingSteps] ?? (given ? [] : goalsOf(reference, samplingSteps));
    const crossings = (own: Arms, goal: number): ReturnType<typeof firstCrossing>[] =>
      own.map(({ measurements }) =>
        firstCrossing(
          measurements.map(({ images, quality }) => ({ images, frechet: quality[samplingSteps]!.frechet })),
          goal,
        ),
      );
    return goals.flatMap((goal) => {
      const bases = base && crossings(base, goal);
      return arms.map((own): ThresholdRow => {
        const found = crossings(own, goal);
        const both = found.flatMap((crossing, i) => {
          const other = own === base ? undefined : bases?.[i];
          if (!crossing || !other || (crossing.atMost && other.atMost)) return [];
          return [{ own: crossing.images, base: other.images }];
        });
        return {
          arm: own[0]!.name,
          samplingSteps,
          goal,
          images: found.map((crossing) => crossing?.images ?? null),
          atMost: found.map((crossing) => crossing?.atMost ?? false),
          reached: found.filter((crossing) => crossing !== undefined).length,
          ...(both.length > 0
            ? {
                change: pairedChange(
                  both.map((pair) => pair.base),
                  both.map((pair) => pair.own),
                ),
              }
            : {}),
        };
      });
    });
  });
}
