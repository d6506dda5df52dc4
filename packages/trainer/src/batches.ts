/**
 * The way of the data up to the model: dataset → batch → [-1, 1] → noise → assign → what the objective draws.
 *
 * Everything that is drawn for a sample comes from streams numbered by the sample's place in the run, so two runs
 * with one seed see the same images, noise and timesteps whatever they do with them: arms of a comparison differ in
 * the pairing alone.
 */
import { StoredSeeds } from '@immiscible/assignment';
import { createLoader, type ImageDataset, type Loader, type LoaderState } from '@immiscible/datasets';
import { tensor } from '@immiscible/tensor-core';
import { type RunConfig } from './config.ts';
import { TrainerError } from './errors.ts';
import { dropLabels } from './label-dropout.ts';
import { type Objective } from './objectives/objective.ts';
import { pairAhead, pairAtOnce, type PairedImages, type UnpairedBatch } from './pairing.ts';
import { dropoutKeys, sampleStreams } from './sample-streams.ts';
import { type StepBatch } from './step.ts';
import { firstSeeds } from './stored-seeds.ts';
import { streamOf } from './streams.ts';

/** A batch ready for the device, and what the assignment did to it. */
export interface PreparedBatch {
  readonly batch: StepBatch;
  readonly images: number;
  /** mean pair distance after assignment over before, minus 1: −0.02 is two per cent nearer */
  readonly distanceChange: number;
  /** Loading, drawing and assigning, wherever and whenever that was; and what this step waited for it. */
  readonly milliseconds: { readonly load: number; readonly assign: number; readonly wait: number };
}

/** Where a batch that is ready leaves the loader. */
interface Ready {
  readonly prepared: PreparedBatch;
  readonly after: LoaderState;
}

type Shape = readonly [number, number, number, number];

/** A batch of the loader with the noise that its images were assigned. */
interface AssignedBatch {
  readonly images: Float32Array;
  readonly noise: Float32Array;
  readonly labels: Int32Array;
  readonly shape: Shape;
  readonly counter: number;
  /** updates done before it is used */
  readonly step: number;
}

export class BatchSource {
  readonly #config: RunConfig;
  readonly #objective: Objective;
  readonly #dataset: ImageDataset;
  /** Where the batches that were taken end; the loader itself is further when batches are prepared ahead. */
  #state: LoaderState;
  /** Updates done before the batches that were taken since the last `restore`. */
  #step = 0;
  /** What images hold after the batches that were taken. */
  #seeds: StoredSeeds | undefined;
  #pairs: AsyncGenerator<PairedImages, void, undefined> | undefined;
  #ready: Ready[] = [];
  #closed = false;
  #ending: Promise<unknown> = Promise.resolve();

  /** @throws DatasetError where the set does not fill a batch */
  constructor(config: RunConfig, dataset: ImageDataset, objective: Objective) {
    this.#config = config;
    this.#objective = objective;
    this.#dataset = dataset;
    this.#state = this.#loader().state();
    this.#seeds = firstSeeds(config, dataset.length);
  }

  /** Where the batches that `next` has given end. */
  state(): LoaderState {
    return this.#state;
  }

  /** Which seed every image holds after them, where the config stores seeds. */
  slots(): Uint32Array | undefined {
    return this.#seeds?.state().slots;
  }

