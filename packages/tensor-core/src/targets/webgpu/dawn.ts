/**
 * Where WebGPU comes from: Dawn (npm `webgpu`) in Node, `navigator.gpu` in browsers. Dawn is loaded when it is first
 * asked for, never by importing this file.
 */

export interface DawnOptions {
  /** `vulkan`, `metal`, `d3d12`, …, `null`; Dawn's own choice where omitted. */
  readonly backend?: string;
  /** Part of an adapter's name, as `dawnAdapterNames` gives it. */
  readonly adapter?: string;
}

/** An adapter of Dawn's list. */
export interface DawnAdapterName {
  readonly backend: string;
  readonly name: string;
}

/** f16 is off on NVIDIA's driver unless asked for; timestamps in steps of 100 µs measure no kernel. */
const TOGGLES = [
  'enable-dawn-features=vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
];

/** No adapter has this name: asking for it makes Dawn list those that there are. */
const NO_ADAPTER = 'no adapter has this name';

export function inNode(): boolean {
  return typeof process === 'object' && typeof process.versions?.node === 'string';
}

/** Where Linux shows a GPU: a card, NVIDIA's driver, that of Windows below WSL, a phone's. */
const LINUX_GPUS = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg', '/dev/kgsl-3d0', '/dev/mali0'];

/**
 * False where a look at the system is enough to say that there is no hardware adapter. Asking Dawn costs time, and it
 * warns on stderr of every driver that is not there: too much for a program that was told to take what there is.
 */
export async function mayHaveHardware(): Promise<boolean> {
  if (!inNode() || process.platform !== 'linux') return true;
  const { access } = await import('node:fs/promises');
  const seen = await Promise.all(
    LINUX_GPUS.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return seen.includes(true);
}

/**
 * An entry to WebGPU, or none where there is no build of Dawn for this platform or no WebGPU in this browser. In Node,
 * what is made from it lives only as long as somebody holds it.
 */
export async function openDawn({ backend, adapter }: DawnOptions = {}): Promise<GPU | undefined> {
  if (!inNode()) return (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  const flags = [...TOGGLES];
  if (backend !== undefined) flags.push(`backend=${backend}`);
  if (adapter !== undefined) flags.push(`adapter=${adapter}`);
  try {
    const { create } = await import('webgpu');
    return create(flags);
  } catch {
    return undefined;
  }
}

/** The adapters that Dawn lists, hardware and software; none in browsers, which list nothing. */
export async function dawnAdapterNames(): Promise<DawnAdapterName[]> {
  if (!inNode()) return [];
  const gpu = await openDawn({ adapter: NO_ADAPTER });
  if (!gpu) return [];
  try {
    await gpu.requestAdapter({ powerPreference: 'high-performance' });
    return [];
  } catch (error) {
    return parseAdapterNames(String(error));
  }
}

/** Reads lines like ` * backend: 'vulkan', name: 'llvmpipe (LLVM 15.0.6, 256 bits)'`. */
export function parseAdapterNames(message: string): DawnAdapterName[] {
  const lines = [...message.matchAll(/^ \* backend: '([^']*)', name: '(.*)'$/gm)];
  // Of GPUs of one name Dawn gives the first, whichever is asked for.
  const different = new Map(lines.map(([line, backend, name]) => [line, { backend: backend!, name: name! }]));
  return [...different.values()];
}
