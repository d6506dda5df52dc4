import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { interpolations, numberFrom, positiveNumbers, wholeNumber, wholeNumbers } from './options.ts';

describe('option values', () => {
  it('read ranges and lists', () => {
    expect(wholeNumbers('0-3,7, 9-9')).toEqual([0, 1, 2, 3, 7, 9]);
    expect(positiveNumbers('2,3,5')).toEqual([2, 3, 5]);
    expect(wholeNumber(1)('12')).toBe(12);
    expect(numberFrom(0, 1)('0.5')).toBe(0.5);
  });

  it('read ways from seed to seed, one after another', () => {
    const first = interpolations('3,9');
    expect(first).toEqual([{ from: 3, to: 9, count: 8 }]);
    expect(interpolations('9, 4, 2', first)).toEqual([...first, { from: 9, to: 4, count: 2 }]);
  });

  it.each([
    () => interpolations('3'),
    () => interpolations('3,4,1'),
    () => interpolations('3-4'),
    () => interpolations('3,4,5,6'),
    () => interpolations('3,4,99999999'),
    () => interpolations('-3,4'),
    () => wholeNumbers('3-1'),
    () => wholeNumbers('a'),
    () => wholeNumbers(''),
    () => wholeNumbers('-1'),
    () => wholeNumbers('0-99999999'),
    () => positiveNumbers('0,1'),
    () => wholeNumber(1)('0'),
    () => wholeNumber(1)('1.5'),
    () => wholeNumber(0)('1e400'),
    () => numberFrom(0, 1)('2'),
    () => numberFrom(0, 1)(' '),
    () => numberFrom(0, 1)('x'),
  ])('refuse what cannot be one (%#)', (read) => {
    expect(read).toThrow(InvalidArgumentError);
  });
});
