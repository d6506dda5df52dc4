/**
 * How long a process waits for its first training step, and for the next: run it twice for what a second start costs.
 *
 *   npx tsx --conditions=@immiscible/source packages/tensor-core/scripts/start-time.ts [device] [cached|measure|off]
 */
import { argv } from 'node:process';
import {
  conv2d,
  groupNorm,
  ones,
  openDevice,
  silu,
  type Tensor,
  tensor,
  type TuneMode,
  valueAndGrad,
  zeros,
} from '@immiscible/tensor-core';

const BLOCKS = 4;
const CHANNELS = 16;

type Weights = readonly Tensor[];

const weight = (): Tensor => {
  const values = Float32Array.from({ length: CHANNELS * CHANNELS * 9 }, (_, i) => Math.sin(i) / 12);
  return tensor(values, [CHANNELS, CHANNELS, 3, 3]);
};
const scale = ones([CHANNELS]);
const shift = zeros([CHANNELS]);
const lossOf = (weights: Weights, x: Tensor): Tensor =>
  weights
    .reduce(
      (h, w) => h.add(conv2d(silu(groupNorm(h, scale, shift, { groups: 4, eps: 1e-5 })), w, { padding: 1 })),
      x,
    )
    .square()
    .mean();

const began = performance.now();
const [, , name = 'auto', tune = 'cached'] = argv;
const device = await openDevice(name, { tune: tune as TuneMode });
const opened = performance.now();
const step = device.compile(
  ({ weights, x }: { weights: Weights; x: Tensor }) => {
    const { value, gradients } = valueAndGrad((w: Weights) => lossOf(w, x))(weights);
    return { loss: value, weights: weights.map((w, i) => w.sub(gradients[i]!.mul(0.01))) };
  },
  { donate: ['weights'] },
);
const x = ones([8, CHANNELS, 16, 16]);
let weights: Weights = Array.from({ length: BLOCKS }, weight);
const times: number[] = [];
for (let i = 0; i < 3; i++) {
  const start = performance.now();
  const result = await step({ weights, x });
  weights = result.weights;
  await result.loss.item();
  times.push(performance.now() - start);
}
const ms = (value: number): string => `${value.toFixed(0)} ms`;
console.log(
  `${device.description}: opened in ${ms(opened - began)}, first step after ${ms(times[0]!)}` +
    ` (of it ${ms(step.report['compileMilliseconds']!)} to compile), third after ${ms(times[2]!)};` +
    ` ${step.report['dispatches']} kernels, ${step.report['pipelines']} different`,
);
await device.dispose();
