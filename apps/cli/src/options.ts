/** Options that several commands have, and readers of values, with messages that commander shows beside the option's name. */
import { InvalidArgumentError, Option } from 'commander';

/** `--device`: what `openDevice` of tensor-core takes. */
export function deviceOption(): Option {
  return new Option(
    '--device <name>',
    'auto (a GPU if there is one, else the CPU), cpu, webgpu, webgpu:software (for tests), or part of the name of a GPU ' +
      '(default: as the config, else auto)',
  ).argParser((text: string) => {
    if (text.trim() === '') throw new InvalidArgumentError('It wants a name; `immiscible info` lists them.');
    return text;
  });
}

/** A whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`It wants a whole number of at least ${minimum}.`);
    }
    return value;
  };
}

/** A number from `low` to `high`. */
export function numberFrom(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high)) {
      throw new InvalidArgumentError(`It wants a number from ${low} to ${high}.`);
    }
    return value;
  };
}

/** How long a list of numbers may get: a slip of the finger should not fill the memory. */
const LONGEST = 1_000_000;

/** Whole numbers and ranges: `0-3,7` → [0, 1, 2, 3, 7]. */
export function wholeNumbers(text: string): number[] {
  const values: number[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? first);
    if (!match || last < first || !Number.isSafeInteger(last)) {
      throw new InvalidArgumentError('It wants whole numbers and ranges, such as 0-63 or 0,5,9-12.');
    }
    if (values.length + last - first >= LONGEST) {
      throw new InvalidArgumentError(`It takes at most ${LONGEST} numbers.`);
    }
    for (let value = first; value <= last; value++) values.push(value);
  }
  return values;
}

/** Whole numbers from 1: `2,3,5`. */
export function positiveNumbers(text: string): number[] {
  const values = wholeNumbers(text);
  if (values.includes(0)) throw new InvalidArgumentError('It wants numbers of at least 1.');
  return values;
}

/** The way from one seed to another in a number of samples, both ends among them. */
export interface Interpolation {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

const SAMPLES_BETWEEN = 8;

/** `3,9` → from seed 3 to seed 9 in 8 samples; `3,9,5` → in 5. Gathers, for the option may be given several times. */
export function interpolations(text: string, before: readonly Interpolation[] = []): Interpolation[] {
  const match = /^(\d+),(\d+)(?:,(\d+))?$/.exec(text.replaceAll(' ', ''));
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  const count = Number(match?.[3] ?? SAMPLES_BETWEEN);
  if (!match || !Number.isSafeInteger(from) || !Number.isSafeInteger(to) || count < 2 || count > LONGEST) {
    throw new InvalidArgumentError(
      'It wants two seeds and how many samples (at least 2), such as 3,9 or 3,9,8.',
    );
  }
  return [...before, { from, to, count }];
}

/** Gathers an option that may be given several times. */
export function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
