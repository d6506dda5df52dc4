/**
 * What replaying a recorded training step costs the host: the demo's step on Dawn's backend that computes nothing, where
 * all the time is the host's. Prints the step's size and microseconds a dispatch.
 *
 *   node --import tsx --conditions=@immiscible/source scripts/replay-time.ts [DEVICE]
 */
import { disposeTree, openDevice, type Tensor, tensor } from '@immiscible/tensor-core';
import { armConfig, parseCompareConfig } from '../src/config.ts';
import { startOf, trainStepOf } from '../src/parts.ts';
import { demo } from '../src/recipes/demo.ts';

const STEPS = 200;
const WARM_UP = 20;

const comparison = parseCompareConfig(demo);
const config = armConfig(comparison, comparison.arms[0]!.name);
const device = await openDevice(process.argv[2] ?? 'webgpu:null');
const step = trainStepOf(device, config, STEPS);
const { batchSize } = config.training;
const size = config.model.sample_size as number;
const filled = (...shape: number[]): Tensor =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape);

let state = await startOf(config);
const milliseconds: number[] = [];
for (let k = 0; k < STEPS; k++) {
  const images = [batchSize, 1, size, size];
  const batch = {
    x0: filled(...images),
    noise: filled(...images),
    timesteps: filled(batchSize),
    alpha: filled(batchSize),
    sigma: filled(batchSize),
    weight: filled(batchSize),
  };
  const scalars = {
    learningRate: 1e-3,
    stepSize: 1e-3,
    inverseRootCorrection: 1,
    momentumSize: 0,
    step: 1,
    emaRate: 0.01,
  };
  const start = performance.now();
  const result = await step.run(state, [batch], scalars);
  milliseconds.push(performance.now() - start);
  ({ state } = result);
  disposeTree(result.numbers);
}
const sorted = milliseconds.slice(WARM_UP).sort((a, b) => a - b);
const dispatches = step.report['dispatches'] ?? 0;
const perDispatch = (ms: number): string => `${((1000 * ms) / dispatches).toFixed(2)} µs`;
console.log(`${device.description}: ${dispatches} dispatches for ${step.report['graphOps']} ops a step`);
console.log(
  `a dispatch: median ${perDispatch(sorted[sorted.length >> 1]!)}, fastest ${perDispatch(sorted[0]!)}`,
);
await device.dispose();
