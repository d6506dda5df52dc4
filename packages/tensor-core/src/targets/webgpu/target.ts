/**
 * The `webgpu` target: graphs as WGSL kernels, run by Dawn in Node and by the browser's own WebGPU.
 *
 * The main target: on a machine with a GPU it is what everything runs on.
 */
import { type HostArray } from '../../dtype.ts';
import { DeviceError } from '../../errors.ts';
import { type TensorType } from '../../graph/node.ts';
import { type Buffer, type Graph, type LiveBuffers, type Program, type ProgramOptions, type Target } from '../target.ts';
import { adapterLine } from './adapters.ts';
import { type Gpu } from './gpu.ts';
import { type Capabilities } from './kernel.ts';
import { GpuMemory, WebGpuBuffer } from './memory.ts';
import { PipelineCache } from './pipelines.ts';
import { WebGpuProgram } from './program.ts';

export class WebGpuTarget implements Target {
  readonly name = 'webgpu';
  readonly description: string;
  readonly #gpu: Gpu;
  readonly #memory: GpuMemory;
  readonly #pipelines: PipelineCache;
  readonly #capabilities: Capabilities;
  #open = true;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.description = adapterLine(gpu.adapter);
    this.#memory = new GpuMemory(gpu);
    this.#pipelines = new PipelineCache(gpu);
    this.#capabilities = capabilitiesOf(gpu);
  }

  upload(data: HostArray, type: TensorType): Buffer {
    return WebGpuBuffer.fromHost(this.#memory, type, data);
  }

  compile(graph: Graph, options: ProgramOptions): Promise<Program> {
    if (!this.#open) throw new DeviceError('this device was disposed; open another with openDevice()');
    return WebGpuProgram.create(graph, options, {
      memory: this.#memory,
      pipelines: this.#pipelines,
      capabilities: this.#capabilities,
      choose: () => 0,
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
export function capabilitiesOf({ device, software, features }: Gpu): Capabilities {
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
