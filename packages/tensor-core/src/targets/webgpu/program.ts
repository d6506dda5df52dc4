/**
 * A compiled graph: kernels with their pipelines and bind groups, replayed in one submit.
 *
 * What a run needs is made at compile time. Small inputs are packed into one buffer and sent in one piece; donated inputs
 * are written in place; bind groups are made again only when a buffer that comes from outside is another one.
 */
import { DisposedError } from '../../errors.ts';
import { type Work } from '../../profile.ts';
import { isLeaf } from '../../graph/node.ts';
import { type Buffer, type Graph, type Program, type ProgramOptions } from '../target.ts';
import { assemble, type Binding } from './assemble.ts';
import { type Kernel, type Value } from './kernel.ts';
import { type Choose, lowerGraph, type LoweredGraph } from './lower.ts';
import { type Block, gpuBytes, type GpuMemory, SMALL_BYTES, WebGpuBuffer } from './memory.ts';
import { type Pipeline, type PipelineCache } from './pipelines.ts';
import { planMemory, valueBytes } from './plan-memory.ts';
import { type GpuProfiler } from './profile.ts';
import { type Capabilities } from './kernel.ts';

/** Submits that may be under way before a run waits for the first of them. */
const MOST_IN_FLIGHT = 3;
/** Bind groups that a dispatch remembers. */
const MOST_GROUPS = 16;

const COPY_DST = 0x0008;
const UNIFORM = 0x0040;

/** What a target lends its programs. */
export interface ProgramContext {
  readonly memory: GpuMemory;
  readonly pipelines: PipelineCache;
  readonly capabilities: Capabilities;
  readonly choose: Choose;
  readonly profiler: GpuProfiler;
}

/** Where a value is: in a block of the program's own, or in one that each run brings. */
type Place =
  | { readonly kind: 'own'; readonly buffer: GPUBuffer; readonly offset: number }
  | { readonly kind: 'input'; readonly position: number }
  | { readonly kind: 'output'; readonly position: number };

interface Dispatch extends Work {
  readonly pipeline: Pipeline;
  readonly workgroups: readonly [number, number, number];
  readonly bindings: readonly Binding[];
  readonly places: readonly Place[];
  /** What the kernel's uniform holds, or nothing. */
  readonly uniform: GPUBindGroupEntry | undefined;
  /** Bind groups by the numbers of the blocks from outside. */
  readonly groups: Map<string, GPUBindGroup>;
  readonly outside: readonly Place[];
}

/** A small input's place in the packed buffer. */
interface Packed {
  readonly position: number;
  readonly offset: number;
}

export class WebGpuProgram implements Program {
  readonly report: Readonly<Record<string, number>>;
  readonly #context: ProgramContext;
  readonly #lowered: LoweredGraph;
  readonly #graph: Graph;
  readonly #donated: ReadonlySet<number>;
  readonly #dispatches: readonly Dispatch[];
  readonly #packed: readonly Packed[];
  readonly #packedBytes: Uint8Array<ArrayBuffer>;
  readonly #packedBlock: Block | undefined;
  readonly #own: readonly Block[];
  readonly #uniforms: GPUBuffer | undefined;
  /** For each output: the donated input whose memory it takes over. */
  readonly #inPlace: readonly (number | undefined)[];
  #inFlight: Promise<unknown>[] = [];
  #disposed = false;

