/**
 * What an adapter does at best: fused multiply-adds of f32 in registers, and a copy. Shares of the peak are shares of
 * these, of what the chip does at the clock it holds; what its maker prints is another matter.
 */
import { type Ceilings } from '../../profile.ts';
import { type Gpu } from './gpu.ts';

/** Independent chains of vec4 in an invocation, so that none waits for its own last result; few enough for 16 registers. */
const CHAINS = 3;
/** Written out in the loop. */
const UNROLLED = 8;
const STEPS = 1024;
const LANES = 64;
const FLOPS = CHAINS * 4 * STEPS * 2 * LANES;

const chains = Array.from({ length: CHAINS }, (_, i) => i);

const MULTIPLY = `@group(0) @binding(0) var<storage, read> by: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4f>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let scale = by[0];
  let shift = by[1];
  ${chains.map((i) => `var v${i} = scale + f32(lane + ${i}u);`).join('\n  ')}
  for (var step = 0u; step < ${STEPS / UNROLLED}u; step++) {
    ${Array.from({ length: UNROLLED }, () => chains.map((i) => `v${i} = fma(v${i}, scale, shift);`).join(' ')).join('\n    ')}
  }
  sums[(group.x % 64u) * ${LANES}u + lane] = ${chains.map((i) => `v${i}`).join(' + ')};
}`;

const COPY = `@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4f>;
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  if (i < arrayLength(&source)) { copied[i] = source[i]; }
}`;

const STORAGE = 0x0080;
const COPY_DST = 0x0008;

/** Where nothing is played by the CPU, a copy of this many bytes is far over every cache. */
const COPY_BYTES = { hardware: 256 * 2 ** 20, software: 16 * 2 ** 20 };
/** A measurement is at least so long, in milliseconds. */
const LONG = 20;
const MOST_WORKGROUPS = 32_768;

/** The best of some runs of either kernel; it takes a fraction of a second, once a device. */
export async function measureCeilings(gpu: Gpu): Promise<Ceilings> {
  const { device } = gpu;
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const wanted = gpu.software ? COPY_BYTES.software : COPY_BYTES.hardware;
  const bytes = Math.min(wanted, maxBufferSize, maxStorageBufferBindingSize);
  const copyGroups = Math.ceil(bytes / 16 / LANES);
  const columns = Math.min(copyGroups, MOST_WORKGROUPS);
  const gbPerSecond =
    (2 *
      bytes *
      (await mostPerMillisecond(gpu, COPY, [bytes, bytes], columns, Math.ceil(copyGroups / columns)))) /
    1e6;
  const groups = gpu.software ? 512 : MOST_WORKGROUPS;
  const sums = 64 * LANES * 16;
  const gflopPerSecond =
    (FLOPS * groups * (await mostPerMillisecond(gpu, MULTIPLY, [32, sums], groups, 1))) / 1e6;
  return { gflopPerSecond, gbPerSecond };
}

/** Dispatches in a millisecond, the best of some runs. @param sizes bytes of what is read and what is written */
async function mostPerMillisecond(
  { device }: Gpu,
  code: string,
  sizes: readonly [number, number],
  columns: number,
  rows: number,
): Promise<number> {
  const module = device.createShaderModule({ code, label: 'ceiling' });
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module },
    label: 'ceiling',
  });
  const buffers = sizes.map((size) =>
    device.createBuffer({ size, usage: STORAGE | COPY_DST, label: 'ceiling' }),
  );
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  // Halves: sums of them stay finite.
  device.queue.writeBuffer(buffers[0]!, 0, new Float32Array(8).fill(0.5));
  const run = async (dispatches: number): Promise<number> => {
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    const encoder = device.createCommandEncoder({ label: 'ceiling' });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(columns, rows);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  try {
    let dispatches = 1;
    await run(1);
    while ((await run(dispatches)) < LONG && dispatches < 4096) dispatches *= 2;
    let best = Infinity;
    for (let i = 0; i < 3; i++) best = Math.min(best, await run(dispatches));
    return dispatches / best;
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}
