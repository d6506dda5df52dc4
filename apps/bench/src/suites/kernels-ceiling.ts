/**
 * What an adapter can multiply at best: a kernel of nothing but fused multiply-adds of f32, in registers.
 *
 * Shares of the peak are shares of this number: what the chip does at the clock it holds, not what its maker prints.
 */
import { create, globals } from 'webgpu';

/** Independent chains of vec4 in an invocation, so that none waits for its own last result; few enough for 16 registers. */
const CHAINS = 3;
/** Written out in the loop. */
const UNROLLED = 8;
const STEPS = 1024;
const INVOCATIONS = 64;
const FLOPS = CHAINS * 4 * STEPS * 2;

/** Long enough to measure, in milliseconds. */
const LONG = 60;

const range = Array.from({ length: CHAINS }, (_, i) => i);

const CODE = `@group(0) @binding(0) var<storage, read> by: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4f>;
@compute @workgroup_size(${INVOCATIONS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let scale = by[0];
  let shift = by[1];
  ${range.map((i) => `var v${i} = scale + f32(lane + ${i}u);`).join('\n  ')}
  for (var step = 0u; step < ${STEPS / UNROLLED}u; step++) {
    ${Array.from({ length: UNROLLED }, () => range.map((i) => `v${i} = fma(v${i}, scale, shift);`).join(' ')).join('\n    ')}
  }
  sums[(group.x % 64u) * ${INVOCATIONS}u + lane] = ${range.map((i) => `v${i}`).join(' + ')};
}`;

/**
 * GFLOP/s, the best of some runs.
 *
 * @param adapterName as `webgpuAdapters()` gives it; a device of tensor-core should be open on it, so that a software
 *   adapter is left alone while it computes
 */
export async function measureCeiling(adapterName: string): Promise<number> {
  Object.assign(globalThis, globals);
  const entry = create([`adapter=${adapterName}`]);
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error(`the adapter "${adapterName}" cannot be opened a second time`);
  const device = await adapter.requestDevice();
  try {
    const { STORAGE, COPY_DST } = GPUBufferUsage;
    const by = device.createBuffer({ size: 32, usage: STORAGE | COPY_DST });
    device.queue.writeBuffer(by, 0, new Float32Array(8).fill(0.5));
    const sums = device.createBuffer({ size: 64 * INVOCATIONS * 16, usage: STORAGE });
    const module = device.createShaderModule({ code: CODE });
    const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
    const entries = [by, sums].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const run = async (workgroups: number, dispatches: number): Promise<number> => {
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(workgroups);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - start;
    };
    let [workgroups, dispatches] = [64, 1];
    while ((await run(workgroups, dispatches)) < LONG) {
      if (workgroups < 32_768) workgroups *= 2;
      else dispatches *= 2;
    }
    let best = Infinity;
    for (let i = 0; i < 4; i++) best = Math.min(best, await run(workgroups, dispatches));
    return (FLOPS * INVOCATIONS * workgroups * dispatches) / best / 1e6;
  } finally {
    device.destroy();
  }
}
