import { describe, expect, it } from 'vitest';
import { DIMENSIONS, firstImages, syntheticImages, withUnitVariance } from './assignment-images.ts';
import { Scipy } from './assignment-scipy.ts';
import { type AssignmentBenchResult, formatAssignmentBench, runAssignmentBench } from './assignment.ts';

const rms = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

describe('synthetic images', () => {
  const images = syntheticImages(64, 5);

  it('are the same for the same seed, in the size they say', () => {
    expect(images.pixels.length).toBe(64 * DIMENSIONS);
    expect(syntheticImages(3, 5).pixels.length).toBe(3 * DIMENSIONS);
    expect(syntheticImages(64, 5).pixels).toEqual(images.pixels);
    expect(syntheticImages(64, 6).pixels).not.toEqual(images.pixels);
    expect(rms(images.pixels)).toBeCloseTo(0.5, 5);
  });

  it('have the 1/f spectrum: neighbours differ as its power says', () => {
    // Var(difference) / (2 Var) = Σ P (1 - cos 2πk/32) / Σ P with P = 1/f².
    let expected = 0;
    let power = 0;
    for (let k = 0; k < 32 * 32; k++) {
      const [ky, kx] = [Math.min(k >> 5, 32 - (k >> 5)), Math.min(k & 31, 32 - (k & 31))];
      const p = 1 / Math.max(1, ky * ky + kx * kx);
      expected += p * (1 - Math.cos((2 * Math.PI * (k & 31)) / 32));
      power += p;
    }
    let squares = 0;
    let count = 0;
    for (let e = 0; e + 1 < images.pixels.length; e++) {
      if (e % 32 === 31) continue;
      squares += (images.pixels[e + 1]! - images.pixels[e]!) ** 2;
      count++;
    }
    expect(squares / count / (2 * 0.25) / (expected / power)).toBeCloseTo(1, 1);
  });

  it('scale to unit variance', () => {
    const unit = withUnitVariance(firstImages(images, 10));
    expect(unit.pixels.length).toBe(10 * DIMENSIONS);
    expect(rms(unit.pixels)).toBeCloseTo(1, 5);
    expect(unit.scaling).toBe('unit variance');
  });
});

describe('bench assignment', () => {
  it('measures every size in both scalings, and the unit variance gains more', async () => {
    const said: string[] = [];
    const result = await runAssignmentBench({
      sizes: [16, 128],
      repeats: 2,
      python: false,
      progress: (what) => said.push(what),
    });
    expect(result.scipy).toEqual({ skipped: 'not asked for' });
    expect(result.rows.map(({ images, scaling, size }) => [images, scaling, size])).toEqual([
      ['synthetic 1/f', 'pixel std 0.5', 16],
      ['synthetic 1/f', 'pixel std 0.5', 128],
      ['synthetic 1/f', 'unit variance', 16],
      ['synthetic 1/f', 'unit variance', 128],
    ]);
    expect(said.length).toBe(4);
    for (const row of result.rows) {
      expect(row.exact).toBe(true);
      expect(row.reduction).toBeLessThan(0);
      expect(row.reductionF16).toBeGreaterThanOrEqual(row.reduction);
      for (const time of [row.distanceMs, row.quantiseMs, row.solveMs, ...Object.values(row.solversMs)]) {
        expect(time).toBeGreaterThan(0);
      }
      expect(row.scipyMs).toBeNull();
      expect(row.paper?.milliseconds).toBe(row.size === 128 ? 5.4 : undefined);
    }
    const [, plain, , unit] = result.rows;
    expect(unit!.reduction).toBeLessThan(plain!.reduction);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);

    const table = formatAssignmentBench(result);
    expect(table).toContain('SciPy skipped: not asked for');
    expect(table).toContain('synthetic 1/f, pixel std 0.5');
    expect(table).toContain('-1.93 %'); // the paper's, at 128
  });

  it('goes on without Python, and says so', async () => {
    const result = await runAssignmentBench({ sizes: [8], repeats: 1, python: 'no-such-python' });
    expect(result.scipy).toEqual({ skipped: expect.stringContaining('no-such-python') as string });
    expect(formatAssignmentBench(result)).toContain('SciPy skipped: spawn no-such-python');
  });

  it('stands beside SciPy with the same cost (skipped where PYTHON or python3 has no SciPy)', async ({
    skip,
  }) => {
    const python = process.env['PYTHON'] ?? 'python3';
    const started = await Scipy.start(python);
    if (typeof started === 'string') return skip(started);
    await started.stop();
    const result: AssignmentBenchResult = await runAssignmentBench({ sizes: [48], repeats: 2, python });
    for (const row of result.rows) {
      expect(row.scipyMs).toBeGreaterThan(0);
      expect(Math.abs(row.scipyCostDifference!)).toBeLessThan(1e-12);
    }
  });

  it('names a size that cannot be', async () => {
    await expect(runAssignmentBench({ sizes: [128, 0] })).rejects.toThrow(
      /size must be a whole number from 1 on, got 0/,
    );
    await expect(runAssignmentBench({ repeats: 0.5 })).rejects.toThrow(/repeats .* got 0.5/);
  });
});
