import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floats, goldenJson, relativeError, testDevice } from '../../test/tiny.ts';
import { type Tensors } from './adam.ts';
import { clipByGlobalNorm, squaredNorms } from './clip.ts';

interface Recorded {
  readonly tolerance: number;
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly gradients: readonly Readonly<Record<string, number[]>>[];
  readonly clips: readonly {
    readonly maxNorm: number;
    readonly norm: number;
    readonly clipped: Readonly<Record<string, number[]>>;
  }[];
}

const recorded = goldenJson<Recorded>('optim.json');
const opened = testDevice();

function compileClip(maxNorm: number) {
  return opened.device.compile(({ gradients }: { gradients: Tensors }) => {
    const norms = squaredNorms(gradients);
    return { norms, clipped: clipByGlobalNorm(gradients, norms, maxNorm) };
  });
}

describe('clipping by the global norm', () => {
  it.each(recorded.clips)('to $maxNorm as clip_grad_norm_ does', async ({ maxNorm, norm, clipped }) => {
    const clip = compileClip(maxNorm);
    const gradients: Tensors = Object.fromEntries(
      Object.entries(recorded.gradients[0]!).map(([name, values]) => [
        name,
        floats(values, recorded.shapes[name]),
      ]),
    );
    const result = await clip({ gradients });
    const squares = await result.norms.data();
    expect(Math.sqrt(squares.reduce((a, b) => a + b, 0)) / norm).toBeCloseTo(1, 6);
    for (const [name, values] of Object.entries(clipped)) {
      const error = relativeError(await result.clipped[name]!.data(), values);
      expect(error, name).toBeLessThanOrEqual(recorded.tolerance);
    }
    await clip.dispose();
  });

  it('lists the squared norm of each gradient in the order of the record', async () => {
    const clip = compileClip(1);
    const { norms } = await clip({ gradients: { b: floats([3, 4]), a: floats([1, 2]) } });
    expect([...(await norms.data())]).toEqual([25, 5]);
    await clip.dispose();
  });

  it('never leaves more than the norm allowed, never turns a gradient, and leaves small ones alone', async () => {
    const maxNorm = 2;
    const clip = compileClip(maxNorm);
    const entry = fc.double({ min: -10, max: 10, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 6, maxLength: 6 }), async (values) => {
        const g = values.map(Math.fround);
        const { clipped } = await clip({ gradients: { a: floats(g.slice(0, 2)), b: floats(g.slice(2)) } });
        const result = [...(await clipped['a']!.data()), ...(await clipped['b']!.data())];
        const before = Math.hypot(...g);
        const factor = Math.min(1, maxNorm / (before + 1e-6));
        expect(Math.hypot(...result)).toBeLessThanOrEqual(maxNorm * (1 + 1e-6));
        result.forEach((value, i) => expect(Math.abs(value - g[i]! * factor)).toBeLessThanOrEqual(1e-5));
        if (before < maxNorm - 1e-3) expect(result).toEqual(g);
      }),
      { numRuns: 60 },
    );
    await clip.dispose();
  });
});
