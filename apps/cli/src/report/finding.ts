/**
 * What a comparison found, in words, computed from its numbers: whichever way they fall.
 *
 * A treated arm is held against the baseline (the arm without assignment). Fréchet distances that differ by less than
 * `LEVEL` count as equal; more than that may still be chance, since a comparison has one seed.
 */
import { type ArmReport, type CompareReport, firstCrossing } from '@immiscible/trainer';
import { change, list, plural, share, significant } from '../format.ts';

/** Relative difference below which two Fréchet distances count as equal. */
const LEVEL = 0.02;

/** How a relative difference of Fréchet distances is to be shown. */
export function toneOf(change: number): 'good' | 'bad' | 'plain' {
  if (Math.abs(change) < LEVEL) return 'plain';
  return change < 0 ? 'good' : 'bad';
}

/** The Fréchet distances of two arms with one number of sampling steps. */
export interface Change {
  readonly samplingSteps: number;
  readonly baseline: number;
  readonly treated: number;
  /** treated / baseline − 1: −0.3 is 30 % better */
  readonly change: number;
}

/** When the treated arm is as good as the baseline is at its end. */
export interface Reached {
  readonly samplingSteps: number;
  /**
   * Training images, between measurements by straight lines; at the first measurement, as many at most; undefined where
   * the treated arm does not come to that quality
   */
  readonly images: number | undefined;
  readonly ofImages: number;
}

export interface Finding {
  /** one sentence */
  readonly headline: string;
  /** further sentences, each of which stands alone */
  readonly details: readonly string[];
  readonly pair?: { readonly baseline: ArmReport; readonly treated: ArmReport };
  /** by number of sampling steps, rising */
  readonly changes: readonly Change[];
  /** for the numbers of sampling steps that were measured during training too */
  readonly reached: readonly Reached[];
}

/** The arms that are held against each other; undefined where nothing can be. */
function pairOf({ arms }: CompareReport): Finding['pair'] {
  const baseline = arms.find(({ assignment }) => assignment.method === 'identity');
  const others = arms.filter((arm) => arm !== baseline);
  const treated = others.find(({ assignment }) => assignment.method === 'linear') ?? others[0];
  return baseline && treated ? { baseline, treated } : undefined;
}

function changesOf({ baseline, treated }: NonNullable<Finding['pair']>): Change[] {
  return Object.entries(baseline.frechet)
    .flatMap(([steps, value]) => {
      const other = treated.frechet[steps];
      if (other === undefined || !(value > 0)) return [];
      return [{ samplingSteps: Number(steps), baseline: value, treated: other, change: other / value - 1 }];
    })
    .sort((a, b) => a.samplingSteps - b.samplingSteps);
}

/** Where the treated arm's curve first comes down to what the baseline ends with. */
function reachedOf({ baseline, treated }: NonNullable<Finding['pair']>): Reached[] {
  return Object.keys(baseline.frechet).flatMap((steps) => {
    const goal = baseline.frechet[steps]!;
    const curve = treated.measurements.flatMap(({ images, quality }) => {
      const frechet = quality[steps]?.frechet;
      return frechet === undefined ? [] : [{ images, frechet }];
    });
    if (curve.length < 2) return [];
    const images = firstCrossing(curve, goal)?.images;
    return [{ samplingSteps: Number(steps), images, ofImages: baseline.images }];
  });
}

/** `11 % fewer`, `as many`, `not reached`: training images to the baseline's quality, against the baseline's own. */
export function reachedText({ images, ofImages }: Reached): string {
  if (images === undefined) return 'not reached';
  const saved = 1 - images / ofImages;
  return saved < LEVEL ? 'as many' : `${share(saved)} fewer`;
}

function withSteps(changes: readonly Change[]): string {
  const numbers = changes.map(({ samplingSteps }) => samplingSteps);
  return `with ${list(numbers)} sampling ${numbers.length === 1 && numbers[0] === 1 ? 'step' : 'steps'}`;
}

function example({ samplingSteps, change: value }: Change): string {
  return `Fréchet distance ${change(value)} with ${plural(samplingSteps, 'step')}`;
}

function headlineOf(name: string, changes: readonly Change[]): string {
  const better = changes.filter((c) => c.change < -LEVEL);
  const worse = changes.filter((c) => c.change > LEVEL);
  const byChange = [...changes].sort((a, b) => a.change - b.change);
  const [best, worst] = [byChange[0]!, byChange.at(-1)!];
  const subject = `${name[0]!.toUpperCase()}${name.slice(1)}`;
  const everywhere = changes.length === 1 ? '' : ' at every number of sampling steps';
  if (better.length === changes.length) return `${subject} is better${everywhere}: ${example(best)}`;
  if (worse.length === changes.length) return `${subject} is worse${everywhere}: ${example(worst)}`;
  if (better.length === 0 && worse.length === 0) {
    return `No difference above ${100 * LEVEL} %: ${example(byChange[Math.floor(byChange.length / 2)]!)}`;
  }
  if (worse.length === 0) return `${subject} is better ${withSteps(better)}: ${example(best)}`;
  if (better.length === 0) return `${subject} is worse ${withSteps(worse)}: ${example(worst)}`;
  return `${subject} is better ${withSteps(better)} and worse with ${list(worse.map((c) => c.samplingSteps))}: ${example(best)}, ${change(worst.change)} with ${worst.samplingSteps}`;
}

/** The distances at the two ends: with the fewest sampling steps and with the most. */
function endsOf({ baseline, treated }: NonNullable<Finding['pair']>, changes: readonly Change[]): string {
  const [few, most] = [changes[0]!, changes.at(-1)!];
  const at = (c: Change): string =>
    `${significant(c.baseline)} → ${significant(c.treated)} with ${plural(c.samplingSteps, 'step')}`;
  return `Fréchet distance, ${baseline.name} → ${treated.name}: ${few === most ? at(few) : `${at(few)}, ${at(most)}`}; lower is better.`;
}

/** @returns a finding for one arm too, without a comparison then */
export function findingOf(report: CompareReport): Finding {
  const pair = pairOf(report);
  const changes = pair ? changesOf(pair) : [];
  if (!pair || changes.length === 0) {
    const [arm] = report.arms;
    const best = Object.entries(arm?.frechet ?? {}).sort(([, a], [, b]) => a - b)[0];
    const text = best ? `: Fréchet distance ${significant(best[1])} with ${best[0]} sampling steps` : '';
    return {
      headline: `${arm?.name ?? 'No arm'} after ${plural(arm?.images ?? 0, 'training image')}${text}`,
      details: [
        'There is no pair of arms to compare: that wants one with the pairing `identity` and another one.',
      ],
      changes: [],
      reached: [],
    };
  }
  const { baseline, treated } = pair;
  const reached = reachedOf(pair);
  const details = [
    endsOf(pair, changes),
    `Assignment brings images and their noise ${share(treated.distanceReduction)} nearer, and changes nothing else.`,
  ];
  if (reached.length > 0) {
    const each = reached.map(
      (one) => `${reachedText(one)} with ${plural(one.samplingSteps, 'sampling step')}`,
    );
    details.push(
      `Training images that ${treated.name} needs for the final quality of ${baseline.name}: ${list(each)}.`,
    );
  }
  details.push('One seed: differences of a few per cent may fall the other way with another.');
  return { headline: headlineOf(treated.name, changes), details, pair, changes, reached };
}
