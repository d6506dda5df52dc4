/** What is shown of an arm while it trains: running means over its last steps. */
import { type StepReport } from '@immiscible/trainer';

/** Steps that the running means go over. */
const WINDOW = 50;

export class ArmProgress {
  readonly name: string;
  readonly steps: number;
  step = 0;
  images = 0;
  /** of the newest step that has been read: steps left out so far; undefined where none can be */
  skippedSteps: number | undefined;
  readonly #recent: { distanceChange: number; seconds: number; images: number }[] = [];
  readonly #losses: number[] = [];

  constructor(name: string, steps: number) {
    this.name = name;
    this.steps = steps;
  }

  add({ step, images, numbers, distanceChange, milliseconds }: StepReport): void {
    // The first step compiles and a resumed run begins in the middle: neither says how fast the images pass.
    const isNext = this.step > 0 && step === this.step + 1;
    this.#recent.push({
      distanceChange,
      seconds: isNext ? milliseconds.step / 1000 : 0,
      images: isNext ? images - this.images : 0,
    });
    if (this.#recent.length > WINDOW) this.#recent.shift();
    for (const { loss, scaling } of numbers) {
      if (!scaling?.skipped) this.#losses.push(loss);
      this.skippedSteps = scaling?.skippedSteps;
    }
    this.#losses.splice(0, this.#losses.length - WINDOW);
    this.step = step;
    this.images = images;
  }

  /** NaN while none has been read */
  get loss(): number {
    return this.#losses.reduce((sum, loss) => sum + loss, 0) / this.#losses.length;
  }

  /** share by which pairs came nearer: 0.03 is three per cent */
  get distanceCut(): number {
    const mean = this.#recent.reduce((sum, entry) => sum + entry.distanceChange, 0) / this.#recent.length;
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
