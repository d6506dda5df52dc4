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

/** Gathers an option that may be given several times. */
export function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
