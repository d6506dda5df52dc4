/**
 * The WebGPU adapters of this machine and the choice among them. Dawn lists them in Node; a browser shows only the one
 * that it would give.
 */
import { DeviceError } from '../../errors.ts';
import { dawnAdapterNames, inNode, mayHaveHardware, openDawn } from './dawn.ts';

/** One adapter, in Dawn's words. */
export interface AdapterDescription {
  /** The driver's name for it: what `openDevice` takes a part of. */
  readonly name: string;
  /** `vulkan`, `metal`, `d3d12`, …; empty in browsers. */
  readonly backend: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** The driver and its version, where it tells. */
  readonly description: string;
  /** A CPU that plays a GPU (lavapipe, SwiftShader, WARP): for tests, 10 times slower than the CPU target. */
  readonly software: boolean;
  /** WebGPU's names of optional features, sorted: `shader-f16`, `subgroups`, … */
  readonly features: readonly string[];
  /** WebGPU's names of limits, and what the adapter allows. */
  readonly limits: Readonly<Record<string, number>>;
}

/** An adapter, with what has to be held while it is used. */
export interface FoundAdapter {
  readonly description: AdapterDescription;
  readonly adapter: GPUAdapter;
  readonly entry: GPU;
}

/** What a person may ask for: a kind of adapter, or part of a name. */
export type AdapterChoice = 'hardware' | 'software' | { readonly name: string };

const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|microsoft basic render|\bwarp\b/i;

/** One GPU may stand behind several of these. */
const BACKENDS = ['metal', 'd3d12', 'vulkan', 'd3d11', 'opengl', 'opengles'];

/**
 * Every adapter, the best first; none where there is no driver, or no Dawn for this platform. Dawn says on stderr which
 * drivers it misses.
 */
export async function webgpuAdapters(): Promise<AdapterDescription[]> {
  return (await findAdapters()).map(({ description }) => description);
}

/** For people: which GPU, through which interface, with which driver. */
export function adapterLine({ name, backend, description }: AdapterDescription): string {
  const driver = description === name ? '' : description;
  return [name, backend, driver].filter((text) => text !== '').join(', ');
}

/**
 * The adapter to use.
 *
 * @throws DeviceError where no adapter fits: which there are, and what to do
 */
export function chooseAdapter<T extends { readonly description: AdapterDescription }>(
  found: readonly T[],
  choice: AdapterChoice,
): T {
  const chosen = found.find(({ description }) => fits(description, choice));
  if (chosen) return chosen;
  throw new DeviceError(
    `openDevice: there is no ${wordsFor(choice)}; ${listOf(found.map(({ description }) => description))}. ${adviceFor(choice, found.length === 0)}`,
  );
}

function fits({ name, device, description, software }: AdapterDescription, choice: AdapterChoice): boolean {
  if (choice === 'hardware') return !software;
  if (choice === 'software') return software;
  const wanted = choice.name.trim().toLowerCase();
  return wanted !== '' && [name, device, description].some((text) => text.toLowerCase().includes(wanted));
}

function wordsFor(choice: AdapterChoice): string {
  if (typeof choice === 'string') return `${choice} WebGPU adapter`;
  return `WebGPU adapter whose name holds "${choice.name}"`;
}

function listOf(adapters: readonly AdapterDescription[]): string {
  if (adapters.length === 0) return 'WebGPU finds none at all';
  const names = adapters.map(({ name, software }) => `"${name}"${software ? ' (software)' : ''}`);
  return `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
}

function adviceFor(choice: AdapterChoice, none: boolean): string {
  if (choice === 'hardware') {
    return 'Install a driver for the GPU (on Linux one for Vulkan, and libvulkan1), or use "cpu"; "webgpu:software" is for tests only';
  }
  if (choice === 'software') {
    return 'Install one (on Linux lavapipe of Mesa 24 or later, and libvulkan1), or use "cpu"';
  }
  return none ? 'Use "auto" or "cpu"' : 'Use part of one of these names, "auto" or "cpu"';
}

/** The adapter of `openDevice('auto')`, if there is one: hardware, the best first. Quick where there is no GPU. */
export async function findHardware(): Promise<FoundAdapter | undefined> {
  if (!(await mayHaveHardware())) return undefined;
  const found = await findAdapters();
  const taken = automaticAdapter(found.map(({ description }) => description));
  return found.find(({ description }) => description === taken);
}

/** Which of these adapters `openDevice('auto')` takes; none means the CPU. */
export function automaticAdapter(adapters: readonly AdapterDescription[]): AdapterDescription | undefined {
  return adapters.find((adapter) => fits(adapter, 'hardware'));
}

/** Every adapter, by name: by backend, and within one as Dawn ranks them, discrete GPUs first. */
export async function findAdapters(): Promise<FoundAdapter[]> {
  if (!inNode()) {
    const preferred = await request('', {});
    return preferred ? [preferred] : [];
  }
  const rank = ({ backend }: { backend: string }): number =>
    BACKENDS.includes(backend) ? BACKENDS.indexOf(backend) : BACKENDS.length;
  const names = (await dawnAdapterNames()).sort((a, b) => rank(a) - rank(b));
  const found: FoundAdapter[] = [];
  for (const { backend, name } of names) {
    const one = await request(name, { backend, adapter: name });
    if (one) found.push(one);
  }
  return found;
}

async function request(
  name: string,
  options: { readonly backend?: string; readonly adapter?: string },
): Promise<FoundAdapter | undefined> {
  const entry = await openDawn(options);
  const adapter = await entry?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  return entry && adapter
    ? { entry, adapter, description: describeAdapter(adapter, name, options.backend ?? '') }
    : undefined;
}

/** What an adapter says of itself. @param name empty where nobody told it */
export function describeAdapter(adapter: GPUAdapter, name: string, backend: string): AdapterDescription {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const limits: Record<string, number> = {};
  for (const key in adapter.limits) {
    const value = adapter.limits[key as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[key] = value;
  }
  const told = [vendor, architecture, device].filter((text) => text !== '').join(' ');
  return {
    name: name || description || told,
    backend,
    vendor,
    architecture,
    device,
    description,
    software: isFallbackAdapter || SOFTWARE.test(`${name} ${told} ${description}`),
    features: [...adapter.features].sort(),
    limits,
  };
}
