/** What is shown of an arm while it trains: running means over its last steps. */
import { type StepReport } from '@immiscible/trainer';

/** Steps that the running means go over. */
const WINDOW = 50;

export class ArmProgress {
  readonly name: string;
  readonly steps: number;
  step = 0;
  images = 0;
  readonly #recent: { loss: number; distanceChange: number; seconds: number; images: number }[] = [];

  constructor(name: string, steps: number) {
    this.name = name;
    this.steps = steps;
  }

  add({ step, images, loss, distanceChange, milliseconds }: StepReport): void {
    // The first step compiles and a resumed run begins in the middle: neither says how fast the images pass.
    const isNext = this.step > 0 && step === this.step + 1;
    this.#recent.push({
      loss,
      distanceChange,
      seconds: isNext ? milliseconds.step / 1000 : 0,
      images: isNext ? images - this.images : 0,
    });
    if (this.#recent.length > WINDOW) this.#recent.shift();
    this.step = step;
    this.images = images;
  }

  #mean(field: 'loss' | 'distanceChange'): number {
    return this.#recent.reduce((sum, entry) => sum + entry[field], 0) / this.#recent.length;
  }

  get loss(): number {
    return this.#mean('loss');
  }

  /** share by which pairs came nearer: 0.03 is three per cent */
  get distanceCut(): number {
    const mean = this.#mean('distanceChange');
    return mean === 0 ? 0 : -mean;
  }

  get imagesPerSecond(): number {
    const seconds = this.#recent.reduce((sum, entry) => sum + entry.seconds, 0);
    return seconds === 0 ? NaN : this.#recent.reduce((sum, entry) => sum + entry.images, 0) / seconds;
  }

  get secondsPerStep(): number {
    const timed = this.#recent.filter(({ seconds }) => seconds > 0);
    return timed.length === 0 ? NaN : timed.reduce((sum, { seconds }) => sum + seconds, 0) / timed.length;
  }
}
