/**
 * Trains the classifier whose features Fashion-MNIST is measured in, and writes its weights.
 *
 *     pnpm --filter @immiscible/trainer train:fashion-classifier [--epochs 6] [--seed 0] [--out FILE]
 *
 * Run it when the network changes: then the SHA-256 that it prints goes into
 * packages/metrics-fid/src/features/fashion-classifier.ts, under a new version, because distances in other weights are
 * other numbers. The same seed gives the same weights on the same kind of processor; on another kind, the last bits of
 * sums differ and training carries them further. Test images are used once, at the end, to say how good it is.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Batch, createLoader, openFashionMnist } from '@immiscible/datasets';
import { FASHION_NETWORK_SHAPES, FASHION_NETWORK_SIZES, fashionNetwork } from '@immiscible/metrics-fid';
import { streamNormal } from '@immiscible/random';
import {
  type Device,
  disposeTree,
  logSoftmax,
  openDevice,
  type StoredTensor,
  tensor,
  type Tensor,
  valueAndGrad,
  writeSafetensors,
} from '@immiscible/tensor-core';
import { emaDecay, emaUpdate } from '../src/ema.ts';
import {
  type AdamOptions,
  type AdamScalars,
  adamScalars,
  adamUpdate,
  type Tensors,
} from '../src/optim/adam.ts';
import { ParameterLayout } from '../src/layout.ts';
import { learningRateFactor } from '../src/optim/learning-rate.ts';
import { initialState, type TrainState } from '../src/state.ts';

const SCRIPT = 'packages/trainer/scripts/train-fashion-classifier.ts';
const CLASSES = 10;
const SPLIT_BATCH = 64; // images of each size in a step: 128 together
const LEARNING_RATE = 3e-3;
const SCHEDULE = { type: 'cosine', warmupSteps: 200 } as const;
const OPTIMIZER: AdamOptions = { type: 'adamw', betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0.05 };
const AVERAGE = { decay: 0.999, warmup: true };

/** Images of both sizes, [B, 1, H, W], and the classes of each as rows of 0 and 1, [B, 10]. */
type Examples = { images: Tensor; classes: Tensor };
type StepInputs = {
  state: TrainState;
  examples: Examples[];
  scalars: Record<keyof AdamScalars | 'emaRate', Tensor>;
};

function examplesOf({ images, shape, labels }: Batch): Examples {
  const classes = new Float32Array(labels.length * CLASSES);
  labels.forEach((label, i) => (classes[i * CLASSES + label] = 1));
  return { images: tensor(images, shape), classes: tensor(classes, [labels.length, CLASSES]) };
}

const layout = new ParameterLayout(
  Object.fromEntries(Object.entries(FASHION_NETWORK_SHAPES).map(([name, shape]) => [name, { shape }])),
);

/** He et al. 2015: normal of variance 2 / fan-in before a ReLU, 1 / fan-in before the classes; norms begin as identity. */
function initialParameters(seed: number): Tensors {
  const entries = Object.entries(FASHION_NETWORK_SHAPES).map(([name, shape], stream) => {
    const values = new Float32Array(shape.reduce((size, extent) => size * extent, 1));
    if (shape.length > 1) {
      const fanIn = shape.slice(1).reduce((size, extent) => size * extent, 1);
      const deviation = Math.sqrt((name.startsWith('classifier') ? 1 : 2) / fanIn);
      streamNormal(seed, stream, values);
      for (let i = 0; i < values.length; i++) values[i]! *= deviation;
    } else if (name.endsWith('norm.weight')) {
      values.fill(1);
    }
    return [name, tensor(values, shape)] as const;
  });
  return Object.fromEntries(entries);
}

/** Mean cross-entropy over all examples of all sizes. */
function crossEntropy(parameters: Tensors, examples: readonly Examples[]): Tensor {
  const sums = examples.map(({ images, classes }) =>
    logSoftmax(fashionNetwork(parameters, images).logits).mul(classes).sum(),
  );
  const count = examples.reduce((n, { images }) => n + images.shape[0]!, 0);
  return sums.reduce((a, b) => a.add(b)).mul(-1 / count);
}

