/** Random numbers on a GPU, bit for bit those of the host. */
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../src/shape.ts';
import { hostRandomUniform } from '../src/targets/host-random.ts';
import { type Kernel, whole } from '../src/targets/webgpu/kernel.ts';
import { philoxCode } from '../src/targets/webgpu/kernels/random.ts';
import { runKernels, testValue } from './kernel-harness.ts';
import { softwareGpu, why } from './kernel-operands.ts';

describe('philox in WGSL', () => {
  it.skipIf(!softwareGpu).each([
    { shape: [3, 1], salt: 0 },
    { shape: [4, 3, 7, 5], salt: 2 ** 31 - 1 },
    { shape: [2, 1000], salt: 12345 },
  ])(`gives the host's bits for $shape, salt $salt${why}`, async ({ shape, salt }) => {
    const key = Int32Array.from({ length: 2 * shape[0]! }, (_, i) =>
      i === 0 ? -1 : Math.imul(i, 0x9e3779b9),
    );
    const keys = testValue({ shape: [shape[0]!, 2], dtype: 'int32' });
    const out = testValue({ shape, dtype: 'float32' });
    const row = sizeOf(shape.slice(1));
    const kernel: Kernel = {
      label: 'randomUniform',
      body: `${philoxCode}
fn run(group: vec3u, lane: u32) {
  let i = group.x * 64u + lane;
  if (i >= ${sizeOf(shape)}u) { return; }
  let b = i / ${row}u;
  out[i] = philox_uniform(u32(key[2u * b]), u32(key[2u * b + 1u]), ${salt}u, i % ${row}u);
}`,
      reads: { key: whole(keys) },
      writes: { out: whole(out) },
      invocations: 64,
      workgroups: [Math.ceil(sizeOf(shape) / 64), 1, 1],
      flops: 0,
    };
    const { results } = await runKernels(softwareGpu!.device, [kernel], new Map([[keys, key]]), [out]);
    const wanted = new Float32Array(sizeOf(shape));
    hostRandomUniform(key, { shape, salt }, wanted);
    expect(results[0]).toEqual(wanted);
  });

  it('reads as it did', () => expect(philoxCode).toMatchSnapshot());
});
