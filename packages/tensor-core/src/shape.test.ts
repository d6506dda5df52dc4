import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from './errors.ts';
import {
  broadcastShapes,
  checkShape,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  reducedShape,
  sameShape,
  sizeOf,
  stridesOf,
} from './shape.ts';

const shape = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 5 });
const filled = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 5 });

/** Two shapes that broadcast, and what they broadcast to. */
const pairs = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom('both', 'left', 'right')), { maxLength: 5 })
  .chain((axes) =>
    fc.record({
      out: fc.constant(axes.map(([d]) => d)),
      a: fc.nat(axes.length).map((drop) => side(axes, 'left', drop)),
      b: fc.nat(axes.length).map((drop) => side(axes, 'right', drop)),
    }),
  );

/** One operand: extents of 1 where the other one is alone, and leading axes dropped where they are 1 all along. */
function side(axes: readonly (readonly [number, string])[], which: string, drop: number): number[] {
  const full = axes.map(([d, who]) => (who === 'both' || who === which ? d : 1));
  const lead = full.findIndex((d) => d !== 1);
  return full.slice(Math.min(drop, lead < 0 ? full.length : lead));
}

describe('broadcastShapes', () => {
  it('is what NumPy says: equal extents, or one of them 1, aligned at the end', () => {
    expect(broadcastShapes('f', [8, 1, 6, 1], [7, 1, 5])).toEqual([8, 7, 6, 5]);
    expect(broadcastShapes('f', [], [2, 0])).toEqual([2, 0]);
    expect(broadcastShapes('f', [1], [0])).toEqual([0]);
  });

  it('finds the shape that two operands came from, in either order', () => {
    fc.assert(
      fc.property(pairs, ({ out, a, b }) => {
        const expected = broadcastShapes('f', a, b);
        expect(expected).toEqual(broadcastShapes('f', b, a));
        const full = [...Array.from({ length: out.length - expected.length }, () => 1), ...expected];
        expect(full).toEqual(out);
      }),
    );
  });

  it('keeps a shape beside a scalar, beside itself and beside its own result', () => {
    fc.assert(
      fc.property(shape, (s) => {
        expect(broadcastShapes('f', s, [])).toEqual(s);
        expect(broadcastShapes('f', s, s)).toEqual(s);
      }),
    );
  });

  it('names op, shapes and axis where they do not fit', () => {
    expect(() => broadcastShapes('add', [2, 3], [4, 3])).toThrow(
      /^add: shapes \[2, 3\] and \[4, 3\] do not broadcast: axis -2 is 2 against 4; reshape one of them$/,
    );
    expect(() => broadcastShapes('add', [0], [2])).toThrow(ShapeError);
  });
});

describe('strides', () => {
  it('address every element once, in row-major order', () => {
    fc.assert(
      fc.property(filled, (s) => {
        const strides = stridesOf(s);
        let offsets = [0];
        for (const [axis, d] of s.entries()) {
          offsets = offsets.flatMap((o) => Array.from({ length: d }, (_, i) => o + i * strides[axis]!));
        }
        expect(offsets).toEqual(Array.from({ length: sizeOf(s) }, (_, i) => i));
      }),
    );
  });
});

describe('axes', () => {
  it('count from either end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(7), (ndim, raw) => {
        const axis = raw % ndim;
        expect(normalizeAxis('f', axis, ndim)).toBe(axis);
        expect(normalizeAxis('f', axis - ndim, ndim)).toBe(axis);
        expect(() => normalizeAxis('f', ndim + raw, ndim)).toThrow(`use ${-ndim} to ${ndim - 1}`);
        expect(() => normalizeAxis('f', -ndim - 1 - raw, ndim)).toThrow(ShapeError);
      }),
    );
  });

  it('are sorted, unique, and all of them where none is given', () => {
    expect(normalizeAxes('f', undefined, 3)).toEqual([0, 1, 2]);
    expect(normalizeAxes('f', -1, 3)).toEqual([2]);
    expect(normalizeAxes('f', [2, -3], 3)).toEqual([0, 2]);
    expect(normalizeAxes('f', [], 3)).toEqual([]);
    expect(() => normalizeAxes('f', [0, -3], 3)).toThrow(/axes \[0, -3\] name one axis twice/);
  });

  it('leave the rest of a shape when they are reduced', () => {
    fc.assert(
      fc.property(filled, fc.nat(31), (s, mask) => {
        const axes = s.flatMap((_, axis) => ((mask >> axis) & 1 ? [axis] : []));
        const kept = reducedShape(s, axes, true);
        const dropped = reducedShape(s, axes, false);
        expect(kept).toHaveLength(s.length);
        expect(dropped).toHaveLength(s.length - axes.length);
        expect(sizeOf(kept)).toBe(sizeOf(dropped));
        expect(sizeOf(dropped) * sizeOf(axes.map((axis) => s[axis]!))).toBe(sizeOf(s));
      }),
    );
  });
});

describe('checks and text', () => {
  it('of what is no shape', () => {
    for (const bad of [[-1], [1.5], [NaN], [Infinity], [2 ** 53]]) {
      expect(() => checkShape('zeros', bad)).toThrow(
        `zeros: a shape holds whole numbers of at least 0, got ${formatShape(bad)}`,
      );
    }
    expect(() => checkShape('zeros', [])).not.toThrow();
    expect(() => checkShape('zeros', [0, 3])).not.toThrow();
  });

  it('of shapes', () => {
    expect(formatShape([])).toBe('[]');
    expect(formatShape([2, 3])).toBe('[2, 3]');
    expect(sameShape([2, 3], [2, 3])).toBe(true);
    expect(sameShape([2, 3], [2, 3, 1])).toBe(false);
    expect(sameShape([2, 3], [3, 2])).toBe(false);
  });
});
