import { DatasetError, memoryDataset } from '@immiscible/datasets';
import { streamNormal } from '@immiscible/random';
import { NoiseSchedule } from '@immiscible/schedulers';
import { describe, expect, it } from 'vitest';
import { openData, type Overrides, richModel, testDevice, tinyRun } from '../test/tiny.ts';
import { BatchSource, type PreparedBatch } from './batches.ts';
import { objectiveOf } from './objectives/objective-of.ts';
import { streamOf } from './streams.ts';

const D = 64;
testDevice();

async function open(overrides: Overrides = {}): Promise<BatchSource> {
  const config = tinyRun({ model: richModel, ...overrides });
  return new BatchSource(config, await openData(config), objectiveOf(config));
}

/** A batch as plain arrays, by name. */
type Arrays = Record<
  'x0' | 'noise' | 'timesteps' | 'alpha' | 'sigma' | 'weight' | 'labels' | 'dropoutKey',
  number[]
>;

async function arrays({ batch }: PreparedBatch): Promise<Arrays> {
  const entries = Object.entries(batch).map(async ([name, x]) => [name, Array.from(await x.data())] as const);
  return Object.fromEntries(await Promise.all(entries)) as Arrays;
}

async function first(overrides: Overrides): Promise<{ prepared: PreparedBatch; values: Arrays }> {
  const prepared = await (await open(overrides)).next();
  return { prepared, values: await arrays(prepared) };
}

/** The first `count` samples, whatever batches they come in. */
async function samples(overrides: Overrides, count: number): Promise<Arrays> {
  const source = await open(overrides);
  const all = await arrays(await source.next());
  for (let taken = all.alpha.length; taken < count; taken = all.alpha.length) {
    for (const [name, values] of Object.entries(await arrays(await source.next()))) {
      all[name as keyof Arrays].push(...values);
    }
  }
  return all;
}

function rows(values: readonly number[], length = D): number[][] {
  return Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));
}

const asSet = (values: readonly number[]): string[] =>
  rows(values)
    .map((row) => row.join())
    .sort();

const withMethod = (method: string, more: Overrides = {}): Overrides => ({
  assignment: { method, precision: 'f32', ...more },
});

describe('a batch of either arm', () => {
  it('has the same images, timesteps, labels and dropout keys, and the same noises in another order', async () => {
    const vanilla = await first(withMethod('identity'));
    const immiscible = await first(withMethod('linear'));
    const { noise: drawn, ...same } = vanilla.values;
    const { noise: assigned, ...others } = immiscible.values;
    expect(others).toEqual(same);
    expect(Object.keys(same).sort()).toEqual(
      ['alpha', 'dropoutKey', 'labels', 'sigma', 'timesteps', 'weight', 'x0'].sort(),
    );
    expect(assigned).not.toEqual(drawn);
    expect(asSet(assigned)).toEqual(asSet(drawn));
  });

  it('brings images and noise nearer by linear assignment in every batch, and never by identity', async () => {
    const [vanilla, immiscible] = [await open(withMethod('identity')), await open(withMethod('linear'))];
    for (let i = 0; i < 10; i++) {
      expect((await vanilla.next()).distanceChange).toBe(0);
      const { distanceChange } = await immiscible.next();
      expect(distanceChange).toBeLessThan(0);
      expect(distanceChange).toBeGreaterThan(-0.5);
    }
  });

  it('is nearer with float16 costs as well, as the paper computes them', async () => {
    const { prepared } = await first({ assignment: { method: 'linear', precision: 'f16' } });
    expect(prepared.distanceChange).toBeLessThan(0);
  });

  it('says the change of the mean distance', async () => {
    const drawn = (await first(withMethod('identity'))).values;
    const { values, prepared } = await first(withMethod('linear'));
    const distance = ({ x0, noise }: Arrays): number =>
      rows(x0).reduce((sum, row, i) => sum + Math.hypot(...row.map((x, d) => x - noise[i * D + d]!)), 0);
    expect(prepared.distanceChange).toBeCloseTo(distance(values) / distance(drawn) - 1, 6);
  });

  it('has images in [-1, 1] and standard normal noise, timesteps of the schedule with their α and σ', async () => {
    const schedule = new NoiseSchedule(tinyRun().scheduler);
    const { x0, noise, timesteps, alpha, sigma, weight } = await samples(withMethod('linear'), 160);
    expect(Math.min(...x0)).toBe(-1);
    expect(Math.max(...x0)).toBeLessThanOrEqual(1);
    const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
    const variance = noise.reduce((a, b) => a + b * b, 0) / noise.length;
    expect(Math.abs(mean)).toBeLessThan(0.04);
    expect(Math.abs(variance - 1)).toBeLessThan(0.06);
    expect(Math.min(...timesteps)).toBeLessThan(100);
    expect(Math.max(...timesteps)).toBeGreaterThan(900);
    expect(timesteps.map((t) => schedule.addNoise(t))).toEqual(
      alpha.map((a, i) => ({ alpha: a, sigma: sigma[i] })),
    );
    expect(new Set(weight)).toEqual(new Set([1]));
  });

  it('carries the weights that the config asks for', async () => {
    const schedule = new NoiseSchedule(tinyRun().scheduler);
    const lossWeighting = { kind: 'min-snr', gamma: 5 };
    const values = await samples({ training: { lossWeighting } }, 48);
    const expected = values.timesteps.map((t) => Math.fround(Math.min(1, 5 / schedule.snr(t))));
    expect(values.weight).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(2);
  });
});

