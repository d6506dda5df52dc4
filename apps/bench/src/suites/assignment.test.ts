import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { FAMILY_NAMES, openFamily } from './assignment-families.ts';
import { drawAssignmentPlot, writeAssignmentPlot } from './assignment-plot.ts';
import { formatAssignmentBench } from './assignment-table.ts';
import { runAssignmentBench } from './assignment.ts';

describe('families', () => {
  it.each(FAMILY_NAMES)('%s: the same for the same seed, noise shared by sizes', async (name) => {
    const open = (seed: number) => openFamily(name, { cifar10: undefined, largest: 8, seed });
    const [family, other] = [await open(1), await open(2)];
    const [small, large] = [family(4), family(8)];
    expect((await open(1))(8)).toEqual(large);
    expect(other(8)).not.toEqual(large);
    if (small.kind === 'matrix' || large.kind === 'matrix') {
      expect(large).toMatchObject({ kind: 'matrix', size: 8, cost: { length: 64 } });
      return;
    }
    expect(large.noise.subarray(0, 4 * large.dimensions)).toEqual(small.noise);
    expect(small.x0.length).toBe(4 * small.dimensions);
    expect(small.float16).toBe(name === 'f16');
  });

  it('make the matrices that they name', async () => {
    const cost = async (name: 'ties' | 'integers' | 'rank-one'): Promise<Float32Array> => {
      const problem = (await openFamily(name, { cifar10: undefined, largest: 64, seed: 3 }))(64);
      return problem.kind === 'matrix' ? problem.cost : new Float32Array();
    };
    expect([...new Set(await cost('ties'))].sort()).toEqual([0, 1, 2, 3]);
    expect((await cost('integers')).every((value) => Number.isInteger(value) && value < 1000)).toBe(true);
    const products = await cost('rank-one');
    for (const [i, j] of [
      [3, 5],
      [60, 1],
    ] as const) {
      const minor = products[0]! * products[i * 64 + j]! - products[j]! * products[i * 64]!;
      expect(Math.abs(minor)).toBeLessThan(1e-7);
    }
  });
});

describe('bench assignment', () => {
  const families = ['images', 'unit', 'f16', 'ties'];

  it('measures sizes and families, says what each gains, and draws them', async () => {
    const said: string[] = [];
    const result = await runAssignmentBench({
      sizes: [128, 16],
      families,
      repeats: 2,
      python: false,
      progress: (what) => said.push(what),
    });
    expect(result).toMatchObject({ disagreements: [], interrupted: false });
    expect(result.skipped).toEqual(['solvers for Python: not asked for']);
    expect(result.rows.map(({ family, size }) => `${family} ${size}`)).toEqual(
      families.flatMap((family) => [`${family} 16`, `${family} 128`]),
    );
    expect(said).toContain('synthetic 1/f, unit variance, batch 128');
    for (const { exact, gap, solvers, vectors, distinct } of result.rows) {
      expect(exact).toBe(true);
      expect(gap).toBeLessThan(1e-9);
      expect(Object.keys(solvers)).toEqual(['ours', 'dense JV', 'munkres']);
      if (vectors === null) {
        expect(distinct).toBe(4);
        continue;
      }
      expect(vectors.reduction).toBeLessThan(0);
      for (const time of Object.values(vectors.times)) if (time !== null) expect(time).toBeGreaterThan(0);
    }
    const [, plain, , unit, , half] = result.rows.map(({ vectors }) => vectors);
    expect(unit!.reduction).toBeLessThan(plain!.reduction);
    expect(half!.reduction).toBeGreaterThanOrEqual(unit!.reduction);
    expect([unit!.times.quantise, half!.times.quantise]).toEqual([null, expect.any(Number)]);
    expect(result.rows[5]!.distinct).toBeLessThan(result.rows[3]!.distinct / 10);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);

    const text = formatAssignmentBench(result);
    expect(text).toContain('Skipped: solvers for Python: not asked for');
    expect(text).toContain('synthetic 1/f, unit variance, float16 costs');
    expect(text).toContain('−1.93 %'); // the paper's, at 128
    expect(text).toContain('Costs agree in float64');
    const broken = { ...result, disagreements: ['ties 16: lap: its answer is no pairing'] };
    expect(formatAssignmentBench(broken)).toMatch(/THE COSTS DISAGREE:\nties 16: lap/);

    const svg = drawAssignmentPlot(result);
    const { document } = parseHTML(svg);
    expect(document.querySelectorAll('g > svg').length).toBe(families.length);
    expect(document.querySelectorAll('svg > circle').length).toBe(3);
    expect(document.querySelectorAll('g > svg circle').length).toBe(families.length * 2 * 3);
    const folder = await mkdtemp(join(tmpdir(), 'immiscible-plot-'));
    try {
      await writeAssignmentPlot(result, join(folder, 'a.svg'));
      expect(await readFile(join(folder, 'a.svg'), 'utf8')).toBe(svg);
      await writeAssignmentPlot(result, join(folder, 'a.png'));
      const { format, width } = await sharp(join(folder, 'a.png')).metadata();
      expect([format, (width ?? 0) > 900]).toEqual(['png', true]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('reports what is complete when it is interrupted', async () => {
    const controller = new AbortController();
    const result = await runAssignmentBench({
      sizes: [8, 9],
      families: ['uniform', 'ties'],
      repeats: 1,
      python: ['no-such-python'],
      progress: (what) => what.endsWith('below 4, batch 9') && controller.abort(),
      signal: controller.signal,
    });
    expect(result.interrupted).toBe(true);
    expect(result.rows.map(({ family, size }) => `${family} ${size}`)).toEqual([
      'uniform 8',
      'uniform 9',
      'ties 8',
    ]);
    expect(formatAssignmentBench(result)).toMatch(
      /Skipped: no-such-python: spawn[^]*Interrupted: these rows/,
    );
  });

  it('names what cannot be', async () => {
    await expect(runAssignmentBench({ sizes: [128, 0] })).rejects.toThrow(
      /size must be a whole number from 1 on, got 0/,
    );
    await expect(runAssignmentBench({ repeats: 0.5 })).rejects.toThrow(/repeats .* got 0.5/);
    await expect(runAssignmentBench({ families: ['cats'] })).rejects.toThrow(
      /no family cats; use images, unit, f16, latents, uniform/,
    );
  });
});
