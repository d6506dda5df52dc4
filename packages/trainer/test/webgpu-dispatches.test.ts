/**
 * What a training step of the demo costs the host on WebGPU: a dispatch for three ops of its graph at most, by the kernels
 * for GPUs and by those for software adapters. Compiled for Dawn's backend that computes nothing, which every machine has.
 */
import { disposeTree, openDevice, type Tensor, tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { armConfig, parseCompareConfig } from '../src/config.ts';
import { startOf, trainStepOf } from '../src/parts.ts';
import { demo } from '../src/recipes/demo.ts';

describe("the demo's training step on WebGPU", () => {
  it.each(['webgpu:null', 'webgpu:null:software'])('has three ops a dispatch on %s', async (name) => {
    const comparison = parseCompareConfig(demo);
    const config = armConfig(comparison, comparison.arms[0]!.name);
    const device = await openDevice(name, { tune: 'off' });
    const step = trainStepOf(device, config);
    try {
      const { batchSize } = config.training;
      const size = config.model.sample_size as number;
      const zeros = (...shape: number[]): Tensor =>
        tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
      const images = [batchSize, 1, size, size];
      const batch = {
        x0: zeros(...images),
        noise: zeros(...images),
        timesteps: zeros(batchSize),
        alpha: zeros(batchSize),
        sigma: zeros(batchSize),
        weight: zeros(batchSize),
      };
      const scalars = {
        learningRate: 1e-3,
        stepSize: 1e-3,
        inverseRootCorrection: 1,
        momentumSize: 0,
        step: 1,
        emaRate: 0.01,
      };
      const result = await step.run(await startOf(config), [batch], scalars);
      const { dispatches, graphOps } = step.report as Record<string, number>;
      expect(graphOps).toBeGreaterThan(1000);
      expect(3 * dispatches!).toBeLessThanOrEqual(graphOps!);
      disposeTree([result.state, result.numbers]);
    } finally {
      await step.dispose();
      await device.dispose();
    }
  });
});
