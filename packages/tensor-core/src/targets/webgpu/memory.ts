/** GPU memory: blocks that are used again, and the buffers that callers hold. */
import { allocate, checkHostArray, type HostArray } from '../../dtype.ts';
import { DisposedError } from '../../errors.ts';
import { type TensorType } from '../../graph/node.ts';
import { sizeOf } from '../../shape.ts';
import { type Buffer, type LiveBuffers } from '../target.ts';
import { type Gpu } from './gpu.ts';
import { valueBytes } from './plan-memory.ts';

/** A GPU buffer with a number that tells it from all others. */
export interface Block {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** A multiple of 256. */
  readonly bytes: number;
}

/** Host data up to here is not sent until a program packs it with its other small inputs. */
export const SMALL_BYTES = 16_384;
/** Free blocks are kept up to this many bytes. */
const POOL_BYTES = 512 * 2 ** 20;

/** Blocks come and go with every step; their memory stays. V8 does not see it, so nothing here waits for a collector. */
export class GpuMemory {
  readonly gpu: Gpu;
  readonly #free = new Map<number, Block[]>();
  readonly #staging = new Map<number, GPUBuffer[]>();
  #freeBytes = 0;
  #nextId = 0;
  #live = { count: 0, bytes: 0 };
  #open = true;

  constructor(gpu: Gpu) {
    this.gpu = gpu;
  }

  /** A block of at least `bytes`; what it holds is anybody's guess. */
  acquire(bytes: number): Block {
    const size = Math.max(256, Math.ceil(bytes / 256) * 256);
    const held = this.#free.get(size)?.pop();
    if (held) {
      this.#freeBytes -= size;
      return held;
    }
    const gpu = this.gpu.device.createBuffer({
      size,
      usage: GPU_STORAGE | GPU_COPY_SRC | GPU_COPY_DST,
      label: `block of ${size} bytes`,
    });
    return { id: this.#nextId++, gpu, bytes: size };
  }

  /** Gives a block back. Work that was submitted before still sees what it held. */
  release(block: Block): void {
    if (!this.#open || this.#freeBytes + block.bytes > POOL_BYTES) {
      block.gpu.destroy();
      return;
    }
    this.#freeBytes += block.bytes;
    const list = this.#free.get(block.bytes);
    if (list) list.push(block);
    else this.#free.set(block.bytes, [block]);
  }

  /** Sends host data, one word an element where the GPU has no bytes. */
  write(block: Block, data: HostArray): void {
    const bytes = gpuBytes(data);
    this.gpu.device.queue.writeBuffer(block.gpu, 0, bytes);
  }

  /** Reads a block back once the work submitted before is done. */
  async read(block: Block, type: TensorType): Promise<HostArray> {
    const size = valueBytes(type);
    const staging = this.#staging.get(size)?.pop() ?? this.#createStaging(size);
    const encoder = this.gpu.device.createCommandEncoder({ label: 'read back' });
    encoder.copyBufferToBuffer(block.gpu, 0, staging, 0, size);
    this.gpu.device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(GPU_MAP_READ);
    } catch (error) {
      staging.destroy();
      this.gpu.check();
      throw error;
    }
    const result = hostArray(staging.getMappedRange(), type);
    staging.unmap();
    this.gpu.check();
    const list = this.#staging.get(size);
    if (!list) this.#staging.set(size, [staging]);
    else if (list.length < 4) list.push(staging);
    else staging.destroy();
    return result;
  }

  #createStaging(size: number): GPUBuffer {
    return this.gpu.device.createBuffer({ size, usage: GPU_COPY_DST | GPU_MAP_READ, label: 'read back' });
  }

  count(bytes: number, by: 1 | -1): void {
    this.#live.count += by;
    this.#live.bytes += by * bytes;
  }

  get live(): LiveBuffers {
    return { ...this.#live };
  }

  dispose(): void {
    this.#open = false;
    for (const list of this.#free.values()) for (const { gpu } of list) gpu.destroy();
    for (const list of this.#staging.values()) for (const buffer of list) buffer.destroy();
    this.#free.clear();
    this.#staging.clear();
  }
}

// WebGPU's constants by value: Node has no globals for them.
const GPU_MAP_READ = 0x0001;
const GPU_COPY_SRC = 0x0004;
const GPU_COPY_DST = 0x0008;
const GPU_STORAGE = 0x0080;

/** A value that callers hold. Small host data stays on the host until something reads it on the device. */
export class WebGpuBuffer implements Buffer {
  readonly type: TensorType;
  readonly bytes: number;
  readonly #memory: GpuMemory;
  #block: Block | undefined;
  #host: HostArray | undefined;
  #gone = false;

  private constructor(memory: GpuMemory, type: TensorType, source: { block?: Block; host?: HostArray }) {
    this.#memory = memory;
    this.type = type;
    this.bytes = valueBytes(type);
    this.#block = source.block;
    this.#host = source.host;
    memory.count(this.bytes, 1);
  }

  static fromBlock(memory: GpuMemory, type: TensorType, block: Block): WebGpuBuffer {
    return new WebGpuBuffer(memory, type, { block });
  }

  /** Copies `data`. */
  static fromHost(memory: GpuMemory, type: TensorType, data: HostArray): WebGpuBuffer {
    checkHostArray(data, type.dtype);
    const buffer = new WebGpuBuffer(memory, type, { host: data });
    if (buffer.bytes <= SMALL_BYTES) buffer.#host = data.slice();
    else buffer.block();
    return buffer;
  }

  /** The elements where they have not been sent. */
  get host(): HostArray | undefined {
    this.#check();
    return this.#host;
  }

  /** Where the value is on the device; it is sent now if it was not. */
  block(): Block {
    this.#check();
    if (!this.#block) {
      this.#block = this.#memory.acquire(this.bytes);
      this.#memory.write(this.#block, this.#host!);
      this.#host = undefined;
    }
    return this.#block;
  }

  async read(): Promise<HostArray> {
    this.#check();
    if (this.#host) return this.#host;
    return this.#memory.read(this.#block!, this.type);
  }

  /** The block, which is the caller's now; the buffer is gone. */
  take(): Block {
    const block = this.block();
    this.#block = undefined;
    this.#end();
    return block;
  }

  dispose(): void {
    if (this.#gone) return;
    if (this.#block) this.#memory.release(this.#block);
    this.#end();
  }

  #end(): void {
    this.#gone = true;
    this.#block = undefined;
    this.#host = undefined;
    this.#memory.count(this.bytes, -1);
  }

  #check(): void {
    if (this.#gone) throw new DisposedError('this buffer was disposed');
  }
}

/** Host elements as the GPU holds them, padded to whole words. */
export function gpuBytes(data: HostArray): Uint8Array<ArrayBuffer> {
  const words = data instanceof Uint8Array ? Uint32Array.from(data) : data;
  const bytes = new Uint8Array(words.buffer as ArrayBuffer, words.byteOffset, words.byteLength);
  if (bytes.length % 4 === 0) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

/** Elements that the GPU holds as host elements, copied. */
function hostArray(bytes: ArrayBuffer, { shape, dtype }: TensorType): HostArray {
  const elements = sizeOf(shape);
  const result = allocate(dtype, elements);
  if (result instanceof Uint8Array) result.set(new Uint32Array(bytes, 0, elements));
  else new Uint8Array(result.buffer).set(new Uint8Array(bytes, 0, result.byteLength));
  return result;
}
