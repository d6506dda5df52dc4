import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { AssignmentError, assignNoiseSync, assignOverPools, assignPool } from './index.ts';

const dimensions = 20;

interface Labelled {
  readonly x0: { readonly data: Float32Array; readonly shape: readonly number[] };
  readonly noise: Float32Array;
  readonly label: number;
}

/** Batches of the sizes given, of images of 4 × 5 numbers. */
function draw(sizes: readonly number[], seed = 1, perRow = 1): Labelled[] {
  return sizes.map((size, label) => ({
    x0: {
      data: streamUniform(seed, 2 * label, new Float32Array(size * dimensions)).map((value) => 2 * value - 1),
      shape: [size, 4, 5],
    },
    noise: streamNormal(seed, 2 * label + 1, new Float32Array(size * perRow * dimensions)),
    label,
  }));
}

const concatenated = (arrays: readonly Float32Array[]): Float32Array =>
  Float32Array.from(arrays.flatMap((array) => [...array]));

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('assignPool', () => {
  it('of one batch is what assignNoise gives', async () => {
    for (const [method, perRow] of [
      ['linear', 1],
      ['flipped', 1],
      ['identity', 1],
      ['nearest', 3],
    ] as const) {
      const [batch] = draw([17], 3, perRow);
      const [pooled] = await assignPool([batch!], { method });
      const alone = assignNoiseSync(batch!.x0, batch!.noise, { method });
      expect(pooled!.noise).toEqual(alone.noise);
      expect(pooled!.pairing).toEqual(alone.pairing);
      expect(pooled!.shape).toEqual([17, 4, 5]);
    }
  });

  it('solves one problem over all of its batches, whatever their sizes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        async (sizes, seed) => {
          const batches = draw(sizes, seed);
          const parts = await assignPool(batches);
          const noise = concatenated(batches.map((batch) => batch.noise));
          const whole = assignNoiseSync(concatenated(batches.map(({ x0 }) => x0.data)), noise, {
            batch: sizes.reduce((sum, size) => sum + size, 0),
          });
          expect(parts.flatMap((part) => [...part.pairing])).toEqual([...whole.pairing]);
          expect(concatenated(parts.map((part) => part.noise))).toEqual(whole.noise);
          expect(parts.map((part) => part.noise.length)).toEqual(sizes.map((size) => size * dimensions));
          for (const { stats } of parts) {
            expect(stats.exact).toBe(true);
            expect(stats.costAfter).toBe(whole.stats.costAfter);
            expect(stats.costAfter).toBeLessThanOrEqual(stats.costBefore + 1e-6);
          }
        },
      ),
      { numRuns: 30, seed: 5 },
    );
  });

  it('joins conditions and streams of its batches', async () => {
    const sizes = [4, 6, 2];
    const batches = draw(sizes).map(({ x0, label }, b) => ({
      x0,
      noise: { seed: 4, streams: Array.from({ length: sizes[b]! }, (_, i) => 100 * label + i) },
      conditions: Int32Array.from({ length: sizes[b]! }, (_, i) => (i + b) % 3),
    }));
    const parts = await assignPool(batches, { conditions: { weight: Infinity } });
    const labels = batches.flatMap(({ conditions }) => [...conditions]);
    const pairing = parts.flatMap((part) => [...part.pairing]);
    pairing.forEach((row, i) => expect(labels[row]).toBe(labels[i]));
    expect(pairing.some((row, i) => row !== i)).toBe(true);
    const drawn = batches.flatMap(({ noise: { seed, streams } }) =>
      streams.map((stream) => streamNormal(seed, stream, new Float32Array(dimensions))),
    );
    parts
      .flatMap(({ noise }) =>
        Array.from({ length: noise.length / dimensions }, (_, i) =>
          noise.subarray(i * dimensions, (i + 1) * dimensions),
        ),
      )
      .forEach((own, i) => expect(own).toEqual(drawn[pairing[i]!]));
    await expect(assignPool([...batches, ...draw([2])], { conditions: { weight: 1 } })).rejects.toThrow(
      /batch 3 has none/,
    );
  });

  it('comes nearer than its batches alone', async () => {
    const batches = draw(Array<number>(16).fill(8));
    const [first] = await assignPool(batches);
    const alone = batches.map(({ x0, noise }) => assignNoiseSync(x0, noise).stats.reduction);
    expect(first!.stats.reduction).toBeLessThan(Math.min(...alone));
  });

  it.each([
    ['no batch', () => assignPool([]), /at least one batch, got none/],
    [
      'images of two sizes',
      () => assignPool([...draw([2]), { x0: new Float32Array(6), noise: new Float32Array(6), batch: 2 }]),
      /20 numbers with 1 noises each in batch 0 and of 3 with 1 in batch 1/,
    ],
    [
      'noise that does not fit',
      () => assignPool([{ ...draw([2])[0]!, noise: new Float32Array(3) }]),
      /1 for each image: 1 × 40 numbers, got 3/,
    ],
  ])('refuses %s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(AssignmentError);
    await expect(call()).rejects.toThrow(message);
  });
});

