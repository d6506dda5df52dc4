import { initModel, parseModelConfig } from '@immiscible/models';
import { parseSchedulerConfig, SamplingError, SchedulerArgumentError } from '@immiscible/schedulers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floats, relativeError, richModel, testDevice, tinyModel } from '../test/tiny.ts';
import { SampleError } from './errors.ts';
import { type Tensors } from './optim/adam.ts';
import { createSampler, type SampleOptions, type Sampler, type SamplerOptions } from './sample.ts';
import { type SamplerName, samplerNames, samplersFor, schedulerFor } from './sampling/samplers.ts';

const D = 64;
const STEPS = 3;
/** Runge–Kutta steps of pndm's own come first. */
const stepsFor = (name: SamplerName): number => (name === 'pndm' ? 5 : STEPS);
/** Rows of a product may be added up in another order where they stand elsewhere in a batch; steps multiply that. */
const ROUNDING = 1e-5;
const opened = testDevice();
const model = parseModelConfig(tinyModel);
const ddim = parseSchedulerConfig({ _class_name: 'DDIMScheduler' });

/** What a model is trained with for a sampler to fit. */
const trainedWith = (name: SamplerName) => {
  if (samplersFor(ddim).includes(name)) return ddim;
  const classes = {
    cm: 'CMStochasticIterativeScheduler',
    edm: 'EDMHeunScheduler',
    flow: 'FlowMatchEulerDiscreteScheduler',
  } as const;
  return parseSchedulerConfig({ _class_name: classes[name as keyof typeof classes] });
};

/** Every sampler, and those that may add noise once more with it. */
const ways: [string, SamplerName, Partial<SampleOptions>][] = [
  ...samplerNames.map((name): [string, SamplerName, Partial<SampleOptions>] => [name, name, {}]),
  ['ddim with eta 1', 'ddim', { eta: 1 }],
  ['edm with churn', 'edm', { churn: 10 }],
  ['dpm++ that is stochastic', 'dpm++', { sampler: sde() }],
  ['ddpm with thresholding', 'ddpm', { sampler: thresholding('ddpm') }],
  ['dpm++ with thresholding', 'dpm++', { sampler: thresholding('dpm++') }],
];

function sde() {
  const config = schedulerFor(ddim, 'dpm++');
  return parseSchedulerConfig({ ...config, algorithm_type: 'sde-dpmsolver++' });
}

/** Quantiles that differ from image to image, and that leave few values as they are. */
function thresholding(name: SamplerName) {
  const fields = { thresholding: true, dynamic_thresholding_ratio: 0.6, sample_max_value: 50 };
  return parseSchedulerConfig({ ...schedulerFor(ddim, name), ...fields });
}

function openSampler(options: Partial<SamplerOptions> = {}): Sampler {
  return createSampler(opened.device, { model, scheduler: ddim, batchSize: 4, ...options });
}

function imageAt(images: Float32Array, index: number): Float32Array {
  return images.subarray(index * D, (index + 1) * D);
}

