import { expect, it } from 'vitest';
import { matrix } from '../../test/matrices.ts';
import { AssignmentError } from '../errors.ts';
import { certify } from './certificate.ts';
import { jonkerVolgenant } from './jonker-volgenant.ts';
import { type Matching, type Problem } from './problem.ts';

function swap({ x, y, v }: Matching, a: number, b: number): Matching {
  const wrong = { x: x.slice(), y: y.slice(), v };
  [wrong.x[a], wrong.x[b]] = [x[b]!, x[a]!];
  wrong.y[x[b]!] = a;
  wrong.y[x[a]!] = b;
  return wrong;
}

const problem: Problem = {
  cost: matrix('image-noise', 40, 40),
  rows: 40,
  columns: 40,
  forbidden: false,
  outOfTime: () => false,
};
const best = jonkerVolgenant(problem);

it('never calls a worse pairing exact, and its bound stays below the optimum', () => {
  const optimum = certify(problem, best);
  expect(optimum.exact).toBe(true);
  for (let a = 0; a < 39; a++) {
    const worse = certify(problem, swap(best, a, a + 1));
    expect(worse.cost).toBeGreaterThan(optimum.cost);
    expect(worse.exact).toBe(false);
    expect(worse.gap).toBeCloseTo(worse.cost - optimum.cost, 9);
  }
});

it('gives a bound for any duals, even useless ones', () => {
  const optimum = certify(problem, best).cost;
  for (const fill of [-3, 0, 5]) {
    const careless = certify(problem, { ...best, v: new Float64Array(40).fill(fill) });
    expect(careless.dualBound).toBeLessThanOrEqual(optimum + 1e-9);
    expect(careless.exact).toBe(false);
  }
});

it('does not count positive duals of columns that could stay over', () => {
  const wide: Problem = {
    cost: Float64Array.of(2, 1),
    rows: 1,
    columns: 2,
    forbidden: false,
    outOfTime: () => false,
  };
  const matching = { x: Int32Array.of(0), y: Int32Array.of(0, -1), v: Float64Array.of(1, 0) };
  const certificate = certify(wide, matching);
  expect(certificate).toMatchObject({ cost: 2, dualBound: 1, gap: 1, exact: false });
});

it('refuses a matching that gives two rows one column', () => {
  const x = best.x.slice();
  x[1] = x[0]!;
  expect(() => certify(problem, { ...best, x })).toThrow(AssignmentError);
});
