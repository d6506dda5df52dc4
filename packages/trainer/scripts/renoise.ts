/**
 * Multistep consistency sampling with the noise between steps as it is drawn, and with the same noise assigned to the
 * images of a batch as in training. A network that trained on assigned pairs has not met an image with any other noise.
 * Prints quality as the run measures it.
 *
 *   node --import tsx --conditions=@immiscible/source scripts/renoise.ts STEPS RUN [RUN …]
 */
import { assignNoise, type Method } from '@immiscible/assignment';
import { openDataset } from '@immiscible/datasets';
import { streamNormal } from '@immiscible/random';
import { clipX0, solverPlan } from '@immiscible/schedulers';
import { type Device, disposeTree, openDevice, tensor } from '@immiscible/tensor-core';
import { checkpointPath, listCheckpoints } from '../src/checkpoint.ts';
import { makeReference, measureQuality, openFeatures, type Quality } from '../src/evaluate.ts';
import { readPipeline } from '../src/pipeline-folder.ts';
import { readRunConfig } from '../src/run-dir.ts';
import { type PlainInputs, plainOutput } from '../src/sampling/classes.ts';
import { startingNoise } from '../src/sampling/starts.ts';

/** Apart from whatever training and sampling draw. */
const SEED = 1;

/** Quality of as many samples as the run measures, rounded up to whole batches of its training. */
async function measure(
  device: Device,
  run: string,
  steps: number,
  methods: readonly Method[],
): Promise<Quality[]> {
  const { data, evaluation, training, seed } = await readRunConfig(run);
  const { batchSize } = training;
  const last = (await listCheckpoints(run)).at(-1);
  if (last === undefined) throw new Error(`${run} has no checkpoint`);
  const { model, scheduler, parameters } = await readPipeline(checkpointPath(run, last));
  const dataset = await openDataset(data);
  const features = await openFeatures(device, evaluation.features, dataset);
  const batches = Math.ceil(evaluation.samples / batchSize);
  const reference = await makeReference(dataset, features, { samples: batches * batchSize, seed });
  const shape = [dataset.channels, dataset.height, dataset.width] as const;
  const size = shape[0] * shape[1] * shape[2];
  const network = device.compile((inputs: PlainInputs) => ({ output: plainOutput(model, inputs) }));
  const weights = await device.put(parameters);
  const { scale, calls } = solverPlan(scheduler, { steps });

  async function batch(first: number, method: Method): Promise<Float32Array> {
    const seeds = Array.from({ length: batchSize }, (_, i) => first + i);
    let x: Float32Array = startingNoise(seeds, size).map((value) => value * scale);
    for (const [step, { input, timestep, x0, clip, noise }] of calls.entries()) {
      const { output } = await network({
        parameters: weights,
        sample: tensor(
          x.map((value) => value * input),
          [batchSize, ...shape],
        ),
        timestep: tensor(new Float32Array(batchSize).fill(timestep), [batchSize]),
      });
      const values = await output.data();
      output.dispose();
      const clean = x.map((value, i) => (x0.sample * value + x0.output * values[i]!) / x0.divisor);
      const image = clipX0(clean, clip, batchSize);
      if (noise === 0) {
        x = image;
        continue;
      }
      const z = new Float32Array(image.length);
      for (const [i, sample] of seeds.entries()) {
        streamNormal(SEED, sample * calls.length + step, z.subarray(i * size, (i + 1) * size));
      }
      const flat = [batchSize, size];
      const pairs = await assignNoise({ data: image, shape: flat }, { data: z, shape: flat }, { method });
      x = image.map((value, i) => value + noise * pairs.noise[i]!);
    }
    return x;
  }

  const qualities: Quality[] = [];
  for (const method of methods) {
    const images = new Float32Array(batches * batchSize * size);
    for (let i = 0; i < batches; i++) images.set(await batch(i * batchSize, method), i * batchSize * size);
    qualities.push(await measureQuality(reference, images, shape));
  }
  disposeTree(weights);
  await network.dispose();
  return qualities;
}

const [steps, ...runs] = process.argv.slice(2);
const device = await openDevice('cpu', { threads: 1 });
for (const run of runs) {
  const [drawn, assigned] = await measure(device, run, Number(steps), ['identity', 'linear']);
  const text = ({ frechet, slicedWasserstein }: Quality): string =>
    `${Number(frechet.toPrecision(4))} (sliced Wasserstein ${slicedWasserstein!.toPrecision(3)})`;
  console.log(`${run}, ${steps} steps: noise as drawn ${text(drawn!)}, assigned ${text(assigned!)}`);
}
await device.dispose();