describe('what is drawn for a sample', () => {
  it('does not depend on the batch size: images, flips, timesteps, labels, masks, noise', async () => {
    const by = (batchSize: number): Promise<Arrays> =>
      samples({ ...withMethod('identity'), training: { batchSize } }, 48);
    const [eights, sixteens, all] = [await by(8), await by(16), await by(48)];
    expect(eights).toEqual(all);
    expect(sixteens).toEqual(all);
  });

  it('depends on the seed', async () => {
    const [a, b] = [await first({ seed: 1 }), await first({ seed: 2 })];
    for (const name of ['x0', 'noise', 'timesteps', 'dropoutKey'] as const) {
      expect(a.values[name], name).not.toEqual(b.values[name]);
    }
  });

  it('is another one for each sample of a run', async () => {
    const { noise, timesteps, dropoutKey } = await samples(withMethod('identity'), 96);
    expect(new Set(rows(noise).map(String)).size).toBe(96);
    expect(new Set(rows(dropoutKey, 2).map(String)).size).toBe(96);
    expect(new Set(timesteps).size).toBeGreaterThan(80);
  });

  it('comes again from a state, in the middle of an epoch and across its end', async () => {
    for (const state of [
      { epoch: 0, position: 32 },
      { epoch: 3, position: 9984 },
    ]) {
      const [source, other] = [await open(), await open()];
      source.restore(state);
      expect(source.state()).toEqual(state);
      const expected = await arrays(await source.next());
      const after = source.state();
      const following = await arrays(await source.next());
      other.restore(state);
      expect(await arrays(await other.next())).toEqual(expected);
      expect(other.state()).toEqual(after);
      expect(await arrays(await other.next())).toEqual(following);
    }
  });
});

describe('other ways to assign', () => {
  it('nearest: each image has the nearest of its own k candidates, whatever the batch size', async () => {
    const k = 5;
    const seed = 7;
    const by = (batchSize: number): Promise<Arrays> =>
      samples({ ...withMethod('nearest', { k }), training: { batchSize }, seed }, 32);
    const { x0, noise } = await by(16);
    for (const [i, image] of rows(x0).entries()) {
      const own = streamNormal(seed, streamOf('noise', i), new Float32Array(k * D));
      const candidates = rows(Array.from(own));
      const distance = (row: readonly number[]): number => Math.hypot(...row.map((v, d) => v - image[d]!));
      const nearest = candidates.reduce((a, b) => (distance(b) < distance(a) ? b : a));
      expect(rows(noise)[i], `sample ${i}`).toEqual(nearest);
    }
    expect((await by(32)).noise).toEqual(noise);
  });

  it('nearest of one candidate is what was drawn', async () => {
    const one = await first(withMethod('nearest', { k: 1 }));
    expect(one.values.noise).toEqual((await first(withMethod('identity'))).values.noise);
    expect(one.prepared.distanceChange).toBe(0);
  });

  it('flipped: the same noises, near when they are read backwards', async () => {
    const [drawn, linear, flipped] = await Promise.all(
      ['identity', 'linear', 'flipped'].map(async (method) => (await first(withMethod(method))).values),
    );
    const backwards = ({ x0, noise }: Arrays): number =>
      rows(noise).reduce((sum, row, i) => {
        const reversed = row.toReversed();
        return sum + Math.hypot(...reversed.map((v, d) => v - x0[i * D + d]!));
      }, 0);
    expect(asSet(flipped!.noise)).toEqual(asSet(drawn!.noise));
    expect(flipped!.noise).not.toEqual(linear!.noise);
    expect(backwards(flipped!)).toBeLessThan(backwards(linear!));
    expect(backwards(flipped!)).toBeLessThan(backwards(drawn!));
  });
});

describe('a source', () => {
  it('wants a data set that fills a batch', () => {
    const config = tinyRun();
    const few = memoryDataset({
      name: 'three images',
      images: new Uint8Array(3 * D),
      channels: 1,
      height: 8,
      width: 8,
      provenance: { source: 'this test', hashes: {}, operations: [] },
    });
    expect(() => new BatchSource(config, few, objectiveOf(config))).toThrow(DatasetError);
  });

  it('drops the labels of some, and leaves everything else as it was', async () => {
    const model = { num_class_embeds: 11 };
    const [kept, some] = [await first({ model }), await first({ model, training: { labelDropout: 0.5 } })];
    const { labels, ...others } = some.values;
    expect(kept.values).toMatchObject(others);
    const changed = labels.filter((label, i) => label !== kept.values.labels[i]);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.length).toBeLessThan(labels.length);
    expect(new Set(changed)).toEqual(new Set([10]));
  });

  it('gives labels and dropout keys only to models that take them', async () => {
    const { values } = await first({ model: { dropout: 0, num_class_embeds: null } });
    expect(Object.keys(values)).not.toContain('labels');
    expect(Object.keys(values)).not.toContain('dropoutKey');
  });
});
