import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation, streamNormal, streamUniform } from '@immiscible/random';
import {
  AssignmentError,
  assignNoiseSync,
  pairwiseCost,
  type SeedChange,
  solveAssignment,
  StoredSeeds,
} from './index.ts';
import { pairCost } from './metric.ts';

const dimensions = 18; // slots that do not begin where a block of the generator does

function drawData(size: number, seed = 1): Float32Array {
  return streamUniform(seed, 1000, new Float32Array(size * dimensions)).map((value) => 2 * value - 1);
}

const take = (data: Float32Array, indices: ArrayLike<number>): Float32Array =>
  Float32Array.from(
    Array.from(indices, (index) => [...data.subarray(index * dimensions, (index + 1) * dimensions)]).flat(),
  );

/** [size] Σ over all data of the distance to the noise that each holds. */
function totalCost(seeds: StoredSeeds, data: Float32Array, seed: number, cache = 0): number {
  let sum = 0;
  for (let i = 0; i < seeds.size; i++) {
    const own = streamNormal(seed, cache * seeds.size + seeds.slotOf(i, cache), new Float32Array(dimensions));
    sum += pairCost('l2', data, i * dimensions, own, 0, dimensions);
  }
  return sum;
}

/** The batches of one epoch: a permutation of the data, cut up. */
function epoch(size: number, batch: number, seed: number, number: number): Uint32Array[] {
  const order = permutation(seed, number, size);
  return Array.from({ length: Math.ceil(size / batch) }, (_, b) => order.slice(b * batch, (b + 1) * batch));
}

