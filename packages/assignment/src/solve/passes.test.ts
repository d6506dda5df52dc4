import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { familyNames, matrix } from '../../test/matrices.ts';
import { scaleToFloat16 } from '../float16.ts';
import { mostEntries } from './choose-passes.ts';
import { jonkerVolgenant } from './jonker-volgenant.ts';
import { type Passes } from './passes.ts';
import { PlainPasses } from './plain/plain-passes.ts';
import { type Costs, type Matching, type Problem, type Solver } from './problem.ts';
import { sparseCore } from './sparse-core.ts';
import { WasmPasses } from './wasm-passes.ts';

afterEach(() => WasmPasses.release());

function wasm(cost: Costs, rows: number, columns: number, most = mostEntries(rows, columns)): Passes {
  const passes = WasmPasses.load(cost, rows, columns, most);
  if (passes === undefined) throw new Error('this engine has no WebAssembly SIMD: nothing to compare');
  return passes;
}

function plain(cost: Costs, rows: number, columns: number, most = mostEntries(rows, columns)): Passes {
  return new PlainPasses(cost, rows, columns, most);
}

const problemOf = (cost: Costs, rows: number, columns: number): Problem => ({
  cost,
  rows,
  columns,
  forbidden: cost.includes(Infinity),
  outOfTime: () => false,
});

/** Solves with both and compares partners and duals, bit for bit; returns what both found. */
function expectTwins(solver: Solver, cost: Float32Array, rows: number, columns: number): Matching {
  const problem = problemOf(cost, rows, columns);
  const twin = plain(cost, rows, columns);
  const kernel = wasm(cost, rows, columns);
  const expected = solver(problem, { passes: twin });
  const actual = solver(problem, { passes: kernel });
  expect(actual).toEqual(expected);
  expect(kernel.rowDuals(actual.v)).toEqual(twin.rowDuals(expected.v));
  return actual;
}

const float32 = (family: string, rows: number, columns: number): Float32Array =>
  Float32Array.from(matrix(family, rows, columns));

