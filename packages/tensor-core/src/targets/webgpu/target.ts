/**
 * The `webgpu` target: graphs as WGSL kernels, run by Dawn in Node and by the browser's own WebGPU.
 *
 * The main target: on a machine with a GPU it is what everything runs on.
 */
import { type HostArray } from '../../dtype.ts';
import { DeviceError } from '../../errors.ts';
import { type TensorType } from '../../graph/node.ts';
import {
  type Buffer,
  type Graph,
  type LiveBuffers,
  type Program,
  type ProgramOptions,
  type Target,
  type TuneMode,
  type TuningState,
} from '../target.ts';
import { adapterLine } from './adapters.ts';
import { type Gpu } from './gpu.ts';
import { type Capabilities } from './kernel.ts';
import { GpuMemory, WebGpuBuffer } from './memory.ts';
import { PipelineCache } from './pipelines.ts';
import { GpuProfiler } from './profile.ts';
import { WebGpuProgram } from './program.ts';
import { Tuner } from './tune.ts';

export class WebGpuTarget implements Target {
  readonly name = 'webgpu';
  readonly description: string;
  readonly profiler: GpuProfiler;
  readonly #gpu: Gpu;
  readonly #memory: GpuMemory;
  readonly #pipelines: PipelineCache;
  readonly #capabilities: Capabilities;
  readonly #tuner: Tuner;
  #open = true;

  /**
   * @param tuner takes the first variants where omitted
   * @param changes to what kernels may use, to compare with: unfused, or an adapter of other limits
   */
  constructor(gpu: Gpu, tuner = Tuner.off(gpu), changes: Partial<Capabilities> = {}) {
    this.#gpu = gpu;
    this.description = adapterLine(gpu.adapter);
    this.#memory = new GpuMemory(gpu);
    this.#pipelines = new PipelineCache(gpu);
    this.#capabilities = { ...capabilitiesOf(gpu), ...changes };
    this.#tuner = tuner;
    this.profiler = new GpuProfiler(gpu);
  }

  static async open(gpu: Gpu, tune: TuneMode): Promise<WebGpuTarget> {
    return new WebGpuTarget(gpu, await Tuner.open(gpu, tune));
  }

  get tuning(): TuningState {
    return this.#tuner.state;
  }

  upload(data: HostArray, type: TensorType): Buffer {
    return WebGpuBuffer.fromHost(this.#memory, type, data);
  }

  async compile(graph: Graph, options: ProgramOptions): Promise<Program> {
    if (!this.#open) throw new DeviceError('this device was disposed; open another with openDevice()');
    await this.#tuner.learn(graph, options, this.#capabilities, this.#memory);
    return WebGpuProgram.create(graph, options, {
      memory: this.#memory,
      pipelines: this.#pipelines,
      capabilities: this.#capabilities,
      choose: this.#tuner.choose,
      profiler: this.profiler,
    });
  }

  live(): LiveBuffers {
    return this.#memory.live;
  }

  async dispose(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#memory.dispose();
    this.#gpu.close();
  }
}

/** What the kernels for `gpu` may use. */
function capabilitiesOf({ device, software, features }: Gpu): Capabilities {
  const { limits } = device;
  return {
    software,
    f16: features.f16,
    subgroups: features.subgroups,
    workgroupMemory: limits.maxComputeWorkgroupStorageSize,
    workgroupInvocations: limits.maxComputeInvocationsPerWorkgroup,
    storageBuffers: limits.maxStorageBuffersPerShaderStage,
    bindingBytes: limits.maxStorageBufferBindingSize,
    bindingAlignment: limits.minStorageBufferOffsetAlignment,
  };
}
