/**
 * The way of the data up to the model: dataset → batch → [-1, 1] → noise → assign → (t, α, σ).
 *
 * Everything that is drawn for a sample comes from streams numbered by the sample's place in the run, so two runs
 * with one seed see the same images, noise and timesteps whatever they do with them: arms of a comparison differ in
 * the pairing alone.
 */
import { assignNoise } from '@immiscible/assignment';
import { createLoader, type ImageDataset, type Loader, type LoaderState } from '@immiscible/datasets';
import { streamNormal, streamUniform } from '@immiscible/random';
import { type NoiseSchedule, trainingDraw } from '@immiscible/schedulers';
import { tensor } from '@immiscible/tensor-core';
import { type RunConfig } from './config.ts';
import { type StepBatch } from './step.ts';
import { streamOf } from './streams.ts';

/** A batch ready for the device, and what the assignment did to it. */
export interface PreparedBatch {
  readonly batch: StepBatch;
  readonly images: number;
  /** mean pair distance after assignment over before, minus 1: −0.02 is two per cent nearer */
  readonly distanceChange: number;
  readonly milliseconds: { readonly load: number; readonly noise: number; readonly assign: number };
}

export class BatchSource {
  readonly #config: RunConfig;
  readonly #schedule: NoiseSchedule;
  readonly #loader: Loader;
  readonly #sampleSize: number;

  /** @throws DatasetError where the set does not fill a batch */
  constructor(config: RunConfig, dataset: ImageDataset, schedule: NoiseSchedule) {
    this.#config = config;
    this.#schedule = schedule;
    const { batchSize, flip } = config.training;
    this.#loader = createLoader(dataset, { batchSize, seed: config.seed, flip, dropLast: true });
    this.#sampleSize = dataset.channels * dataset.height * dataset.width;
  }

  state(): LoaderState {
    return this.#loader.state();
  }

  restore(state: LoaderState): void {
    this.#loader.restore(state);
  }

  /** The next batch, in arrays of its own. */
  async next(): Promise<PreparedBatch> {
    const { assignment, model } = this.#config;
    const start = performance.now();
    const { images, labels, shape, counter } = await this.#loader.next();
    const loaded = performance.now();
    const [size] = shape;
    const candidates = assignment.method === 'nearest' ? assignment.k : 1;
    const noise = this.#noise(counter, size, candidates);
    const drawn = performance.now();
    const { method, metric, precision, k } = assignment;
    const assigned = await assignNoise(
      { data: images, shape },
      { data: noise, shape: [size * candidates, ...shape.slice(1)] },
      { method, metric, precision, ...(method === 'nearest' ? { k } : {}) },
    );
    const done = performance.now();
    const draw = trainingDraw(
      this.#schedule,
      this.#timestepDraws(counter, size),
      this.#config.training.lossWeighting,
    );
    const batch: StepBatch = {
      x0: tensor(images, shape),
      noise: tensor(assigned.noise, shape),
      timesteps: tensor(Float32Array.from(draw.timesteps), [size]),
      alpha: tensor(draw.alpha, [size]),
      sigma: tensor(draw.sigma, [size]),
      weight: tensor(draw.weight, [size]),
      ...(model.num_class_embeds === null ? {} : { labels: tensor(labels, [size]) }),
      ...(model.dropout > 0 ? { dropoutKey: tensor(this.#dropoutKeys(counter, size), [size, 2]) } : {}),
    };
    return {
      batch,
      images: size,
      distanceChange: assigned.stats.reduction,
      milliseconds: { load: loaded - start, noise: drawn - loaded, assign: done - drawn },
    };
  }

  /** Row i · k + j: candidate j of sample i, elements j · size … of the sample's stream. */
  #noise(counter: number, size: number, candidates: number): Float32Array {
    const rowLength = this.#sampleSize;
    const own = candidates * rowLength;
    const noise = new Float32Array(size * own);
    for (let i = 0; i < size; i++) {
      streamNormal(this.#config.seed, streamOf('noise', counter + i), noise.subarray(i * own, (i + 1) * own));
    }
    return noise;
  }

  #timestepDraws(counter: number, size: number): Float32Array {
    const draws = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      streamUniform(this.#config.seed, streamOf('timestep', counter + i), draws.subarray(i, i + 1));
    }
    return draws;
  }

  /** The key of a sample's dropout masks: the seed's low word, and the sample's place in the run. */
  #dropoutKeys(counter: number, size: number): Int32Array {
    const keys = new Int32Array(2 * size);
    const words = new Float32Array(2);
    for (let i = 0; i < size; i++) {
      streamUniform(this.#config.seed, streamOf('dropout', counter + i), words);
      keys[2 * i] = words[0]! * 2 ** 31;
      keys[2 * i + 1] = words[1]! * 2 ** 31;
    }
    return keys;
  }
}
