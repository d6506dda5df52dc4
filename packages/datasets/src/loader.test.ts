import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Batch,
  createLoader,
  flipHorizontal,
  type Loader,
  memoryDataset,
  type MemoryDataset,
  normalise,
  TooFewImagesError,
} from './index.ts';

/** Images of 2×2×3 bytes, no two alike, none its own mirror image; the label is the index modulo 7. */
function tinySet(length: number): MemoryDataset {
  const images = Uint8Array.from(
    { length: length * 12 },
    (_, at) => (Math.floor(at / 12) * 5 + (at % 12) * 17) & 255,
  );
  return memoryDataset({
    name: 'tiny',
    images,
    labels: Int32Array.from({ length }, (_, i) => i % 7),
    channels: 2,
    height: 2,
    width: 3,
    provenance: { source: 'test', hashes: {}, operations: [] },
  });
}

async function take(loader: Loader, count: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (let i = 0; i < count; i++) batches.push(await loader.next());
  return batches;
}

/** What a run sees, without the seams between batches. */
const samples = (batches: Batch[]): { indices: number[]; images: number[] } => ({
  indices: batches.flatMap((batch) => [...batch.indices]),
  images: batches.flatMap((batch) => [...batch.images]),
});

const lengths = fc.integer({ min: 1, max: 40 });
const batchSizes = fc.integer({ min: 1, max: 12 });
const seeds = fc.nat();

