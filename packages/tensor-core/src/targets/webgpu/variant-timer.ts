/** Times kernels by themselves on scratch memory: by the device's timestamps, or by the host where it has none. */
import { assemble, type BindingLimits } from './assemble.ts';
import { type Gpu } from './gpu.ts';
import { type Kernel, type Value } from './kernel.ts';
import { type Block, type GpuMemory } from './memory.ts';
import { PipelineCache } from './pipelines.ts';
import { valueBytes } from './plan-memory.ts';

/** A measurement is at least so long, in microseconds, where that takes no more than MOST_REPEATS. */
const LONG = 2000;
const MOST_REPEATS = 64;
const ROUNDS = 3;

const MAP_READ = 0x0001;
const COPY_SRC = 0x0004;
const COPY_DST = 0x0008;
const UNIFORM = 0x0040;
const QUERY_RESOLVE = 0x0200;

/** Writes some rounds of the same dispatches into a pass. */
type Encode = (pass: GPUComputePassEncoder, repeats: number) => void;

/** The device's clock, read before and after a pass. */
interface Clock {
  readonly queries: GPUQuerySet;
  readonly resolved: GPUBuffer;
  readonly staging: GPUBuffer;
}

export class VariantTimer {
  readonly #gpu: Gpu;
  readonly #memory: GpuMemory;
  readonly #limits: BindingLimits;
  /** Of its own: what loses is not kept. */
  readonly #pipelines: PipelineCache;
  readonly #clock: Clock | undefined;

  constructor(gpu: Gpu, memory: GpuMemory, limits: BindingLimits) {
    this.#gpu = gpu;
    this.#memory = memory;
    this.#limits = limits;
    this.#pipelines = new PipelineCache(gpu);
    const { device, features } = gpu;
    if (features.timestamps) {
      this.#clock = {
        queries: device.createQuerySet({ type: 'timestamp', count: 2, label: 'tuning' }),
        resolved: device.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC, label: 'tuning' }),
        staging: device.createBuffer({ size: 16, usage: COPY_DST | MAP_READ, label: 'tuning' }),
      };
    }
  }

  /**
   * Runs `kernels` in order, several times.
   *
   * @param enough microseconds: where a run takes longer, it is not repeated
   * @returns microseconds of one run, the best of several
   * @throws DeviceError where they do not compile, or do not fit into memory
   */
  async time(kernels: readonly Kernel[], enough = Infinity): Promise<number> {
    const blocks = new Map<Value, Block>();
    const uniforms: GPUBuffer[] = [];
    try {
      const encode = await this.#prepare(kernels, blocks, uniforms);
      await this.#run(encode, 1);
      const first = await this.#run(encode, 1);
      if (first > enough) return first;
      const repeats = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(LONG / first)));
      let best = first;
      for (let i = 0; i < ROUNDS; i++) best = Math.min(best, (await this.#run(encode, repeats)) / repeats);
      return best;
    } finally {
      for (const block of blocks.values()) this.#memory.release(block);
      for (const buffer of uniforms) buffer.destroy();
    }
  }

  async #prepare(
    kernels: readonly Kernel[],
    blocks: Map<Value, Block>,
    uniforms: GPUBuffer[],
  ): Promise<Encode> {
    const { device } = this.#gpu;
    const blockOf = (value: Value): Block => {
      let block = blocks.get(value);
      if (!block) blocks.set(value, (block = this.#memory.acquire(valueBytes(value))));
      return block;
    };
    const dispatches = await Promise.all(
      kernels.map(async (kernel) => {
        const assembled = assemble(kernel, this.#limits);
        const { bindings, starts } = assembled;
        const pipeline = await this.#pipelines.get(kernel.label, assembled);
        const entries: GPUBindGroupEntry[] = bindings.map(({ operand, offset, size }, binding) => ({
          binding,
          resource: { buffer: blockOf(operand.value).gpu, offset, size },
        }));
        if (starts.length > 0) {
          const words = new Uint32Array(Math.ceil(starts.length / 4) * 4);
          words.set(starts);
          const buffer = device.createBuffer({ size: words.byteLength, usage: UNIFORM | COPY_DST });
          uniforms.push(buffer);
          device.queue.writeBuffer(buffer, 0, words);
          entries.push({ binding: entries.length, resource: { buffer } });
        }
        const group = device.createBindGroup({ layout: pipeline.layout, entries, label: kernel.label });
        return { pipeline: pipeline.gpu, group, workgroups: kernel.workgroups };
      }),
    );
    this.#gpu.check();
    return (pass, repeats) => {
      for (let i = 0; i < repeats; i++) {
        for (const { pipeline, group, workgroups } of dispatches) {
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, group);
          pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
        }
      }
    };
  }

  /** @returns microseconds */
  async #run(encode: Encode, repeats: number): Promise<number> {
    const { device } = this.#gpu;
    const clock = this.#clock;
    const encoder = device.createCommandEncoder({ label: 'tuning' });
    const pass = encoder.beginComputePass(
      clock && {
        timestampWrites: {
          querySet: clock.queries,
          beginningOfPassWriteIndex: 0,
          endOfPassWriteIndex: 1,
        },
      },
    );
    encode(pass, repeats);
    pass.end();
    if (clock) {
      encoder.resolveQuerySet(clock.queries, 0, 2, clock.resolved, 0);
      encoder.copyBufferToBuffer(clock.resolved, 0, clock.staging, 0, 16);
    }
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    this.#gpu.check();
    if (!clock) {
      await device.queue.onSubmittedWorkDone();
      this.#gpu.check();
      return Math.max(1, 1000 * (performance.now() - start));
    }
    await clock.staging.mapAsync(MAP_READ).catch((error: unknown) => {
      this.#gpu.check();
      throw error;
    });
    const [begin, end] = new BigUint64Array(clock.staging.getMappedRange().slice(0));
    clock.staging.unmap();
    this.#gpu.check();
    return Math.max(0.001, Number(end! - begin!) / 1000);
  }

  dispose(): void {
    this.#clock?.queries.destroy();
    this.#clock?.resolved.destroy();
    this.#clock?.staging.destroy();
  }
}