  private constructor(made: {
    context: ProgramContext;
    lowered: LoweredGraph;
    graph: Graph;
    options: ProgramOptions;
    dispatches: readonly Dispatch[];
    packed: readonly Packed[];
    packedBlock: Block | undefined;
    packedSize: number;
    own: readonly Block[];
    uniforms: GPUBuffer | undefined;
    report: Readonly<Record<string, number>>;
  }) {
    this.#context = made.context;
    this.#lowered = made.lowered;
    this.#graph = made.graph;
    this.#donated = new Set(made.options.donated);
    this.#dispatches = made.dispatches;
    this.#packed = made.packed;
    this.#packedBlock = made.packedBlock;
    this.#packedBytes = new Uint8Array(made.packedSize);
    this.#own = made.own;
    this.#uniforms = made.uniforms;
    this.report = made.report;
    const { inputs, outputs } = made.lowered;
    this.#inPlace = outputs.map((value) => {
      const position = inputs.indexOf(value);
      return position < 0 ? undefined : position;
    });
  }

  static async create(
    graph: Graph,
    options: ProgramOptions,
    context: ProgramContext,
  ): Promise<WebGpuProgram> {
    const start = performance.now();
    const { memory, capabilities } = context;
    const lowered = lowerGraph(graph, options.donated, capabilities, context.choose);
    const donated = new Set(options.donated);
    const places = new Map<Value, Place>();
    const own: Block[] = [];
    const take = (bytes: number): Block => {
      const block = memory.acquire(bytes);
      own.push(block);
      return block;
    };
    lowered.outputs.forEach((value, position) => places.set(value, { kind: 'output', position }));
    const packed: Packed[] = [];
    let packedSize = 0;
    lowered.inputs.forEach((value, position) => {
      if (donated.has(position) || valueBytes(value) > SMALL_BYTES) {
        places.set(value, { kind: 'input', position });
      } else {
        packed.push({ position, offset: packedSize });
        packedSize += Math.ceil(valueBytes(value) / 256) * 256;
      }
    });
    const packedBlock = packedSize > 0 ? take(packedSize) : undefined;
    for (const { position, offset } of packed) {
      places.set(lowered.inputs[position]!, { kind: 'own', buffer: packedBlock!.gpu, offset });
    }
    for (const { value, data } of lowered.constants) {
      const block = take(valueBytes(value));
      memory.write(block, data);
      places.set(value, { kind: 'own', buffer: block.gpu, offset: 0 });
    }
    const plan = planMemory(lowered.kernels, new Set(places.keys()));
    const slots = plan.slots.map(take);
    for (const [value, slot] of plan.slotOf) {
      places.set(value, { kind: 'own', buffer: slots[slot]!.gpu, offset: 0 });
    }
    const { dispatches, uniforms } = await record(lowered.kernels, places, context, options.onProgress);
    memory.gpu.check();
    return new WebGpuProgram({
      context,
      lowered,
      graph,
      options,
      dispatches,
      packed,
      packedBlock,
      packedSize,
      own,
      uniforms,
      report: {
        graphNodes: graph.nodes.length,
        graphOps: graph.nodes.filter((node) => !isLeaf(node)).length,
        dispatches: dispatches.length,
        pipelines: new Set(dispatches.map(({ pipeline }) => pipeline)).size,
        temporaryBytes: plan.slots.reduce((total, bytes) => total + bytes, 0),
        unsharedBytes: plan.unsharedBytes,
        flops: lowered.kernels.reduce((total, { flops }) => total + flops, 0),
        compileMilliseconds: performance.now() - start,
      },
    });
  }

  async run(inputs: readonly Buffer[]): Promise<Buffer[]> {
    if (this.#disposed) throw new DisposedError('this program was disposed');
    if (this.#inFlight.length >= MOST_IN_FLIGHT) {
      await this.#inFlight.shift();
      this.#context.memory.gpu.check();
    }
    const outputs = this.#submit(inputs as readonly WebGpuBuffer[]);
    const { device } = this.#context.memory.gpu;
    this.#inFlight.push(device.queue.onSubmittedWorkDone().catch(() => undefined));
    return outputs;
  }

  #submit(inputs: readonly WebGpuBuffer[]): Buffer[] {
    const { memory, profiler } = this.#context;
    const { device } = memory.gpu;
    const sample = profiler.begin(this.#dispatches);
    const encoder = device.createCommandEncoder({ label: 'program' });
    this.#pack(inputs, encoder);
    const inputBlocks = new Map<number, Block>();
    const blockOfInput = (position: number): Block => {
      let block = inputBlocks.get(position);
      if (!block) inputBlocks.set(position, (block = inputs[position]!.block()));
      return block;
    };
    const outputBlocks = this.#lowered.outputs.map((value, i) => {
      const position = this.#inPlace[i];
      return position === undefined ? memory.acquire(valueBytes(value)) : blockOfInput(position);
    });
    const blockOf = (place: Place): Block =>
      place.kind === 'input'
        ? blockOfInput(place.position)
        : outputBlocks[(place as { position: number }).position]!;
    let pass = encoder.beginComputePass(sample?.pass(0));
    let current: GPUComputePipeline | undefined;
    for (const [i, dispatch] of this.#dispatches.entries()) {
      const { pipeline, workgroups } = dispatch;
      const alone = i > 0 ? sample?.pass(i) : undefined;
      if (alone) {
        pass.end();
        pass = encoder.beginComputePass(alone);
        current = undefined;
      }
      if (pipeline.gpu !== current) pass.setPipeline((current = pipeline.gpu));
      pass.setBindGroup(0, this.#group(dispatch, blockOf));
      pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    }
    pass.end();
    sample?.resolve(encoder);
    device.queue.submit([encoder.finish()]);
    sample?.submitted();
    memory.gpu.check();
    for (const position of this.#donated) {
      const buffer = inputs[position]!;
      if (this.#inPlace.includes(position)) buffer.take();
      else buffer.dispose();
    }
    return this.#graph.outputs.map((node, i) => WebGpuBuffer.fromBlock(memory, node, outputBlocks[i]!));
  }

  /** Sends all small inputs in one piece; those that are on the device already are copied there. */
  #pack(inputs: readonly WebGpuBuffer[], encoder: GPUCommandEncoder): void {
    if (!this.#packedBlock) return;
    let fromHost = false;
    for (const { position, offset } of this.#packed) {
      const buffer = inputs[position]!;
      const { host } = buffer;
      if (host) {
        this.#packedBytes.set(gpuBytes(host), offset);
        fromHost = true;
      } else encoder.copyBufferToBuffer(buffer.block().gpu, 0, this.#packedBlock.gpu, offset, buffer.bytes);
    }
    if (fromHost)
      this.#context.memory.gpu.device.queue.writeBuffer(this.#packedBlock.gpu, 0, this.#packedBytes);
  }

  #group(dispatch: Dispatch, blockOf: (place: Place) => Block): GPUBindGroup {
    let key = '';
    for (const place of dispatch.outside) key += `${blockOf(place).id} `;
    let group = dispatch.groups.get(key);
    if (!group) {
      if (dispatch.groups.size >= MOST_GROUPS) dispatch.groups.clear();
      const entries: GPUBindGroupEntry[] = dispatch.bindings.map(({ offset, size }, binding) => {
        const place = dispatch.places[binding]!;
        const [buffer, start] = place.kind === 'own' ? [place.buffer, place.offset] : [blockOf(place).gpu, 0];
        return { binding, resource: { buffer, offset: start + offset, size } };
      });
      if (dispatch.uniform) entries.push(dispatch.uniform);
      group = this.#context.memory.gpu.device.createBindGroup({
        layout: dispatch.pipeline.layout,
        entries,
        label: dispatch.label,
      });
      dispatch.groups.set(key, group);
    }
    return group;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const block of this.#own) this.#context.memory.release(block);
    this.#uniforms?.destroy();
    for (const { groups } of this.#dispatches) groups.clear();
  }
}

