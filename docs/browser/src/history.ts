/** The losses so far, thinned out so that a long run stays quick to draw. */
import { ARMS, type Arm, type Losses } from './training.ts';

/** One point of a curve. */
export interface CurvePoint {
  readonly arm: Arm;
  readonly step: number;
  readonly loss: number;
}

/** Sums over consecutive steps. */
interface Bucket {
  last: number;
  count: number;
  vanilla: number;
  immiscible: number;
}

const MOST_POINTS = 400;

export class History {
  #buckets: Bucket[] = [];
  /** Steps that one bucket holds; doubled whenever there are too many of them. */
  #width = 1;

  add(losses: readonly Losses[]): void {
    for (const { step, vanilla, immiscible } of losses) {
      const bucket = this.#buckets.at(-1);
      if (bucket && bucket.count < this.#width) {
        bucket.last = step;
        bucket.count++;
        bucket.vanilla += vanilla;
        bucket.immiscible += immiscible;
      } else {
        this.#buckets.push({ last: step, count: 1, vanilla, immiscible });
      }
      if (this.#buckets.length > MOST_POINTS) this.#halve();
    }
  }

  /** Mean losses, at most 400 an arm, in the order of the steps. */
  points(): CurvePoint[] {
    return ARMS.flatMap((arm) =>
      this.#buckets.map((bucket) => ({ arm, step: bucket.last, loss: bucket[arm] / bucket.count })),
    );
  }

  /** The mean loss of an arm over the last `steps` steps or a little more; undefined before the first. */
  recent(arm: Arm, steps: number): number | undefined {
    let [sum, count] = [0, 0];
    for (let i = this.#buckets.length - 1; i >= 0 && count < steps; i--) {
      sum += this.#buckets[i]![arm];
      count += this.#buckets[i]!.count;
    }
    return count > 0 ? sum / count : undefined;
  }

  #halve(): void {
    this.#width *= 2;
    const merged: Bucket[] = [];
    for (let i = 0; i < this.#buckets.length; i += 2) {
      const a = this.#buckets[i]!;
      const b = this.#buckets[i + 1];
      merged.push(
        b
          ? {
              last: b.last,
              count: a.count + b.count,
              vanilla: a.vanilla + b.vanilla,
              immiscible: a.immiscible + b.immiscible,
            }
          : a,
      );
    }
    this.#buckets = merged;
  }
}