describe('StoredSeeds', () => {
  it('never let the total cost over all data rise, and stay a permutation of the slots', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 24 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom('f32', 'f16'),
        fc.nat(),
        async (size, batch, precision, seed) => {
          const data = drawData(size, seed);
          const seeds = new StoredSeeds({ size, seed });
          let before = totalCost(seeds, data, seed);
          for (const indices of [...epoch(size, batch, seed, 0), ...epoch(size, batch, seed, 1)]) {
            const { stats } = await seeds.assign(indices, take(data, indices), { precision });
            const after = totalCost(seeds, data, seed);
            expect(after).toBeLessThanOrEqual(before + 1e-9);
            expect(after - before).toBeCloseTo((stats.costAfter - stats.costBefore) * indices.length, 6);
            before = after;
          }
          expect(Uint32Array.from(seeds.state().slots).sort()).toEqual(
            Uint32Array.from({ length: size }, (_, i) => i),
          );
        },
      ),
      { numRuns: 25, seed: 6 },
    );
  });

  it('come nearer with every epoch than any one assignment of such batches, on the way to the best for the set', async () => {
    const [size, batch, seed] = [128, 16, 9];
    const data = drawData(size);
    const seeds = new StoredSeeds({ size, seed });
    const totals = [totalCost(seeds, data, seed)];
    for (let number = 0; number < 12; number++) {
      for (const indices of epoch(size, batch, 4, number)) await seeds.assign(indices, take(data, indices));
      totals.push(totalCost(seeds, data, seed));
    }
    const noise = new Float32Array(size * dimensions);
    for (let i = 0; i < size; i++) {
      streamNormal(seed, i, noise.subarray(i * dimensions, (i + 1) * dimensions));
    }
    const shape = { rows: size, columns: size, dimensions };
    const best = solveAssignment(pairwiseCost(data, noise, 'l2', shape), size).cost;
    const [drawn, first, last] = [totals[0]!, totals[1]!, totals.at(-1)!];
    expect(last).toBeGreaterThanOrEqual(best - 1e-3);
    // The share of what the whole set could gain.
    expect((drawn - first) / (drawn - best)).toBeLessThan(0.75);
    expect((drawn - last) / (drawn - best)).toBeGreaterThan(0.85);
    totals.slice(1).forEach((total, number) => expect(total).toBeLessThanOrEqual(totals[number]!));
  });

  it('hand out the noise that each datum holds from then on', async () => {
    const data = drawData(10);
    const seeds = new StoredSeeds({ size: 10, seed: 3, firstStream: 500 });
    const indices = [7, 2, 9, 4];
    const { noise, pairing, change } = await seeds.assign(indices, take(data, indices));
    indices.forEach((index, i) => {
      expect(change.slots[i]).toBe(indices[pairing[i]!]);
      expect(seeds.slotOf(index)).toBe(change.slots[i]);
      const held = streamNormal(3, 500 + seeds.slotOf(index), new Float32Array(dimensions));
      expect(noise.subarray(i * dimensions, (i + 1) * dimensions)).toEqual(held);
    });
    expect(seeds.slotOf(0)).toBe(0); // not in the batch
    const again = await seeds.assign(indices, take(data, indices));
    expect([...again.pairing]).toEqual([0, 1, 2, 3]); // nothing left to gain among these four
  });

  it('keep what they hold before startStep', async () => {
    const data = drawData(12);
    const seeds = new StoredSeeds({ size: 12, seed: 3 });
    const all = Array.from({ length: 12 }, (_, i) => i);
    await seeds.assign(all, data, { startStep: 2, step: 1 });
    expect([...seeds.state().slots]).toEqual(all);
    await seeds.assign(all, data, { startStep: 2, step: 2 });
    const linear = assignNoiseSync(data, { seed: 3, streams: all });
    expect([...seeds.state().slots]).toEqual([...linear.pairing]);
  });

  it('continue from their state as if nothing had happened, through JSON too', async () => {
    const data = drawData(40);
    const seeds = new StoredSeeds({ size: 40, seed: 8, caches: 2 });
    const run = async (these: StoredSeeds, number: number): Promise<void> => {
      for (const indices of epoch(40, 8, 1, number)) {
        await these.assign(indices, take(data, indices), { cache: number % 2 });
      }
    };
    await run(seeds, 0);
    await run(seeds, 1);
    const state = seeds.state();
    const text = JSON.stringify({ ...state, slots: [...state.slots] });
    const restored = StoredSeeds.restore(JSON.parse(text) as typeof state);
    await run(seeds, 2);
    await run(restored, 2);
    expect(restored.state()).toEqual(seeds.state());
    expect(state).not.toEqual(seeds.state()); // a copy, not a view
  });

  it('keep caches apart', async () => {
    const data = drawData(20);
    const seeds = new StoredSeeds({ size: 20, seed: 8, caches: 2 });
    const all = Array.from({ length: 20 }, (_, i) => i);
    const first = await seeds.assign(all, data, { cache: 1 });
    expect([...seeds.state().slots.subarray(0, 20)]).toEqual(all);
    expect(totalCost(seeds, data, 8, 1)).toBeCloseTo(20 * first.stats.costAfter, 6);
    const other = await seeds.assign(all, data, { cache: 0 });
    expect(other.noise).not.toEqual(first.noise);
  });

  it('follow the changes of another copy, in their order', async () => {
    const data = drawData(30);
    const worker = new StoredSeeds({ size: 30, seed: 2 });
    const mirror = StoredSeeds.restore(worker.state());
    const changes: SeedChange[] = [];
    for (const indices of [...epoch(30, 10, 3, 0), ...epoch(30, 10, 3, 1)]) {
      changes.push((await worker.assign(indices, take(data, indices))).change);
    }
    expect(mirror.state()).not.toEqual(worker.state());
    const skipped = StoredSeeds.restore(mirror.state());
    for (const change of changes) mirror.apply(structuredClone(change));
    expect(mirror.state()).toEqual(worker.state());
    const before = skipped.state();
    expect(() => skipped.apply(changes.at(-1)!)).toThrow(/apply all changes, in their order/);
    expect(skipped.state()).toEqual(before);
  });

  it('serve calls in the order they were made, and go on after one that failed', async () => {
    const data = drawData(16);
    const all = Array.from({ length: 16 }, (_, i) => i);
    const one = new StoredSeeds({ size: 16, seed: 5 });
    const two = new StoredSeeds({ size: 16, seed: 5 });
    const halves = [all.slice(0, 8), all.slice(4, 12), all.slice(8)];
    const [, failed] = await Promise.allSettled([
      one.assign(halves[0]!, take(data, halves[0]!)),
      one.assign([1, 1], take(data, [1, 1])),
      one.assign(halves[1]!, take(data, halves[1]!)),
      one.assign(halves[2]!, take(data, halves[2]!)),
    ]);
    expect(failed.status).toBe('rejected');
    for (const half of halves) await two.assign(half, take(data, half));
    expect(one.state()).toEqual(two.state());
  });

  const data = drawData(4);
  const seeds = new StoredSeeds({ size: 4, seed: 1 });
  it.each([
    ['a size of none', () => new StoredSeeds({ size: 0, seed: 1 }), /size must be a whole number from 1/],
    ['a seed that is none', () => new StoredSeeds({ size: 2, seed: 0.5 }), /seed must be .* got 0\.5/],
    ['no data', () => seeds.assign([], data), /at least one datum/],
    ['a datum that is not there', () => seeds.assign([0, 4], data), /index must be .* from 0 to 3, got 4/],
    ['a datum twice', () => seeds.assign([0, 1, 2, 1], data), /1 is twice in the batch/],
    [
      'a cache that is not there',
      () => seeds.assign([0], data, { cache: 1 }),
      /cache must be .* to 0, got 1/,
    ],
    [
      'more data than indices',
      () => seeds.assign([0, 1, 2], data.subarray(0, 71)),
      /which 3 images cannot share/,
    ],
    [
      'a state with a slot twice',
      () => StoredSeeds.restore({ ...seeds.state(), slots: [0, 1, 1, 3] }),
      /got 1 again at datum 2 of cache 0/,
    ],
    [
      'a state of another size',
      () => StoredSeeds.restore({ ...seeds.state(), slots: [0, 1] }),
      /slots must be 1 × 4 numbers, got 2/,
    ],
  ])('refuse %s', async (_, call, message) => {
    const tried = async (): Promise<unknown> => call();
    await expect(tried()).rejects.toThrow(AssignmentError);
    await expect(tried()).rejects.toThrow(message);
    expect([...seeds.state().slots]).toEqual([0, 1, 2, 3]);
  });
});