async function train(
  device: Device,
  { epochs, seed }: { epochs: number; seed: number },
): Promise<TrainState> {
  const loaders = await Promise.all(
    FASHION_NETWORK_SIZES.map(async (size) => {
      const dataset = await openFashionMnist({ split: 'train', size });
      // Seeds apart, so that the two halves of a step are different images.
      return createLoader(dataset, { batchSize: SPLIT_BATCH, seed: seed + size, flip: true });
    }),
  );
  const step = device.compile(
    ({ state, examples, scalars }: StepInputs) => {
      const { value: loss, gradients } = valueAndGrad(crossEntropy)(layout.split(state.parameters), examples);
      const next = adamUpdate(OPTIMIZER, state, layout.join(gradients), scalars);
      return {
        loss,
        state: { ...state, ...next, ema: emaUpdate(state.ema, next.parameters, scalars.emaRate) },
      };
    },
    { donate: ['state'] },
  );
  const perEpoch = loaders[0]!.batchesPerEpoch;
  const steps = epochs * perEpoch;
  let state = await initialState(layout, initialParameters(seed));
  let sum = 0;
  for (let k = 0; k < steps; k++) {
    const rate = LEARNING_RATE * learningRateFactor(SCHEDULE, k, steps);
    const { learningRate, stepSize, inverseRootCorrection } = adamScalars(OPTIMIZER, rate, k + 1);
    const batches = await Promise.all(loaders.map((loader) => loader.next()));
    const result = await step({
      state,
      examples: batches.map(examplesOf),
      scalars: {
        learningRate: tensor(learningRate),
        stepSize: tensor(stepSize),
        inverseRootCorrection: tensor(inverseRootCorrection),
        emaRate: tensor(1 - emaDecay(AVERAGE, k + 1, 2 * SPLIT_BATCH)),
      },
    });
    state = result.state;
    sum += await result.loss.item();
    result.loss.dispose();
    if ((k + 1) % perEpoch === 0) {
      console.log(`epoch ${(k + 1) / perEpoch} of ${epochs}: mean loss ${(sum / perEpoch).toFixed(4)}`);
      sum = 0;
    }
  }
  await step.dispose();
  return state;
}

/** Share of the 10,000 test images whose class has the highest score. */
async function testAccuracy(
  device: Device,
  parameters: Tensors,
  size: (typeof FASHION_NETWORK_SIZES)[number],
): Promise<number> {
  const dataset = await openFashionMnist({ split: 'test', size });
  const loader = createLoader(dataset, { batchSize: 250, shuffle: false });
  const network = device.compile((inputs: { parameters: Tensors; images: Tensor }) => ({
    logits: fashionNetwork(inputs.parameters, inputs.images).logits,
  }));
  let correct = 0;
  for (let b = 0; b < loader.batchesPerEpoch; b++) {
    const { images, shape, labels } = await loader.next();
    const { logits } = await network({ parameters, images: tensor(images, shape) });
    const scores = await logits.data();
    labels.forEach((label, i) => {
      const row = scores.subarray(i * CLASSES, (i + 1) * CLASSES);
      if (row.every((score) => score <= row[label]!)) correct++;
    });
    logits.dispose();
  }
  await network.dispose();
  return correct / dataset.length;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '6' },
      seed: { type: 'string', default: '0' },
      out: {
        type: 'string',
        default: fileURLToPath(
          new URL('../../metrics-fid/assets/fashion-classifier.safetensors', import.meta.url),
        ),
      },
    },
  });
  const [epochs, seed] = [Number(values.epochs), Number(values.seed)];
  if (!(Number.isInteger(epochs) && epochs >= 1 && Number.isInteger(seed) && seed >= 0)) {
    throw new RangeError(`wanted --epochs from 1 and --seed from 0, got ${values.epochs} and ${values.seed}`);
  }
  const device = await openDevice('cpu');
  const started = performance.now();
  const state = await train(device, { epochs, seed });
  const seconds = Math.round((performance.now() - started) / 1000);

  const averaged = await layout.unpack(state.ema);
  const metadata: Record<string, string> = {
    format: 'pt',
    script: SCRIPT,
    seed: `${seed}`,
    epochs: `${epochs}`,
  };
  for (const size of FASHION_NETWORK_SIZES) {
    metadata[`testAccuracy${size}`] = (await testAccuracy(device, averaged, size)).toFixed(4);
  }
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, x] of Object.entries(averaged)) {
    tensors[name] = { shape: x.shape, dtype: 'float32', data: await x.data() };
  }
  await writeSafetensors(values.out, tensors, metadata);
  const sha256 = createHash('sha256')
    .update(await readFile(values.out))
    .digest('hex');
  console.log({ ...metadata, seconds, file: values.out, sha256 });
  disposeTree(state);
  await device.dispose();
}

await main();
