import { describe, expect, it } from 'vitest';
import { TuningTable } from './tuning-table.ts';

const measured = { variant: 'b', microseconds: { a: 2, b: 1.5 }, failed: ['c'] };

/** What a file with these choices is read as. */
function read(choices: unknown, adapter = 'gpu', format = 1): TuningTable | { problem: string } {
  return TuningTable.parse(JSON.stringify({ format, adapter, choices }), 'gpu');
}

describe('TuningTable', () => {
  it('gives the fastest among the variants that there are now', () => {
    const table = new TuningTable([['matmul 1', measured]]);
    expect(table.fastest('matmul 1', ['a', 'b', 'c'])).toBe(1);
    expect(table.fastest('matmul 1', ['b'])).toBe(0);
    expect(table.fastest('matmul 1', ['a', 'renamed'])).toBeUndefined();
    expect(table.fastest('matmul 2', ['a', 'b'])).toBeUndefined();
  });

  it('is read as it was written', () => {
    const table = new TuningTable([
      ['y', measured],
      ['x', { ...measured, variant: 'a' }],
      ['__proto__', measured],
    ]);
    const again = TuningTable.parse(table.toJson('gpu'), 'gpu');
    expect(again).toBeInstanceOf(TuningTable);
    expect((again as TuningTable).toJson('gpu')).toBe(table.toJson('gpu'));
    expect((again as TuningTable).size).toBe(3);
  });

  it('leaves out what is not as it should be', () => {
    const table = read({
      good: measured,
      text: 'a',
      list: [measured],
      nameless: { ...measured, variant: 3 },
      untimed: { ...measured, microseconds: { a: 'fast' } },
      odd: { ...measured, failed: [1] },
    });
    expect((table as TuningTable).size).toBe(1);
    expect((table as TuningTable).fastest('good', ['a', 'b'])).toBe(1);
  });

  it('says why a whole file is of no use', () => {
    expect(TuningTable.parse('{"format": 1', 'gpu')).toMatchObject({
      problem: expect.stringMatching(/^it is not JSON: SyntaxError/) as string,
    });
    expect(TuningTable.parse('[1]', 'gpu')).toEqual({ problem: 'it is not of format 1' });
    expect(read({}, 'gpu', 2)).toEqual({ problem: 'it is not of format 1' });
    expect(read({}, 'another GPU')).toEqual({ problem: 'it is of another adapter, driver or version' });
    expect(read([])).toEqual({ problem: 'it holds no choices' });
  });

  it('takes from another table what it does not know', () => {
    const table = new TuningTable([['x', measured]]);
    table.addFrom(
      new TuningTable([
        ['x', { ...measured, variant: 'a' }],
        ['y', { ...measured, variant: 'a' }],
      ]),
    );
    expect(table.fastest('x', ['a', 'b'])).toBe(1);
    expect(table.fastest('y', ['a', 'b'])).toBe(0);
  });
});