describe('assignOverPools', () => {
  it('hands every batch back in its order, with the noise of its pool', async () => {
    const batches = draw([3, 3, 2, 5, 1, 1]);
    const out = await collect(assignOverPools(batches, { images: 7 }));
    expect(out.map(({ source }) => source)).toEqual(batches);
    expect(out.map(({ position, batches: of }) => [position, of])).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    const pools = [await assignPool(batches.slice(0, 3)), await assignPool(batches.slice(3))];
    out.forEach(({ noise }, i) => expect(noise).toEqual(pools.flat()[i]!.noise));
    // Every noise is used once, and only within its pool.
    for (const pool of [out.slice(0, 3), out.slice(3)]) {
      expect(concatenated(pool.map(({ noise }) => noise)).sort()).toEqual(
        concatenated(pool.map(({ source }) => source.noise)).sort(),
      );
    }
  });

  it('begins to assign with the first pool that begins at startStep or later', async () => {
    const batches = draw(Array<number>(9).fill(4));
    const moved = async (step?: number): Promise<boolean[]> =>
      (
        await collect(
          assignOverPools(batches, { images: 12, startStep: 4, ...(step === undefined ? {} : { step }) }),
        )
      ).map(({ stats }) => stats.solvedCost !== null);
    expect(await moved()).toEqual([...Array<boolean>(6).fill(false), ...Array<boolean>(3).fill(true)]);
    expect(await moved(2)).toEqual([...Array<boolean>(3).fill(false), ...Array<boolean>(6).fill(true)]);
  });

  it('assigns one image at a time', async () => {
    const singles = draw(Array<number>(24).fill(1));
    const out = await collect(assignOverPools(singles, { images: 24 }));
    expect(out).toHaveLength(24);
    expect(out.some(({ pairing }, i) => pairing[0] !== i)).toBe(true);
    expect(new Set(out.map(({ pairing }) => pairing[0])).size).toBe(24);
    expect(out[0]!.stats.reduction).toBeLessThan(0);
  });

  it('gathers a pool no sooner than it is wanted', async () => {
    let taken = 0;
    function* source(): Generator<Labelled> {
      for (const batch of draw([2, 2, 2, 2, 2, 2])) {
        taken++;
        yield batch;
      }
    }
    const pools = assignOverPools(source(), { images: 4 });
    await pools.next();
    await pools.next();
    expect(taken).toBe(2);
    await pools.next();
    expect(taken).toBe(4);
    await pools.return();
    expect(taken).toBe(4);
  });

  it('lets the error of its source through, and names a size that is none', async () => {
    async function* broken(): AsyncGenerator<Labelled> {
      yield* draw([2]);
      throw new Error('disk gone');
    }
    await expect(collect(assignOverPools(broken(), { images: 8 }))).rejects.toThrow('disk gone');
    await expect(collect(assignOverPools(draw([2]), { images: 0 }))).rejects.toThrow(
      /images must be how many make a pool, a whole number from 1 on, got 0/,
    );
  });
});
