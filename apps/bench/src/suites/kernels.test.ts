import { describe, expect, it } from 'vitest';
import { webgpuAdapters } from '@immiscible/tensor-core';
import { flopsOf, LARGE_CASES, SMALL_CASES } from './kernels-cases.ts';
import { findPeers } from './kernels-peers.ts';
import { formatKernelsBench } from './kernels-table.ts';
import { runKernelsBench } from './kernels.ts';

const adapters = await webgpuAdapters();
const software = adapters.find((adapter) => adapter.software);
const why = software ? '' : ' (skipped: WebGPU finds no software adapter)';

describe('kernels', () => {
  it('counts multiplications and additions', () => {
    const flops = Object.fromEntries(
      [...SMALL_CASES, ...LARGE_CASES].map((given) => [given.name, flopsOf(given)]),
    );
    expect(flops['matmul 512×512 · 512×512']).toBe(2 * 512 ** 3);
    const conv = 2 * 8 * 64 * 64 * 9 * 32 * 32;
    for (const op of ['forward', 'input gradient', 'weight gradient']) {
      expect(flops[`conv 8×64→64×32×32, 3×3, ${op}`]).toBe(conv);
    }
    expect(flops['conv 128×128→128×32×32, 3×3, stride 2, forward']).toBe(2 * 128 * 128 * 128 * 9 * 16 * 16);
  });

  it('measures every case on the CPU, and says what it has not', async () => {
    const report = await runKernelsBench({ devices: ['cpu'], rounds: 1, peers: false });
    expect(report.rows.map(({ name }) => name)).toEqual(SMALL_CASES.map(({ name }) => name));
    for (const { gflops } of report.rows) expect(gflops['cpu']).toBeGreaterThan(0);
    const text = formatKernelsBench(report);
    expect(text).toContain('cpu: ONNX Runtime');
    if (adapters.length === 0) expect(text).toContain('skipped: WebGPU: there is no adapter on this machine');
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it.skipIf(!software)(`shows shares of the ceiling on an adapter${why}`, async () => {
    const report = await runKernelsBench({ devices: ['webgpu:software'], rounds: 1, peers: false });
    expect(report.columns[0]!.ceiling).toBeGreaterThan(0);
    for (const { gflops } of report.rows) expect(gflops['webgpu:software']).toBeGreaterThan(0);
    expect(formatKernelsBench(report)).toMatch(/matmul 512×512 · 512×512 .* \(\d+ %\)/);
  });

  it('names the peers that are not installed, and how to install them', async () => {
    const { peers, missing } = await findPeers(import.meta.dirname);
    expect(peers).toEqual([]);
    expect(missing.map((text) => text.split(':')[0])).toEqual(['tfjs wasm', 'tfjs cpu', 'jax-js wasm']);
  });
});
