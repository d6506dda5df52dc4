/**
 * The WebGPU adapters of this machine, through Dawn (npm `webgpu`): what a program can tell a person about the GPU that
 * it might use. Programs are not compiled for them yet; `openDevice('auto')` takes the CPU.
 */

/** One adapter, in Dawn's words. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** WebGPU's names of optional features, sorted: `shader-f16`, `subgroups`, … */
  readonly features: readonly string[];
}

/**
 * The adapter that Dawn would take, or none: where there is no driver, or no build of Dawn for this platform. Dawn says
 * on stderr why it finds none.
 */
export async function webgpuAdapters(): Promise<AdapterDescription[]> {
  let create;
  try {
    ({ create } = await import('webgpu'));
  } catch {
    return [];
  }
  const gpu = create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return [];
  const { vendor, architecture, device, description } = adapter.info;
  return [{ vendor, architecture, device, description, features: [...adapter.features].sort() }];
}
