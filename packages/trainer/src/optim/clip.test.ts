import * as fc from 'fast-check';
import { type Tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, goldenJson, relativeError, testDevice } from '../../test/tiny.ts';
import { clipByGlobalNorm, globalNorm } from './clip.ts';

interface Recorded {
  readonly tolerance: number;
  readonly gradients: readonly Readonly<Record<'w' | 'b', number[]>>[];
  readonly clips: readonly {
    readonly maxNorm: number;
    readonly norm: number;
    readonly clipped: Readonly<Record<'w' | 'b', number[]>>;
  }[];
}

const recorded = goldenJson<Recorded>('optim.json');
const opened = testDevice();

function compileClip(maxNorm: number) {
  return opened.device.compile(({ gradient }: { gradient: Tensor }) => {
    const norm = globalNorm(gradient);
    return { norm, clipped: clipByGlobalNorm(gradient, norm, maxNorm) };
  });
}

describe('clipping by the global norm', () => {
  it.each(recorded.clips)('to $maxNorm as clip_grad_norm_ does', async ({ maxNorm, norm, clipped }) => {
    const clip = compileClip(maxNorm);
    const { w, b } = recorded.gradients[0]!;
    const result = await clip({ gradient: floats([...w, ...b]) });
    expect((await result.norm.item()) / norm).toBeCloseTo(1, 6);
    const values = await result.clipped.data();
    expect(relativeError(values.subarray(0, w.length), clipped.w)).toBeLessThanOrEqual(recorded.tolerance);
    expect(relativeError(values.subarray(w.length), clipped.b)).toBeLessThanOrEqual(recorded.tolerance);
    await clip.dispose();
  });

  it('never leaves more than the norm allowed, never turns a gradient, and leaves small ones alone', async () => {
    const maxNorm = 2;
    const clip = compileClip(maxNorm);
    const entry = fc.double({ min: -10, max: 10, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 6, maxLength: 6 }), async (entries) => {
        const g = floats(entries);
        const before = Math.hypot(...(await g.data()));
        const result = await (await clip({ gradient: g })).clipped.data();
        expect(Math.hypot(...result)).toBeLessThanOrEqual(maxNorm * (1 + 1e-6));
        const factor = Math.min(1, maxNorm / (before + 1e-6));
        const expected = (await g.data()).map((value) => value * factor);
        expect(Math.max(...result.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5);
        if (before < maxNorm - 1e-3) expect(result).toEqual(await g.data());
      }),
      { numRuns: 60 },
    );
    await clip.dispose();
  });

  it('leaves elements beside a NaN or an infinity finite, so that the bad ones can be found', async () => {
    const clip = compileClip(1);
    for (const bad of [NaN, Infinity, -Infinity]) {
      const values = await (await clip({ gradient: floats([3, bad, -4]) })).clipped.data();
      expect(Array.from(values, Number.isFinite), `${bad}`).toEqual([true, false, true]);
    }
    await clip.dispose();
  });
});
