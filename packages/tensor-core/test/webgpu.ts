/** Whether tests can run on a WebGPU adapter that computes on the CPU: the same on every machine that has one. */
import { webgpuAdapters } from '../src/targets/webgpu/adapters.ts';

/** `reason` belongs into the names of tests that are skipped; it is empty where they run. */
export type SoftwareGpu =
  { readonly available: true; readonly reason: '' } | { readonly available: false; readonly reason: string };

export async function softwareGpu(): Promise<SoftwareGpu> {
  const adapters = await webgpuAdapters();
  if (adapters.some(({ software }) => software)) return { available: true, reason: '' };
  const reason = ' (skipped: no software WebGPU adapter here; node scripts/lavapipe.mjs unpacks one)';
  return { available: false, reason };
}
