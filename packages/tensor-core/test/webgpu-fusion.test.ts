/**
 * Fused programs, the same programs with every op in a kernel of its own, and the CPU agree: random expressions of every
 * family of ops, with their gradients.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/device.ts';
import * as tc from '../src/index.ts';
import { openGpu } from '../src/targets/webgpu/gpu.ts';
import { WebGpuTarget } from '../src/targets/webgpu/target.ts';
import { relativeError } from './golden.ts';
import { buildExpression, elementsFor, recipes } from './random-graphs.ts';
import { softwareGpu } from './webgpu.ts';

const gpu = await softwareGpu();

describe.skipIf(!gpu.available)(`fusion${gpu.reason}`, () => {
  let fused: Device;
  let unfused: Device;
  let cpu: Device;

  beforeAll(async () => {
    cpu = await tc.openDevice('cpu', { threads: 1 });
    fused = new Device(new WebGpuTarget(await openGpu('webgpu:software')));
    unfused = new Device(new WebGpuTarget(await openGpu('webgpu:software'), undefined, { unfused: true }));
  });
  afterAll(() => Promise.all([cpu, fused, unfused].map((device) => device.dispose())));

  it('changes no value and no gradient of random expressions', async () => {
    let saved = 0;
    await fc.assert(
      fc.asyncProperty(recipes, async (recipe) => {
        const x = elementsFor(recipe).map((elements, k) => tc.tensor(elements, [...recipe.shapes[k]!]));
        const f = (inputs: tc.Tensor[]): { loss: tc.Tensor; value: tc.Tensor } => {
          const value = buildExpression(recipe, inputs, true);
          return { loss: value.mul(value.mul(0.3).sin()).sum(), value };
        };
        const run = async (device: Device): Promise<{ values: tc.HostArray[]; dispatches: number }> => {
          const compiled = device.compile(({ x: inputs }: { x: tc.Tensor[] }) => {
            const { value, gradients } = tc.valueAndGrad(f)(inputs);
            return [value.value, ...gradients];
          });
          const values = await Promise.all((await compiled({ x })).map((t) => t.data()));
          const dispatches = compiled.report['dispatches'] ?? 0;
          await compiled.dispose();
          return { values, dispatches };
        };
        const [reference, one, other] = [await run(cpu), await run(fused), await run(unfused)];
        fc.pre(reference.values.every((v) => v.every((e) => Number.isFinite(e) && Math.abs(e) < 1e5)));
        saved += other.dispatches - one.dispatches;
        reference.values.forEach((values, i) => {
          expect(relativeError(one.values[i]!, values), 'fused').toBeLessThan(1e-4);
          expect(relativeError(other.values[i]!, values), 'unfused').toBeLessThan(1e-4);
        });
      }),
      { numRuns: 25, seed: 3 },
    );
    expect(saved, 'dispatches that fusion saves').toBeGreaterThan(100);
  }, 300_000);
});