describe('createLoader', () => {
  it('gives image, label and index that belong together, in [-1, 1]', async () => {
    const set = tinySet(20);
    const batch = await createLoader(set, { batchSize: 6, seed: 4 }).next();
    expect(batch.shape).toEqual([6, 2, 2, 3]);
    for (const [i, index] of batch.indices.entries()) {
      expect(batch.labels[i]).toBe(index % 7);
      const expected = normalise(set.images.slice(index * 12, index * 12 + 12));
      expect(batch.images.slice(i * 12, i * 12 + 12)).toEqual(expected);
    }
  });

  it('shows every image once an epoch', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, batchSizes, seeds, async (length, batchSize, seed) => {
        const loader = createLoader(tinySet(length), { batchSize, seed, dropLast: false });
        for (const epoch of [0, 1]) {
          const batches = await take(loader, loader.batchesPerEpoch);
          expect(batches.every((batch) => batch.epoch === epoch)).toBe(true);
          const seen = samples(batches).indices.sort((a, b) => a - b);
          expect(seen).toEqual(Array.from({ length }, (_, i) => i));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('drops the rest of an epoch, and only that', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, batchSizes, seeds, async (length, batchSize, seed) => {
        fc.pre(length >= batchSize);
        const loader = createLoader(tinySet(length), { batchSize, seed });
        const batches = await take(loader, Math.floor(length / batchSize) + 1);
        const last = batches.pop();
        expect(batches.every(({ epoch, indices }) => epoch === 0 && indices.length === batchSize)).toBe(true);
        expect(last?.epoch).toBe(1);
        expect(last?.counter).toBe(length);
        expect(new Set(samples(batches).indices).size).toBe(batches.length * batchSize);
      }),
      { numRuns: 50 },
    );
  });

  it('does not let the batch size change what comes, nor its flips', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, batchSizes, batchSizes, seeds, async (length, one, other, seed) => {
        const run = async (batchSize: number): Promise<ReturnType<typeof samples>> => {
          const loader = createLoader(tinySet(length), { batchSize, seed, flip: true, dropLast: false });
          return samples(await take(loader, 2 * loader.batchesPerEpoch));
        };
        expect(await run(one)).toEqual(await run(other));
      }),
      { numRuns: 50 },
    );
  });

  it('continues from a state exactly as if it had never stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        lengths,
        batchSizes,
        seeds,
        fc.nat(9),
        fc.boolean(),
        async (length, batchSize, seed, k, drop) => {
          fc.pre(length >= batchSize);
          const options = { batchSize, seed, flip: true, dropLast: drop };
          const whole = createLoader(tinySet(length), options);
          const before = await take(whole, k);
          const state: unknown = JSON.parse(JSON.stringify(whole.state()));
          const rest = await take(whole, 6);
          for (const saved of [state, before.at(-1)?.after ?? state]) {
            const resumed = createLoader(tinySet(length), options);
            resumed.restore(saved as ReturnType<Loader['state']>);
            expect(await take(resumed, 6)).toEqual(rest);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('flips about half, each wholly or not at all, and anew each epoch', async () => {
    const set = tinySet(5000);
    const mirrored = normalise(flipHorizontal(set).images);
    const plain = normalise(set.images);
    const loader = createLoader(set, { batchSize: 500, seed: 8, flip: true });
    const flips = [new Set<number>(), new Set<number>()];
    for (const batch of await take(loader, 20)) {
      for (const [i, index] of batch.indices.entries()) {
        const got = batch.images.subarray(i * 12, i * 12 + 12).join();
        const isMirrored = got === mirrored.subarray(index * 12, index * 12 + 12).join();
        if (isMirrored) flips[batch.epoch]?.add(index);
        else expect(got).toBe(plain.subarray(index * 12, index * 12 + 12).join());
      }
    }
    const [first = new Set(), second = new Set()] = flips;
    const deviation = 4 * Math.sqrt(5000 / 4); // four standard deviations
    expect(Math.abs(first.size - 2500)).toBeLessThan(deviation);
    expect(Math.abs(second.size - 2500)).toBeLessThan(deviation);
    const both = [...first].filter((index) => second.has(index)).length;
    expect(Math.abs(both - 1250)).toBeLessThan(4 * Math.sqrt((5000 * 3) / 16)); // independent: a quarter
  });

  it('orders by seed and epoch, or not at all', async () => {
    const order = async (options: object, epochs = 1): Promise<string[]> => {
      const loader = createLoader(tinySet(30), { batchSize: 30, ...options });
      return (await take(loader, epochs)).map(({ indices }) => indices.join());
    };
    const [first, second] = await order({ seed: 1 }, 2);
    expect(await order({ seed: 1 })).toEqual([first]);
    expect(new Set([first, second, ...(await order({ seed: 2 }))]).size).toBe(3);
    expect(await order({ shuffle: false })).toEqual([Array.from({ length: 30 }, (_, i) => i).join()]);
  });

  it('writes into the arrays it is given, also a smaller last batch', async () => {
    const loader = createLoader(tinySet(5), { batchSize: 3, dropLast: false });
    const fresh = await take(createLoader(tinySet(5), { batchSize: 3, dropLast: false }), 2);
    const buffers = loader.buffers();
    for (const expected of fresh) {
      const batch = await loader.next(buffers);
      expect(batch).toEqual(expected);
      expect(batch.images.buffer).toBe(buffers.images.buffer);
    }
    const small = { ...buffers, labels: new Int32Array(2) };
    await expect(loader.next(small)).rejects.toThrow(
      /buffers for 3 images of 12 elements, got 36 elements, 2 labels/,
    );
  });

  it('keeps the order of calls that overlap', async () => {
    const options = { batchSize: 4, seed: 3, flip: true };
    const ahead = createLoader(tinySet(17), options);
    const together = await Promise.all([
      ahead.next(),
      ahead.next(),
      ahead.next(),
      ahead.next(),
      ahead.next(),
    ]);
    expect(together).toEqual(await take(createLoader(tinySet(17), options), 5));
  });

  it('refuses a set that cannot fill a batch', () => {
    expect(() => createLoader(tinySet(5), { batchSize: 6 })).toThrow(TooFewImagesError);
    expect(() => createLoader(tinySet(5), { batchSize: 6 })).toThrow(
      'createLoader: wanted at least 6 images to fill a batch, got 5 in tiny; choose a smaller batch size, or dropLast: false',
    );
    expect(createLoader(tinySet(5), { batchSize: 6, dropLast: false }).batchesPerEpoch).toBe(1);
    expect(() => createLoader(tinySet(0), { batchSize: 6, dropLast: false })).toThrow(
      /at least 1 images.*got 0/,
    );
  });

  it('refuses options and states that mean nothing', () => {
    expect(() => createLoader(tinySet(5), { batchSize: 0 })).toThrow(/a whole batch size from 1 on, got 0/);
    expect(() => createLoader(tinySet(5), { batchSize: 1.5 })).toThrow(/got 1.5/);
    expect(() => createLoader(tinySet(5), { batchSize: 1, seed: -1 })).toThrow(
      /a whole seed from 0 to 2\^53 - 1, got -1/,
    );
    const loader = createLoader(tinySet(5), { batchSize: 2 });
    for (const state of [
      { epoch: -1, position: 0 },
      { epoch: 0, position: 6 },
      { epoch: 0.5, position: 0 },
    ]) {
      expect(() => loader.restore(state)).toThrow(/a position from 0 to 5, got {"epoch":/);
    }
  });
});
