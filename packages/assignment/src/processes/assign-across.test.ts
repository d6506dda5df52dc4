import * as fc from 'fast-check';
import { streamNormal, streamUniform } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { bundleChild } from '../../test/bundle.ts';
import { runRanks } from '../../test/ipc-group.ts';
import { memoryGroups } from '../../test/memory-group.ts';
import { assignAcross, type AssignAcrossOptions, assignNoiseSync, type NoiseAcross } from '../index.ts';

const D = 24;
const SEED = 11;

const image = (i: number): Float32Array =>
  streamUniform(1, i, new Float32Array(D)).map((value) => 2 * value - 1);

/** Images of all ranks, and streams of their noise: rank after rank. */
function join(rows: readonly Float32Array[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...row]));
}
const images = (first: number, rows: number): Float32Array =>
  join(Array.from({ length: rows }, (_, i) => image(first + i)));
const streamsOf = (first: number, rows: number): number[] =>
  Array.from({ length: rows }, (_, i) => 1000 + 3 * (first + i));
const noises = (first: number, rows: number): Float32Array =>
  join(streamsOf(first, rows).map((s) => streamNormal(SEED, s, new Float32Array(D))));

/** Every rank of `rows.length`, with batches of these sizes. */
function ranksOf(rows: readonly number[]) {
  return rows.map((count, rank) => {
    const first = rows.slice(0, rank).reduce((sum, n) => sum + n, 0);
    return { first, rows: count, x0: { data: images(first, count), shape: [count, D] } };
  });
}

type How = 'arrays' | 'streams';

async function runInMemory(
  sizes: readonly number[],
  how: How,
  options: AssignAcrossOptions = {},
): Promise<NoiseAcross[]> {
  const groups = memoryGroups(sizes.length);
  const ranks = ranksOf(sizes);
  return Promise.all(
    ranks.map(({ first, rows, x0 }, rank) =>
      assignAcross(
        groups[rank]!,
        x0,
        how === 'arrays' ? noises(first, rows) : { seed: SEED, streams: streamsOf(first, rows) },
        options,
      ),
    ),
  );
}

function checkAgainstOne(
  sizes: readonly number[],
  across: readonly NoiseAcross[],
  options: AssignAcrossOptions,
) {
  const all = sizes.reduce((sum, n) => sum + n, 0);
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => name !== 'root'));
  const one = assignNoiseSync(images(0, all), noises(0, all), { ...own, batch: all });
  for (const [rank, { noise, shape, pairing, permutation, stats }] of across.entries()) {
    const { first, rows } = ranksOf(sizes)[rank]!;
    expect(permutation).toEqual(one.pairing);
    expect(pairing).toEqual(one.pairing.slice(first, first + rows));
    expect(noise).toEqual(one.noise.slice(first * D, (first + rows) * D));
    expect(shape).toEqual([rows, D]);
    for (const name of ['costBefore', 'costAfter', 'reduction'] as const) {
      expect(stats[name]).toBeCloseTo(one.stats[name], 9);
    }
    const { exact, solvedCost, dualBound, gap, quantisation } = one.stats;
    expect({ ...stats }).toMatchObject({
      exact,
      solvedCost,
      dualBound,
      gap,
      ...(quantisation && { quantisation }),
    });
    expect(stats.marginal.mean).toBeCloseTo(one.stats.marginal.mean, 9);
    expect(stats.marginal.variance).toBeCloseTo(one.stats.marginal.variance, 9);
  }
}

describe('several ranks', () => {
  it.each([
    {},
    { precision: 'f16' },
    { metric: 'dot', root: 1 },
    { metric: 'sqeuclidean', precision: 'f16', scale: 0.5 },
    { method: 'flipped' },
    { method: 'identity' },
    { startStep: 5, step: 4 },
    { startStep: 5, step: 5 },
  ] satisfies AssignAcrossOptions[])(
    'get the noise that one process gives, as arrays and as streams: %j',
    async (options) => {
      for (const how of ['arrays', 'streams'] as const) {
        checkAgainstOne([12, 12, 12], await runInMemory([12, 12, 12], how, options), options);
      }
    },
  );

  it('may be any number, with batches of any sizes', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
    const how = fc.constantFrom<How>('arrays', 'streams');
    await fc.assert(
      fc.asyncProperty(sizes, how, async (rows, kind) => {
        checkAgainstOne(rows, await runInMemory(rows, kind), {});
      }),
      { numRuns: 30 },
    );
  });

  it('have the costs of one process bit for bit in long vectors too, on any number of threads', async () => {
    const [rows, dimensions] = [40, 1536];
    const x0 = streamUniform(2, 0, new Float32Array(2 * rows * dimensions));
    const noise = streamNormal(2, 1, new Float32Array(2 * rows * dimensions));
    for (const metric of ['l2', 'l1'] as const) {
      const one = assignNoiseSync(x0, noise, { batch: 2 * rows, metric });
      const groups = memoryGroups(2);
      const halves = await Promise.all(
        groups.map((group, rank) => {
          const part = (all: Float32Array): Float32Array =>
            all.slice(rank * rows * dimensions, (rank + 1) * rows * dimensions);
          return assignAcross(group, part(x0), part(noise), { batch: rows, metric, threads: 1 + rank });
        }),
      );
      for (const { permutation, stats } of halves) {
        expect(permutation).toEqual(one.pairing);
        expect(stats.solvedCost).toBe(one.stats.solvedCost);
      }
    }
  });

  it('send their blocks of distances, and noise only where it has no streams', async () => {
    const sizes = [4, 4, 4];
    const sent = async (how: How): Promise<number[]> => {
      const groups = memoryGroups(3);
      await Promise.all(
        ranksOf(sizes).map(({ first, rows, x0 }, rank) =>
          assignAcross(
            groups[rank]!,
            x0,
            how === 'arrays' ? noises(first, rows) : { seed: SEED, streams: streamsOf(first, rows) },
          ),
        ),
      );
      return groups.map((group) => group.sent.Float32Array ?? 0);
    };
    const block = 4 * 12;
    expect(await sent('streams')).toEqual([block, block, block]);
    expect(await sent('arrays')).toEqual([block + 4 * D, block + 4 * D, block + 4 * D]);
  });
});

