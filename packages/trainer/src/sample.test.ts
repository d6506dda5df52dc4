import { initUnet2d } from '@immiscible/models';
import { SamplingError, SchedulerArgumentError } from '@immiscible/schedulers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floats, relativeError, richModel, testDevice, tinyRun } from '../test/tiny.ts';
import { type RunConfig } from './config.ts';
import { TrainerError } from './errors.ts';
import { type Tensors } from './optim/adam.ts';
import { modelOf } from './parts.ts';
import { createSampler, type SampleOptions, type Sampler, type SamplerOptions } from './sample.ts';

const D = 64;
const STEPS = 3;
/** Rows of a product may be added up in another order where they stand elsewhere in a batch. */
const ROUNDING = 2e-6;
const opened = testDevice();
const config = tinyRun();

function openSampler(of: RunConfig, options: Partial<SamplerOptions> = {}): Sampler {
  const { model, scheduler } = of;
  return createSampler(opened.device, { model, scheduler, apply: modelOf(of), batchSize: 4, ...options });
}

function imageAt(images: Float32Array, index: number): Float32Array {
  return images.subarray(index * D, (index + 1) * D);
}

describe('a sampler', () => {
  let sampler: Sampler;
  let parameters: Tensors;
  beforeAll(() => {
    sampler = openSampler(config);
    parameters = initUnet2d(config.model, 1);
  });
  afterAll(() => sampler.dispose());

  const sample = (seeds: readonly number[], options: Partial<SampleOptions> = {}): Promise<Float32Array> =>
    sampler.sample(parameters, { steps: STEPS, seeds, ...options });

  it('gives one image in [-1, 1] for each seed', async () => {
    const images = await sample([0, 1, 2, 3, 4, 5]);
    expect(sampler.shape).toEqual([1, 8, 8]);
    expect(images).toHaveLength(6 * D);
    expect(Math.min(...images)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...images)).toBeLessThanOrEqual(1);
    const distinct = new Set(Array.from({ length: 6 }, (_, i) => imageAt(images, i).join()));
    expect(distinct.size).toBe(6);
  });

  describe.each(['ddim', 'ddpm'] as const)('with %s', (name) => {
    it('gives the same images again', async () => {
      const seeds = [3, 1, 4];
      expect(await sample(seeds, { sampler: name })).toEqual(await sample(seeds, { sampler: name }));
    });

    it('makes an image of its seed alone: not of its companions, its place or the batch size', async () => {
      const alone = await sample([42], { sampler: name });
      const among = await sample([7, 8, 9, 10, 11, 42, 12], { sampler: name });
      expect(relativeError(imageAt(among, 5), alone)).toBeLessThan(ROUNDING);
      const wider = openSampler(config, { batchSize: 16 });
      const options = { sampler: name, steps: STEPS, seeds: [5, 42, 6] };
      const others = await wider.sample(parameters, options);
      expect(relativeError(imageAt(others, 1), alone)).toBeLessThan(ROUNDING);
      await wider.dispose();
    });
  });

  it('adds noise in DDPM, and in DDIM with eta 1, but none by default', async () => {
    const plain = await sample([5]);
    expect(await sample([5], { sampler: 'ddim', eta: 0 })).toEqual(plain);
    for (const options of [{ sampler: 'ddpm' }, { eta: 1 }] as const) {
      expect(relativeError(await sample([5], options), plain), JSON.stringify(options)).toBeGreaterThan(0.01);
    }
  });

  it('adds another noise to each seed, even where all begin alike', async () => {
    const images = await sample([100, 101], { sampler: 'ddpm' });
    expect(relativeError(imageAt(images, 0), imageAt(images, 1))).toBeGreaterThan(0.1);
  });

  it('changes with the weights and with the number of steps', async () => {
    const images = await sample([5]);
    const others = await sampler.sample(initUnet2d(config.model, 2), { steps: STEPS, seeds: [5] });
    expect(others).not.toEqual(images);
    expect(await sample([5], { steps: 4 })).not.toEqual(images);
  });

  it('takes weights on the device, and leaves them there', async () => {
    const onDevice = await opened.device.put(parameters);
    const images = await sampler.sample(onDevice, { steps: STEPS, seeds: [1, 2] });
    expect(await sampler.sample(onDevice, { steps: STEPS, seeds: [1, 2] })).toEqual(images);
    expect(images).toEqual(await sample([1, 2]));
    for (const x of Object.values(onDevice)) x.dispose();
  });

  it('reports every step of every batch', async () => {
    const reports: string[] = [];
    const onProgress = (done: number, total: number): void => void reports.push(`${done}/${total}`);
    await sample([0, 1, 2, 3, 4], { onProgress });
    expect(reports).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
  });

  it('stops between two steps when it is aborted, with the signal’s reason', async () => {
    const stop = new AbortController();
    const reason = new Error('that is enough');
    let steps = 0;
    const onProgress = (): void => {
      steps += 1;
      if (steps === 2) stop.abort(reason);
    };
    await expect(sample([1], { onProgress, signal: stop.signal })).rejects.toBe(reason);
    expect(steps).toBe(2);
    expect(await sample([1]), 'and works on').toHaveLength(D);
  });

  it('makes nothing of no seeds', async () => {
    expect(await sample([])).toHaveLength(0);
  });

  it('leaves no buffers behind', async () => {
    const before = opened.device.liveBuffers();
    await sample([1, 2, 3, 4, 5]);
    expect(opened.device.liveBuffers()).toEqual(before);
  });

  it('refuses labels, seeds and numbers of steps that there are not', async () => {
    await expect(sample([1], { labels: [0] })).rejects.toThrow('the model has no classes');
    await expect(sample([-1])).rejects.toThrow('sampling wants a whole number from 0');
    await expect(sample([1], { steps: 1001 })).rejects.toThrow(SchedulerArgumentError);
  });

  it('refuses weights that are not finite', async () => {
    const broken = { ...parameters, 'conv_out.bias': floats([NaN]) };
    await expect(sampler.sample(broken, { steps: 2, seeds: [1] })).rejects.toThrow(SamplingError);
  });
});