describe.each([
  ['sparse-core', sparseCore],
  ['jonker-volgenant', jonkerVolgenant],
] as const)('%s in WebAssembly makes the plain twin’s pairing', (_, solver) => {
  it.each(familyNames)('on %s', (family) => {
    for (const [rows, columns] of [
      [1, 1],
      [2, 2],
      [3, 3],
      [31, 31],
      [64, 64],
      [131, 131],
      [4, 90],
      [129, 141],
      [257, 257],
    ] as const) {
      const cost = float32(family, rows, columns);
      expectTwins(solver, cost, rows, columns);
      const quantised = new Float32Array(cost.length);
      scaleToFloat16(cost, 0.01, quantised);
      expectTwins(solver, quantised, rows, columns);
    }
  });

  it('on forbidden pairs, however many', () => {
    for (const allowed of [3, 5, 9]) {
      const cost = float32('uniform', 150, 150).map((c, e) => ((e * 7) % 11 < allowed ? c : Infinity));
      expectTwins(solver, cost, 150, 150);
      expectTwins(solver, cost.subarray(0, 140 * 150), 140, 150);
    }
  });

  it('on matrices of any numbers that float32 has', () => {
    const number = fc.oneof(
      fc.float({ noNaN: true, min: Math.fround(-1e30), max: Math.fround(1e30) }),
      fc.float({ noNaN: true, min: -1, max: 1 }),
      fc.constant(Infinity),
    );
    const matrices = fc
      .tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 0, max: 20 }))
      .chain(([rows, extra]) => {
        const length = rows * (rows + extra);
        return fc.record({
          rows: fc.constant(rows),
          columns: fc.constant(rows + extra),
          cost: fc.array(number, { minLength: length, maxLength: length }),
        });
      });
    fc.assert(
      fc.property(matrices, ({ rows, columns, cost }) => {
        const costs = Float32Array.from(cost);
        const solve = (passes: Passes): Matching | string => {
          try {
            return solver(problemOf(costs, rows, columns), { passes });
          } catch (error) {
            return String(error);
          }
        };
        expect(solve(wasm(costs, rows, columns))).toEqual(solve(plain(costs, rows, columns)));
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

describe('each pass', () => {
  const n = 200;

  it.each(familyNames)(
    'transfers no more slack than a row has, over lists as over the matrix (%s)',
    (family) => {
      const cost = float32(family, n, n);
      for (const over of ['lists', 'matrix'] as const) {
        const transferred = [plain, wasm].map((make) => {
          const passes = make(cost, n, n, n * n);
          passes.columnReduction();
          passes.buildLists(-1.5, n);
          passes.transferReduction(over);
          return passes.matching();
        });
        expect(transferred[1]).toEqual(transferred[0]);
        const { x, v } = transferred[0]!;
        // A pair is tight when no column of its row is cheaper: what exactness rests on.
        const u = wasm(cost, n, n).rowDuals(v);
        x.forEach((j, i) => {
          if (j >= 0) expect(cost[i * n + j]! - v[j]!).toBe(u[i]!);
        });
      }
    },
  );

  it('knows finite costs from others, wherever they stand', () => {
    for (const make of [wasm, plain]) {
      for (let e = 0; e < 35; e++) {
        const cost = new Float32Array(35).fill(3e38);
        expect(make(cost, 5, 7).allFinite()).toBe(true);
        for (const bad of [NaN, Infinity, -Infinity]) {
          expect(make(cost.with(e, bad), 5, 7).allFinite()).toBe(false);
        }
      }
    }
  });

  it('reduces the same rows in slices as at once, and stops where lists are too wide', () => {
    const cost = float32('image-noise', n, n);
    for (const make of [wasm, plain]) {
      const reduce = (scans: number, most: number): Matching => {
        const passes = make(cost, n, n, most);
        passes.centre(1);
        passes.buildLists(-1.5, n);
        passes.beginReduction(passes.freeEveryRow(), 6400, 0);
        let over: 'lists' | 'matrix' = 'lists';
        for (let waiting = n; waiting !== 0;) {
          waiting = passes.reduceRows(over, scans);
          if (waiting < 0) over = 'matrix';
        }
        passes.endReduction();
        return passes.matching();
      };
      const whole = reduce(1e9, n * n);
      expect(reduce(7, n * n)).toEqual(whole);
      expect(reduce(1e9, 16 * n)).toEqual(whole); // over the matrix from somewhere on
    }
  });
});

describe('memory', () => {
  it('keeps nothing of one problem for the next', () => {
    const cost = float32('image-noise', 90, 90);
    const first = sparseCore(problemOf(cost, 90, 90), { passes: wasm(cost, 90, 90) });
    const other = float32('uniform', 40, 300);
    sparseCore(problemOf(other, 40, 300), { passes: wasm(other, 40, 300) });
    expect(sparseCore(problemOf(cost, 90, 90), { passes: wasm(cost, 90, 90) })).toEqual(first);
  });

  it('is used again, and given back when it grew large', () => {
    const cost = float32('uniform', 90, 90);
    wasm(cost, 90, 90);
    const before = WasmPasses.heldBytes;
    for (let call = 0; call < 50; call++) {
      wasm(cost, 90, 90);
      WasmPasses.release();
    }
    expect(WasmPasses.heldBytes).toBe(before);
    wasm(cost, 90, 90, 8e6); // room for eight million list entries
    expect(WasmPasses.heldBytes).toBeGreaterThan(120e6);
    WasmPasses.release();
    expect(WasmPasses.heldBytes).toBe(0);
    expect(wasm(cost, 90, 90).allFinite()).toBe(true);
  });

  it('is not asked for what WebAssembly cannot address, nor for costs that float32 would round', () => {
    expect(WasmPasses.load(Float32Array.of(1), 1, 1, 3e8)).toBeUndefined();
    expect(WasmPasses.load(Float64Array.of(0.1), 1, 1, 16)).toBeUndefined();
    expect(WasmPasses.load(Float64Array.of(0.5, Infinity), 1, 2, 16)).toBeDefined();
  });
});
