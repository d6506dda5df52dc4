/** Compiled kernels, kept by their text: equal layers share them, and a second program is ready at once. */
import { DeviceError } from '../../errors.ts';
import { type AssembledKernel } from './assemble.ts';
import { type Gpu } from './gpu.ts';

const COMPUTE_STAGE = 0x4;

export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class PipelineCache {
  readonly #gpu: Gpu;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  get size(): number {
    return this.#pipelines.size;
  }

  /** @throws DeviceError with the kernel's label and what the compiler says */
  get(label: string, { code, bindings, writes, starts }: AssembledKernel): Promise<Pipeline> {
    let pipeline = this.#pipelines.get(code);
    if (!pipeline) {
      pipeline = this.#create(label, code, bindings.length - writes, writes, starts.length > 0);
      this.#pipelines.set(code, pipeline);
      pipeline.catch(() => this.#pipelines.delete(code));
    }
    return pipeline;
  }

  async #create(
    label: string,
    code: string,
    reads: number,
    writes: number,
    uniform: boolean,
  ): Promise<Pipeline> {
    const { device } = this.#gpu;
    const layout = this.#layout(reads, writes, uniform);
    try {
      const module = device.createShaderModule({ code, label });
      const gpu = await device.createComputePipelineAsync({
        layout: layout.pipeline,
        compute: { module, entryPoint: 'main' },
        label,
      });
      return { gpu, layout: layout.group };
    } catch (error) {
      this.#gpu.check();
      throw new DeviceError(`webgpu: ${label} did not compile: ${String(error)}`, { cause: error });
    }
  }

  #layout(
    reads: number,
    writes: number,
    uniform: boolean,
  ): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const key = `${reads} ${writes} ${uniform}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const types: GPUBufferBindingType[] = [
        ...Array.from({ length: reads }, () => 'read-only-storage' as const),
        ...Array.from({ length: writes }, () => 'storage' as const),
        ...(uniform ? (['uniform'] as const) : []),
      ];
      const group = this.#gpu.device.createBindGroupLayout({
        entries: types.map((type, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type } })),
      });
      const pipeline = this.#gpu.device.createPipelineLayout({ bindGroupLayouts: [group] });
      layout = { group, pipeline };
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}