describe('a sampler', () => {
  let sampler: Sampler;
  let parameters: Tensors;
  beforeAll(() => {
    sampler = openSampler();
    parameters = initModel(model, 1);
  });
  afterAll(() => sampler.dispose());

  const sample = (
    seeds: SampleOptions['seeds'],
    options: Partial<SampleOptions> = {},
  ): Promise<Float32Array> => sampler.sample(parameters, { steps: STEPS, seeds, ...options });

  it('gives one image in [-1, 1] for each seed', async () => {
    const images = await sample([0, 1, 2, 3, 4, 5]);
    expect(sampler.shape).toEqual([1, 8, 8]);
    expect(images).toHaveLength(6 * D);
    expect(Math.min(...images)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...images)).toBeLessThanOrEqual(1);
    const distinct = new Set(Array.from({ length: 6 }, (_, i) => imageAt(images, i).join()));
    expect(distinct.size).toBe(6);
  });

  describe.each(ways)('with %s', (_, name, options) => {
    it('makes an image of its seed alone: not of its companions, its place or the batch size', async () => {
      const scheduler = trainedWith(name);
      const [narrow, wide] = [openSampler({ scheduler }), openSampler({ scheduler, batchSize: 9 })];
      const make = (by: Sampler, seeds: readonly number[]): Promise<Float32Array> =>
        by.sample(parameters, { sampler: name, steps: stepsFor(name), seeds, ...options });
      const alone = await make(narrow, [42]);
      expect(await make(narrow, [42]), 'again').toEqual(alone);
      expect(Math.max(...alone.map(Math.abs))).toBeGreaterThan(0.01);
      const among = await make(narrow, [7, 8, 9, 10, 11, 42, 12]);
      expect(relativeError(imageAt(among, 5), alone)).toBeLessThan(ROUNDING);
      expect(relativeError(imageAt(among, 4), alone)).toBeGreaterThan(0.01);
      const others = await make(wide, [5, 42, 6]);
      expect(relativeError(imageAt(others, 1), alone)).toBeLessThan(ROUNDING);
      await Promise.all([narrow.dispose(), wide.dispose()]);
    });
  });

  it('uses the model’s own scheduler and its steps where nothing is said', async () => {
    const edm = parseSchedulerConfig({ _class_name: 'EDMHeunScheduler', num_steps: 4 });
    const own = openSampler({ scheduler: edm, batchSize: 1 });
    const calls: string[] = [];
    const onProgress = (done: number, total: number): void => void calls.push(`${done}/${total}`);
    const images = await own.sample(parameters, { seeds: [3], onProgress });
    expect(calls.at(-1), 'Heun asks twice a step, but for the last one').toBe('7/7');
    expect(await own.sample(parameters, { seeds: [3], sampler: 'edm', steps: 4 })).toEqual(images);
    await own.dispose();
    expect(await sample([3])).toEqual(await sample([3], { sampler: 'ddim', eta: 0 }));
  });

  it('adds noise where it is asked to, of its own for each seed, even where all begin alike', async () => {
    const plain = await sample([5]);
    for (const options of [{ sampler: 'ddpm' }, { eta: 1 }] as const) {
      expect(relativeError(await sample([5], options), plain), JSON.stringify(options)).toBeGreaterThan(0.01);
    }
    const images = await sample([100, 101], { sampler: 'ddpm' });
    expect(relativeError(imageAt(images, 0), imageAt(images, 1))).toBeGreaterThan(0.1);
  });

  it('takes a whole config of a sampler', async () => {
    const karras = schedulerFor(ddim, 'euler', { karras: true });
    const images = await sample([5], { sampler: karras });
    expect(relativeError(images, await sample([5], { sampler: 'euler' }))).toBeGreaterThan(1e-3);
  });

  it('visits the timesteps that are asked for', async () => {
    const images = await sample([5], { sampler: 'euler', steps: 3 });
    const timesteps = [900, 500, 20];
    const others = await sampler.sample(parameters, { sampler: 'euler', seeds: [5], timesteps });
    expect(relativeError(others, images)).toBeGreaterThan(1e-3);
    await expect(sample([5], { timesteps })).rejects.toThrow(SchedulerArgumentError);
  });

  it('changes with the weights and with the number of steps', async () => {
    const images = await sample([5]);
    const others = await sampler.sample(initModel(model, 2), { steps: STEPS, seeds: [5] });
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

  it('reports every call of the model, and gives every batch as soon as it is made', async () => {
    const reports: string[] = [];
    const parts = new Float32Array(5 * D);
    const images = await sample([0, 1, 2, 3, 4], {
      onProgress: (done, total) => void reports.push(`${done}/${total}`),
      onBatch: (samples, first) => {
        reports.push(`from ${first}: ${samples.length / D}`);
        parts.set(samples, first * D);
      },
    });
    expect(reports).toEqual(['1/6', '2/6', '3/6', 'from 0: 4', '4/6', '5/6', '6/6', 'from 4: 1']);
    expect(parts).toEqual(images);
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

  it('goes from one seed to another, both ends among them', async () => {
    const ends = await sample([3, 9]);
    const way = await sample([0, 0.5, 1].map((at) => ({ from: 3, to: 9, at })));
    expect(relativeError(imageAt(way, 0), imageAt(ends, 0))).toBeLessThan(ROUNDING);
    expect(relativeError(imageAt(way, 2), imageAt(ends, 1))).toBeLessThan(ROUNDING);
    const [toFirst, toLast] = [0, 2].map((i) => relativeError(imageAt(way, 1), imageAt(way, i)));
    expect(Math.min(toFirst!, toLast!)).toBeGreaterThan(0.01);
    const stochastic = sample([{ from: 3, to: 9, at: 0.5 }], { sampler: 'ddpm' });
    await expect(stochastic).rejects.toThrow(/between the seeds 3 and 9 .* none for a sampler to add/);
  });

  it('refuses labels, seeds, settings, samplers and numbers of steps that there are not', async () => {
    await expect(sample([1], { labels: [0] })).rejects.toThrow('the model has no classes');
    await expect(sample([1], { guidance: 2 })).rejects.toThrow('guidance is for models with classes');
    await expect(sample([1], { guidance: -1 })).rejects.toThrow('wants guidance from 0');
    await expect(sample([-1])).rejects.toThrow('sampling wants a whole number from 0');
    await expect(sample([1], { steps: 1001 })).rejects.toThrow(SchedulerArgumentError);
    await expect(sample([1], { sampler: 'ddpm', eta: 0.5 })).rejects.toThrow(SchedulerArgumentError);
    await expect(sample([1], { churn: 1 })).rejects.toThrow('churn is for edm');
    await expect(sample([1], { sampler: 'cm' })).rejects.toThrow(SampleError);
  });

  it('refuses weights that are not finite', async () => {
    const broken = { ...parameters, 'conv_out.bias': floats([NaN]) };
    await expect(sampler.sample(broken, { steps: 2, seeds: [1] })).rejects.toThrow(SamplingError);
  });
});

describe('a sampler of a model with classes', () => {
  const conditional = parseModelConfig({ ...tinyModel, ...richModel, dropout: 0.5 });
  const parameters = initModel(conditional, 1);
  let sampler: Sampler;
  beforeAll(() => {
    sampler = openSampler({ model: conditional, nullLabel: 9 });
  });
  afterAll(() => sampler.dispose());

  const sample = (labels?: readonly number[], guidance = 1, by = sampler): Promise<Float32Array> =>
    by.sample(parameters, { steps: 2, seeds: [1, 1, 1], guidance, ...(labels ? { labels } : {}) });

  it('makes an image of the class that is asked for, and wants a class of the model for each', async () => {
    const images = await sample([4, 4, 8]);
    expect(relativeError(imageAt(images, 1), imageAt(images, 0))).toBeLessThan(ROUNDING);
    expect(relativeError(imageAt(images, 2), imageAt(images, 0))).toBeGreaterThan(1e-3);
    await expect(sample()).rejects.toThrow('got 0 labels for 3 seeds');
    await expect(sample([1, 2])).rejects.toThrow('got 2 labels for 3 seeds');
    await expect(sample([1, 2, 10])).rejects.toThrow('labels from 0 to 9, got 10');
    await expect(sample([1, -1, 3])).rejects.toThrow('labels from 0 to 9, got -1');
  });

  it('is guided away from the class that stands for none', async () => {
    const [none, full] = await Promise.all([sample([9, 9, 9]), sample([4, 2, 9])]);
    const least = await sample([4, 2, 9], 0);
    expect(relativeError(least, none), 'w = 0 is the sample of no class').toBeLessThan(ROUNDING);
    const almost = await sample([4, 2, 9], 1 + 1e-7);
    expect(relativeError(almost, full), 'w = 1 is the sample of the class').toBeLessThan(ROUNDING);
    const guided = await sample([4, 2, 9], 3);
    expect(relativeError(imageAt(guided, 0), imageAt(full, 0))).toBeGreaterThan(1e-3);
    expect(relativeError(imageAt(guided, 2), imageAt(full, 2))).toBeLessThan(ROUNDING);
  });

  it('makes a guided image of its seed and class alone', async () => {
    const wide = openSampler({ model: conditional, nullLabel: 9, batchSize: 7 });
    const make = (by: Sampler, seeds: readonly number[], labels: readonly number[]): Promise<Float32Array> =>
      by.sample(parameters, { sampler: 'ddpm', steps: STEPS, seeds, labels, guidance: 2.5 });
    const alone = await make(sampler, [42], [3]);
    const among = await make(wide, [1, 2, 42, 3], [0, 9, 3, 3]);
    expect(relativeError(imageAt(among, 2), alone)).toBeLessThan(ROUNDING);
    await wide.dispose();
  });

  it('cannot be guided without a class that stands for none', async () => {
    const without = openSampler({ model: conditional });
    await expect(sample([1, 2, 3], 2, without)).rejects.toThrow(/name it \(often the last, 9\)/);
    const wrong = openSampler({ model: conditional, nullLabel: 10 });
    await expect(sample([1, 2, 3], 2, wrong)).rejects.toThrow('null label from 0 to 9, got 10');
    await Promise.all([without.dispose(), wrong.dispose()]);
  });
});

describe('a sampler of another architecture', () => {
  it('makes images with NCSN++', async () => {
    const scheduler = parseSchedulerConfig({ _class_name: 'CMStochasticIterativeScheduler' });
    const ncsnpp = parseModelConfig({
      _class_name: 'NCSNpp',
      sample_size: 8,
      in_channels: 1,
      out_channels: 1,
      model_channels: 8,
      channel_mult: [1, 2],
      num_blocks: 1,
      attn_resolutions: [4],
      time_scale: 0.001,
    });
    const sampler = openSampler({ model: ncsnpp, scheduler, batchSize: 2 });
    const parameters = initModel(ncsnpp, 1);
    const images = await sampler.sample(parameters, { seeds: [0, 1, 2], steps: 2 });
    const alone = await sampler.sample(parameters, { seeds: [2], steps: 2 });
    expect(relativeError(imageAt(images, 2), alone)).toBeLessThan(ROUNDING);
    expect(relativeError(imageAt(images, 1), alone)).toBeGreaterThan(0.01);
    await sampler.dispose();
  });

  it('makes points in the plane', async () => {
    const plane = parseModelConfig({ _class_name: 'MLP', hidden_channels: [16], time_embedding_dim: 8 });
    const scheduler = parseSchedulerConfig({ _class_name: 'DDIMScheduler', clip_sample: false });
    const sampler = openSampler({ model: plane, scheduler, batchSize: 3 });
    expect(sampler.shape).toEqual([2, 1, 1]);
    const points = await sampler.sample(initModel(plane, 1), { seeds: [0, 1, 2, 3], steps: 2 });
    expect(new Set(points).size).toBe(8);
    await sampler.dispose();
  });
});

describe('the size of the images', () => {
  const sizeless = parseModelConfig({ ...tinyModel, sample_size: null });

  it('is the caller’s where the model has none', async () => {
    const sampler = openSampler({ model: sizeless, size: [8, 16], batchSize: 1 });
    expect(sampler.shape).toEqual([1, 8, 16]);
    const images = await sampler.sample(initModel(sizeless, 1), { steps: 1, seeds: [0] });
    expect(images).toHaveLength(8 * 16);
    await sampler.dispose();
  });

  it('is not another than the model’s', () => {
    expect(() => openSampler({ size: [8, 16] })).toThrow(SampleError);
    expect(() => openSampler({ size: [8, 16] })).toThrow('sample_size says 8×8, got size 8×16');
  });

  it('has to be said by one of them', () => {
    expect(() => openSampler({ model: sizeless })).toThrow(SampleError);
    expect(() => openSampler({ model: sizeless })).toThrow('say how large the images are to be');
  });
});