  /**
   * Continues from a state.
   *
   * @param step updates done before it
   * @param slots what `slots` gave with it; the seeds stay as they are where it is omitted
   * @throws AssignmentError for slots of another set or number of caches
   */
  restore(state: LoaderState, step = 0, slots?: ArrayLike<number>): void {
    this.#loader().restore(state);
    if (this.#seeds && slots) this.#seeds = StoredSeeds.restore({ ...this.#seeds.state(), slots });
    this.#end();
    this.#state = state;
    this.#step = step;
    this.#closed = false;
  }

  /**
   * The next batch, in arrays of its own.
   *
   * @throws whatever reading an image or assigning throws; TrainerError after that and after `close`, until `restore`
   */
  async next(): Promise<PreparedBatch> {
    const began = performance.now();
    if (this.#ready.length === 0) {
      await this.#ending;
      if (!this.#closed) this.#pairs ??= this.#open();
      const result = await this.#pairs?.next();
      if (result === undefined || result.done === true) {
        throw new TrainerError(
          'batches: there are none after `close`, or after one that failed; continue from a checkpoint',
        );
      }
      this.#ready = this.#split(result.value);
    }
    const { prepared, after } = this.#ready.shift()!;
    this.#state = after;
    const wait = performance.now() - began;
    return { ...prepared, milliseconds: { ...prepared.milliseconds, wait } };
  }

  /** Ends the worker that pairs ahead, and forgets what it had ahead. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
    await this.#ending;
  }

  #end(): void {
    const pairs = this.#pairs;
    this.#pairs = undefined;
    this.#ready = [];
    if (pairs) this.#ending = this.#ending.then(() => pairs.return());
  }

  #loader(): Loader {
    const { seed, training } = this.#config;
    const { batchSize, flip } = training;
    return createLoader(this.#dataset, { batchSize, seed, flip, dropLast: true });
  }

  #open(): AsyncGenerator<PairedImages, void, undefined> {
    const { assignment, training } = this.#config;
    const loader = this.#loader();
    loader.restore(this.#state);
    const unpaired = this.#unpaired(loader, this.#step);
    if (!assignment.lookAhead) return pairAtOnce(unpaired, this.#seeds);
    // All that one step takes at once, and one more that is being loaded meanwhile.
    const depth = (assignment.pool === 'update' ? 1 : training.accumulate) + 1;
    return pairAhead(unpaired, depth, this.#seeds);
  }

  /** Images of one update after the other, as many together as are assigned together. */
  async *#unpaired(loader: Loader, step: number): AsyncGenerator<UnpairedBatch, void, undefined> {
    const { assignment, training } = this.#config;
    const together = assignment.pool === 'update' ? training.accumulate : 1;
    const { method, metric, precision, k, startStep, storedSeeds } = assignment;
    for (let taken = 0; ; taken += together) {
      const began = performance.now();
      const loaded = [];
      for (let i = 0; i < together; i++) loaded.push(await loader.next());
      const [first] = loaded;
      const data = together === 1 ? first!.images : concatenated(loaded.map(({ images }) => images));
      const rows = loaded.reduce((sum, { shape }) => sum + shape[0], 0);
      const streams = loaded.flatMap(({ counter, shape: [size] }) =>
        Array.from({ length: size }, (_, i) => streamOf('noise', counter + i)),
      );
      const done = step + Math.floor(taken / training.accumulate);
      yield {
        x0: { data, shape: [rows, ...first!.shape.slice(1)] },
        noise: { seed: this.#config.seed, streams },
        indices: first!.indices,
        cache: storedSeeds === 0 ? 0 : first!.epoch % storedSeeds,
        assign: {
          method,
          metric,
          precision,
          startStep,
          step: done,
          ...(method === 'nearest' ? { k } : {}),
        },
        step: done,
        parts: loaded.map(({ labels, shape, counter, after }) => ({ labels, shape, counter, after })),
        load: performance.now() - began,
      };
    }
  }

  /** The loader's batches out of those that were assigned together. */
  #split({ batch: { parts, load, step }, x0, noise, distanceChange, assign }: PairedImages): Ready[] {
    const { channels, height, width } = this.#dataset;
    const length = channels * height * width;
    let row = 0;
    return parts.map(({ labels, shape, counter, after }) => {
      const [size] = shape;
      const [from, to] = [row * length, (row + size) * length];
      row += size;
      const share = (size * length) / x0.length;
      const batch = this.#stepBatch({
        images: x0.subarray(from, to),
        noise: noise.subarray(from, to),
        labels,
        shape,
        counter,
        step,
      });
      const milliseconds = { load: load * share, assign: assign * share, wait: 0 };
      return { prepared: { batch, images: size, distanceChange, milliseconds }, after };
    });
  }

  #stepBatch({ images, noise, labels, shape, counter, step }: AssignedBatch): StepBatch {
    const [size] = shape;
    const { model, seed } = this.#config;
    const streams = sampleStreams(seed, counter, shape);
    return {
      x0: tensor(images, shape),
      noise: tensor(noise, shape),
      ...this.#objective.draws(step, streams),
      ...(model.num_class_embeds === null
        ? {}
        : { labels: tensor(dropLabels(this.#config, labels, streams), [size]) }),
      ...(model.dropout > 0 ? { dropoutKey: tensor(dropoutKeys(streams), [size, 2]) } : {}),
    };
  }
}

function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}
