/** Devices: where programs are compiled and run. */
import { compileFunction, type CompiledFunction, type CompileOptions, type TreeRecord } from './compile.ts';
import { DeviceError } from './errors.ts';
import { addDefaultTarget, removeDefaultTarget } from './evaluate.ts';
import { findHardware } from './targets/webgpu/adapters.ts';
import { inNode } from './targets/webgpu/dawn.ts';
import { type Gpu, openAdapter, openGpu } from './targets/webgpu/gpu.ts';
import { type LiveBuffers, type Target } from './targets/target.ts';
import { type Tree } from './tree.ts';

/**
 * `auto` takes a hardware WebGPU adapter if there is one, else the CPU; `webgpu` wants hardware; `webgpu:software` a CPU
 * that plays a GPU, for tests; anything else is part of an adapter's name (`webgpuAdapters()`).
 */
export type DeviceName = 'auto' | 'cpu' | 'webgpu' | 'webgpu:software' | (string & {});

export interface DeviceOptions {
  /** Threads of the `cpu` device; all that the process may use where omitted. */
  readonly threads?: number;
}

export class Device {
  readonly #target: Target;
  readonly #compiled = new Set<{ dispose(): Promise<void> }>();
  #open = true;

  constructor(target: Target) {
    this.#target = target;
  }

  /** `cpu` or `webgpu`. */
  get name(): string {
    return this.#target.name;
  }

  /** For people: what runs the programs; of a GPU, its name and driver. */
  get description(): string {
    return this.#target.description;
  }

  /**
   * Compiles a pure function of a record of tensors. It is traced on its first call, and again for every new
   * structure, shape or dtype of its argument.
   */
  compile<I extends TreeRecord, O extends Tree>(
    f: (inputs: I) => O,
    options: CompileOptions<I> = {},
  ): CompiledFunction<I, O> {
    this.#check();
    const compiled: CompiledFunction<I, O> = compileFunction(this.#target, f, options, () =>
      this.#compiled.delete(compiled),
    );
    this.#compiled.add(compiled);
    return compiled;
  }

  /** Copies a tree of tensors to this device; the originals stay as they are. */
  async put<T extends Tree>(tree: T): Promise<T> {
    this.#check();
    const identity = compileFunction(this.#target, ({ tree: x }: { tree: Tree }) => x);
    try {
      return (await identity({ tree })) as T;
    } finally {
      await identity.dispose();
    }
  }

  /** Buffers that live on this device now. */
  liveBuffers(): LiveBuffers {
    return this.#target.live();
  }

  /** Waits for work under way and frees everything; tensors on this device are gone. */
  async dispose(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    removeDefaultTarget(this.#target);
    for (const compiled of this.#compiled) await compiled.dispose();
    await this.#target.dispose();
  }

  #check(): void {
    if (!this.#open) throw new DeviceError('this device was disposed; open another with openDevice()');
  }
}

/**
 * Opens a device. The one opened last also computes the values of tensors read outside compiled functions.
 *
 * @throws DeviceError where there is no such device: which there are, and what to do
 */
export async function openDevice(name: DeviceName = 'auto', options: DeviceOptions = {}): Promise<Device> {
  const target = await openTarget(name, options);
  addDefaultTarget(target);
  return new Device(target);
}

async function openTarget(name: DeviceName, { threads }: DeviceOptions): Promise<Target> {
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw new DeviceError(`openDevice: wants a whole number of threads of at least 1, got ${threads}`);
  }
  if (name === 'cpu') return openCpu(threads);
  if (name !== 'auto') return openWebGpu(await openGpu(name));
  const hardware = await findHardware();
  if (hardware) return openWebGpu(await openAdapter(hardware));
  return inNode() ? openCpu(threads) : openWebGpu(await openGpu('webgpu'));
}

async function openCpu(threads: number | undefined): Promise<Target> {
  if (!inNode()) {
    throw new DeviceError('openDevice: "cpu" is ONNX Runtime, which wants Node; use "webgpu" in a browser');
  }
  const { availableParallelism } = await import('node:os');
  const { OnnxTarget } = await import('./targets/onnx/target.ts');
  return OnnxTarget.open({ threads: threads ?? availableParallelism() });
}

async function openWebGpu(gpu: Gpu): Promise<Target> {
  const { WebGpuTarget } = await import('./targets/webgpu/target.ts');
  return new WebGpuTarget(gpu);
}
