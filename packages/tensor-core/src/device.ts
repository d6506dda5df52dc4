/** Devices: where programs are compiled and run. */
import { compileFunction, type CompiledFunction, type CompileOptions, type TreeRecord } from './compile.ts';
import { DeviceError } from './errors.ts';
import { addDefaultTarget, removeDefaultTarget } from './evaluate.ts';
import { findHardware } from './targets/webgpu/adapters.ts';
import { inNode } from './targets/webgpu/dawn.ts';
import { type Gpu, openAdapter, openGpu } from './targets/webgpu/gpu.ts';
import { type ProfileReport } from './profile.ts';
import {
  type CompileProgress,
  type LiveBuffers,
  type Target,
  type TuneMode,
  type TuningState,
} from './targets/target.ts';
import { type Tree } from './tree.ts';

/**
 * `auto` takes a hardware WebGPU adapter if there is one, else the CPU; `webgpu` wants hardware; `webgpu:software` a CPU
 * that plays a GPU, for tests; anything else is part of an adapter's name (`webgpuAdapters()`).
 */
export type DeviceName = 'auto' | 'cpu' | 'webgpu' | 'webgpu:software' | (string & {});

export interface DeviceOptions {
  /** Threads of the `cpu` device; all that the process may use where omitted. */
  readonly threads?: number;
  /** Times every run from the beginning, as `startProfile()` does from when it is called. */
  readonly profile?: boolean;
  /**
   * Which of several kernels a GPU runs: the fastest of those that were measured before (`cached`, the default), with
   * those that were not measured now, while programs are compiled (`measure`), or the same ones always (`off`).
   */
  readonly tune?: TuneMode;
  /** Called as kernels are compiled, for every `compile` that has no `onProgress` of its own. */
  readonly onProgress?: (progress: CompileProgress) => void;
}

export class Device {
  readonly #target: Target;
  readonly #options: DeviceOptions;
  readonly #compiled = new Set<{ dispose(): Promise<void> }>();
  #open = true;

  constructor(target: Target, options: DeviceOptions = {}) {
    this.#target = target;
    this.#options = options;
    if (options.profile) target.profiler.start();
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
    const { onProgress } = this.#options;
    const withProgress = { ...(onProgress && { onProgress }), ...options };
    const compiled: CompiledFunction<I, O> = compileFunction(this.#target, f, withProgress, () =>
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

  /** Forgets what was timed, and times every run from now on: each kernel on a GPU, whole programs on the CPU. */
  startProfile(): void {
    this.#check();
    this.#target.profiler.start();
  }

  /** Times no further run. */
  stopProfile(): void {
    this.#target.profiler.stop();
  }

  /**
   * What was timed so far; it waits for that to be done, and on a GPU measures once what the adapter does at best.
   *
   * @throws DeviceLostError where the device is gone
   */
  async profile(): Promise<ProfileReport> {
    this.#check();
    return this.#target.profiler.report();
  }

  /** How kernels are chosen, on GPUs. */
  get tuning(): TuningState | undefined {
    return this.#target.tuning;
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
  return new Device(target, options);
}

async function openTarget(name: DeviceName, { threads, tune = 'cached' }: DeviceOptions): Promise<Target> {
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw new DeviceError(`openDevice: wants a whole number of threads of at least 1, got ${threads}`);
  }
  if (name === 'cpu') return openCpu(threads);
  if (name !== 'auto') return openWebGpu(await openGpu(name), tune);
  const hardware = await findHardware();
  if (hardware) return openWebGpu(await openAdapter(hardware), tune);
  return inNode() ? openCpu(threads) : openWebGpu(await openGpu('webgpu'), tune);
}

async function openCpu(threads: number | undefined): Promise<Target> {
  if (!inNode()) {
    throw new DeviceError('openDevice: "cpu" is ONNX Runtime, which wants Node; use "webgpu" in a browser');
  }
  const { availableParallelism } = await import('node:os');
  const { OnnxTarget } = await import('./targets/onnx/target.ts');
  return OnnxTarget.open({ threads: threads ?? availableParallelism() });
}

async function openWebGpu(gpu: Gpu, tune: TuneMode): Promise<Target> {
  const { WebGpuTarget } = await import('./targets/webgpu/target.ts');
  return WebGpuTarget.open(gpu, tune);
}