describe('a sampler of a model with classes', () => {
  it('makes an image of the class that is asked for, and wants a class of the model for each', async () => {
    const conditional = tinyRun({ model: { ...richModel, dropout: 0.5 } });
    const sampler = openSampler(conditional);
    const parameters = initUnet2d(conditional.model, 1);
    const sample = (labels?: readonly number[]): Promise<Float32Array> =>
      sampler.sample(parameters, { steps: 2, seeds: [1, 1, 1], ...(labels ? { labels } : {}) });
    const images = await sample([4, 4, 9]);
    expect(relativeError(imageAt(images, 1), imageAt(images, 0))).toBeLessThan(ROUNDING);
    expect(relativeError(imageAt(images, 2), imageAt(images, 0))).toBeGreaterThan(1e-3);
    await expect(sample()).rejects.toThrow('got 0 labels for 3 seeds');
    await expect(sample([1, 2])).rejects.toThrow('got 2 labels for 3 seeds');
    await expect(sample([1, 2, 10])).rejects.toThrow('labels from 0 to 9, got 10');
    await expect(sample([1, -1, 3])).rejects.toThrow('labels from 0 to 9, got -1');
    await sampler.dispose();
  });
});

describe('the size of the images', () => {
  const sizeless = tinyRun({ model: { sample_size: null } });

  it('is the caller’s where the model has none', async () => {
    const sampler = openSampler(sizeless, { size: [8, 16], batchSize: 1 });
    expect(sampler.shape).toEqual([1, 8, 16]);
    const images = await sampler.sample(initUnet2d(sizeless.model, 1), { steps: 1, seeds: [0] });
    expect(images).toHaveLength(8 * 16);
    await sampler.dispose();
  });

  it('has to be said by one of them', () => {
    expect(() => openSampler(sizeless)).toThrow(TrainerError);
    expect(() => openSampler(sizeless)).toThrow('say how large the images are to be');
  });
});