/** Compiles the kernels, all at once, and settles where their operands are. */
async function record(
  kernels: readonly Kernel[],
  places: ReadonlyMap<Value, Place>,
  { memory, pipelines, capabilities }: ProgramContext,
  onProgress: ProgramOptions['onProgress'],
): Promise<{ dispatches: Dispatch[]; uniforms: GPUBuffer | undefined }> {
  const { device } = memory.gpu;
  const assembled = kernels.map((kernel) => assemble(kernel, capabilities));
  const uniformBytes = 256 * assembled.filter(({ starts }) => starts.length > 0).length;
  const uniforms =
    uniformBytes > 0 ? device.createBuffer({ size: uniformBytes, usage: UNIFORM | COPY_DST }) : undefined;
  const uniformData = new Uint32Array(uniformBytes / 4);
  let uniformOffset = 0;
  let done = 0;
  const compiled = await Promise.all(
    kernels.map(async ({ label }, i) => {
      const pipeline = await pipelines.get(label, assembled[i]!);
      onProgress?.({ stage: 'compiling', done: ++done, total: kernels.length, label });
      return pipeline;
    }),
  );
  const dispatches = kernels.map((kernel, i): Dispatch => {
    const { bindings, starts } = assembled[i]!;
    let uniform: GPUBindGroupEntry | undefined;
    if (starts.length > 0) {
      uniformData.set(starts, uniformOffset / 4);
      const size = Math.ceil(starts.length / 4) * 16;
      uniform = { binding: bindings.length, resource: { buffer: uniforms!, offset: uniformOffset, size } };
      uniformOffset += 256;
    }
    const operandPlaces = bindings.map(({ operand }) => places.get(operand.value)!);
    return {
      label: kernel.label,
      flops: kernel.flops,
      bytes: bindings.reduce((total, { size }) => total + size, 0),
      pipeline: compiled[i]!,
      workgroups: kernel.workgroups,
      bindings,
      places: operandPlaces,
      uniform,
      groups: new Map(),
      outside: operandPlaces.filter(({ kind }) => kind !== 'own'),
    };
  });
  if (uniforms) device.queue.writeBuffer(uniforms, 0, uniformData);
  return { dispatches, uniforms };
}
