/** Runs kernels by themselves on a GPU device: for tests and benches of single lowerings. */
import { allocate, type HostArray } from '../src/dtype.ts';
import { type TensorType } from '../src/graph/node.ts';
import { assemble, type BindingLimits, storageBytes } from '../src/targets/webgpu/assemble.ts';
import { type Capabilities, type Emitter, type Kernel, type Value } from '../src/targets/webgpu/kernel.ts';

let nextId = 0;

/** A value to make operands of. */
export function testValue(type: TensorType, label = 'test'): Value {
  return { ...type, id: nextId++, label };
}

/** Keeps what is emitted; of several variants it takes the one of that name, else the first. */
export class CollectingEmitter implements Emitter {
  readonly kernels: Kernel[] = [];
  readonly choices: { key: string; names: string[] }[] = [];
  readonly capabilities: Capabilities;
  readonly #variant: string | undefined;

  constructor(capabilities: Capabilities, variant?: string) {
    this.capabilities = capabilities;
    this.#variant = variant;
  }

  temporary(type: TensorType, label: string): Value {
    return testValue(type, label);
  }

  emit(kernel: Kernel): void {
    this.kernels.push(kernel);
  }

  choose(key: string, variants: Parameters<Emitter['choose']>[1]): void {
    this.choices.push({ key, names: variants.map(({ name }) => name) });
    (variants.find(({ name }) => name === this.#variant) ?? variants[0]).emit();
  }
}

/** What `device` offers, as kernels want to know it. */
export function capabilitiesOf(device: GPUDevice, software: boolean): Capabilities {
  const { limits, features } = device;
  return {
    software,
    f16: features.has('shader-f16'),
    subgroups: features.has('subgroups'),
    workgroupMemory: limits.maxComputeWorkgroupStorageSize,
    workgroupInvocations: limits.maxComputeInvocationsPerWorkgroup,
    storageBuffers: limits.maxStorageBuffersPerShaderStage,
    bindingBytes: limits.maxStorageBufferBindingSize,
    bindingAlignment: limits.minStorageBufferOffsetAlignment,
  };
}

export interface KernelRun {
  /** The elements of `want`, in its order; float16 as its bits. */
  readonly results: HostArray[];
  /** Fastest of the repetitions, from the first dispatch to the end of the queue, in milliseconds. */
  readonly milliseconds: number;
}

/**
 * Runs `kernels` in order, once and then `repeat` times more.
 *
 * @param data what values hold at first (uint8 and bool one element a byte); all others are zero
 * @throws Error with Dawn's words where a kernel is not valid
 */
export async function runKernels(
  device: GPUDevice,
  kernels: readonly Kernel[],
  data: ReadonlyMap<Value, HostArray>,
  want: readonly Value[],
  repeat = 0,
  limits: BindingLimits = capabilitiesOf(device, true),
): Promise<KernelRun> {
  device.pushErrorScope('validation');
  const buffers = new Map<Value, GPUBuffer>();
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const bufferOf = (value: Value): GPUBuffer => {
    let buffer = buffers.get(value);
    if (!buffer) {
      const size = value.shape.reduce((a, b) => a * b, 1) * storageBytes(value.dtype);
      buffer = device.createBuffer({ size: Math.max(4, Math.ceil(size / 4) * 4), usage });
      buffers.set(value, buffer);
      const held = data.get(value);
      if (held) {
        const words = held instanceof Uint8Array ? Uint32Array.from(held) : held;
        const padded = new Uint8Array(Math.ceil(words.byteLength / 4) * 4);
        padded.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
        device.queue.writeBuffer(buffer, 0, padded);
      }
    }
    return buffer;
  };
  const dispatches = kernels.map((kernel) => {
    const assembled = assemble(kernel, limits);
    const module = device.createShaderModule({ code: assembled.code, label: kernel.label });
    const pipeline = device.createComputePipeline({
      layout: 'auto',
      compute: { module },
      label: kernel.label,
    });
    const entries: GPUBindGroupEntry[] = assembled.bindings.map(({ operand, offset, size }, binding) => ({
      binding,
      resource: { buffer: bufferOf(operand.value), offset, size },
    }));
    if (assembled.starts.length > 0) {
      const words = new Uint32Array(Math.ceil(assembled.starts.length / 4) * 4);
      words.set(assembled.starts);
      const starts = device.createBuffer({
        size: words.byteLength,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      });
      device.queue.writeBuffer(starts, 0, words);
      entries.push({ binding: entries.length, resource: { buffer: starts } });
    }
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return { pipeline, group, workgroups: kernel.workgroups };
  });
  const run = (): void => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
  run();
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  const results: HostArray[] = [];
  for (const value of want) {
    const source = bufferOf(value);
    const staging = device.createBuffer({
      size: source.size,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, staging, 0, source.size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange().slice(0);
    staging.destroy();
    const elements = value.shape.reduce((a, b) => a * b, 1);
    const words = value.dtype === 'uint8' || value.dtype === 'bool';
    const out = allocate(value.dtype, elements);
    if (words) out.set(new Uint32Array(bytes, 0, elements));
    else new Uint8Array(out.buffer).set(new Uint8Array(bytes, 0, out.byteLength));
    results.push(out);
  }
  let milliseconds = Infinity;
  for (let i = 0; i < repeat; i++) {
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    run();
    await device.queue.onSubmittedWorkDone();
    milliseconds = Math.min(milliseconds, performance.now() - start);
  }
  for (const buffer of buffers.values()) buffer.destroy();
  return { results, milliseconds };
}