describe('errors', () => {
  const fails = async (
    change: (rank: number) => { x0?: Float32Array; noise?: Float32Array; options?: object },
  ): Promise<unknown[]> => {
    const groups = memoryGroups(3);
    const results = await Promise.allSettled(
      groups.map((group, rank) => {
        const { x0 = images(4 * rank, 4), noise = noises(4 * rank, 4), options = {} } = change(rank);
        return assignAcross(group, x0, noise, { batch: 4, ...options });
      }),
    );
    return results.map((result) => (result.status === 'rejected' ? (result.reason as unknown) : 'fulfilled'));
  };

  it('of one rank reach all: its own as it was, on the others with its rank', async () => {
    const bad = images(4, 4).fill(NaN, 30, 31);
    const errors = await fails((rank) => (rank === 1 ? { x0: bad } : {}));
    expect(errors[1]).toMatchObject({
      code: 'not-finite',
      message: expect.stringMatching(/^assignNoise: x0/) as string,
    });
    for (const rank of [0, 2]) {
      expect(errors[rank]).toMatchObject({
        code: 'not-finite',
        message: expect.stringMatching(/rank 1 failed: .*x0 must be finite, got NaN in sample 1/) as string,
      });
    }
  });

  it('that only show in the block or in the whole reach all too', async () => {
    const large = images(4, 4).map((value) => value * 1e6); // beyond float16
    const overflow = await fails((rank) => ({
      options: { precision: 'f16' },
      ...(rank === 1 ? { x0: large } : {}),
    }));
    for (const error of overflow) expect(error).toMatchObject({ code: 'not-finite' });
    const far = await fails((rank) => ({
      options: { precision: 'f16', metric: 'sqeuclidean', scale: 1 },
      x0: images(4 * rank, 4).map((value) => value * 500), // squares beyond float16: no finite cost
    }));
    for (const error of far) expect(error).toMatchObject({ code: 'infeasible' });
  });

  it('tell which ranks differ, the same on all', async () => {
    const metric = await fails((rank) => ({ options: { metric: rank === 2 ? 'l1' : 'l2' } }));
    for (const error of metric) {
      expect(error).toMatchObject({
        code: 'invalid-option',
        message: expect.stringMatching(/metric "l2" on rank 0 and "l1" on rank 2/) as string,
      });
    }
    const sizes = await fails((rank) => (rank === 1 ? { x0: images(0, 2), noise: noises(0, 2) } : {}));
    for (const error of sizes) {
      expect(error).toMatchObject({
        code: 'invalid-size',
        message: expect.stringMatching(/24 numbers on rank 0 and 12 on rank 1/) as string,
      });
    }
    const near = await fails(() => ({ options: { method: 'nearest' } }));
    for (const error of near) expect(error).toMatchObject({ code: 'invalid-option' });
    for (const options of [{ standardize: 'batch' }, { conditions: {} }, { compareExact: true }]) {
      for (const error of await fails(() => ({ options }))) {
        expect(error).toMatchObject({ message: expect.stringMatching(/for one batch alone/) as string });
      }
    }
    const root = await fails(() => ({ options: { root: 3 } }));
    for (const error of root)
      expect(error).toMatchObject({ message: expect.stringMatching(/got 3/) as string });
  });
});

describe('processes', () => {
  /** @param dies the rank that does, before its operation number `after` */
  const run = (program: string, how: How, dies = -1, after = 0) =>
    runRanks(program, 3, [how, '8', String(D), String(SEED), String(dies), String(after)]);

  it('all get one permutation, that of a single process', async () => {
    const program = await bundleChild('rank');
    const one = assignNoiseSync(images(0, 24), noises(0, 24), { batch: 24 });
    for (const how of ['arrays', 'streams'] as const) {
      const outcomes = await run(program, how);
      for (const [rank, outcome] of outcomes.entries()) {
        const noise = one.noise.slice(rank * 8 * D, (rank + 1) * 8 * D);
        expect(outcome).toEqual({ result: { noise, permutation: one.pairing, exact: true } });
      }
    }
  });

  it('are told when one dies, wherever that happens, the one that solves included', async () => {
    const program = await bundleChild('rank');
    for (const [dies, after] of [
      [2, 0], // before anything
      [1, 3], // before its block is gathered
      [0, 4], // the solving rank, before it tells what it found
    ] as const) {
      const outcomes = await run(program, 'streams', dies, after);
      for (const [rank, outcome] of outcomes.entries()) {
        if (rank === dies) expect(outcome).toEqual({ code: null, signal: 'SIGKILL' });
        else {
          expect(outcome).toMatchObject({
            result: {
              code: 'process-failure',
              message: expect.stringMatching(
                new RegExp(`on rank ${rank} of 3: rank ${dies} is gone`),
              ) as string,
            },
          });
        }
      }
    }
  });
});
