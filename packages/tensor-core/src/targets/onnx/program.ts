/** A compiled model: one ONNX Runtime session, and the memory that its runs take turns in. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { allocate, type DType, type HostArray } from '../../dtype.ts';
import { DeviceError, DisposedError } from '../../errors.ts';
import { type TensorType } from '../../graph/node.ts';
import { type RandomAttrs } from '../../ops/index.ts';
import { sizeOf } from '../../shape.ts';
import { hostRandomUniform } from '../host-random.ts';
import { type Buffer, type Graph, type Program, type ProgramOptions } from '../target.ts';
import { lowerGraph, type LoweredModel } from './lower.ts';
import { type RunProfiler } from './profile.ts';

/** Counts what is alive; shared by all buffers of a target. */
export interface LiveCount {
  count: number;
  bytes: number;
}

/** What a target lends its programs. */
export interface ProgramHost {
  readonly live: LiveCount;
  readonly profiler: RunProfiler;
}

/** A value in host memory, wrapped for the runtime without a copy. */
export class OnnxBuffer implements Buffer {
  readonly type: TensorType;
  readonly tensor: OrtTensor;
  readonly #live: LiveCount;
  #array: HostArray | undefined;
  /** Somebody outside holds the memory (it was uploaded, or read): it is never written to. */
  #seen: boolean;
  #users = 0;

  /** @param seen true where the memory is the caller's */
  constructor(type: TensorType, array: HostArray, seen: boolean, live: LiveCount) {
    this.type = type;
    this.#array = array;
    this.#seen = seen;
    this.#live = live;
    this.tensor = new OrtTensor(type.dtype, array as Float32Array, type.shape);
    live.count += 1;
    live.bytes += array.byteLength;
  }

  get bytes(): number {
    return this.array.byteLength;
  }

  get array(): HostArray {
    if (!this.#array) throw new DisposedError('this buffer was disposed');
    return this.#array;
  }

  async read(): Promise<HostArray> {
    this.#seen = true;
    return this.array;
  }

  /** Says that a run will read this memory, until it calls `release`. */
  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
  }

  /** True where the memory may be written to: the run that asks is all who knows it. */
  get reusable(): boolean {
    return !this.#seen && this.#users === 1;
  }

  dispose(): void {
    if (!this.#array) return;
    this.#live.count -= 1;
    this.#live.bytes -= this.#array.byteLength;
    this.#array = undefined;
  }
}

export class OnnxProgram implements Program {
  readonly report: Readonly<Record<string, number>>;
  readonly #session: InferenceSession;
  readonly #model: Omit<LoweredModel, 'bytes'>;
  readonly #graph: Graph;
  readonly #donated: ReadonlySet<number>;
  readonly #live: LiveCount;
  readonly #profiler: RunProfiler;
  /** Memory of donated inputs, by dtype and size, for the outputs of later runs. */
  readonly #spare = new Map<string, HostArray[]>();
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  private constructor(
    session: InferenceSession,
    model: LoweredModel,
    graph: Graph,
    options: ProgramOptions,
    { live, profiler }: ProgramHost,
    compileMilliseconds: number,
  ) {
    this.#session = session;
    this.#model = { nodeCount: model.nodeCount, hostValues: model.hostValues };
    this.#graph = graph;
    this.#donated = new Set(options.donated);
    this.#live = live;
    this.#profiler = profiler;
    this.report = {
      graphNodes: graph.nodes.length,
      onnxNodes: model.nodeCount,
      modelBytes: model.bytes.length,
      compileMilliseconds,
    };
  }

  static async create(
    graph: Graph,
    options: ProgramOptions,
    session: InferenceSession.SessionOptions,
    block: number,
    host: ProgramHost,
  ): Promise<OnnxProgram> {
    const start = performance.now();
    const model = lowerGraph(graph, block);
    try {
      const created = await InferenceSession.create(model.bytes, session);
      return new OnnxProgram(created, model, graph, options, host, performance.now() - start);
    } catch (error) {
      throw new DeviceError(`cpu: ONNX Runtime did not take the program: ${String(error)}`, { cause: error });
    }
  }

  async run(inputs: readonly Buffer[]): Promise<Buffer[]> {
    if (this.#disposed) throw new DisposedError('this program was disposed');
    const buffers = inputs as readonly OnnxBuffer[];
    for (const buffer of buffers) buffer.retain();
    const result = this.#last.then(() => this.#run(buffers));
    this.#last = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      for (const buffer of buffers) buffer.release();
    }
  }

  async #run(inputs: readonly OnnxBuffer[]): Promise<Buffer[]> {
    const began = performance.now();
    const feeds: Record<string, OrtTensor> = {};
    inputs.forEach((buffer, i) => (feeds[`i${i}`] = buffer.tensor));
    for (const { node, name } of this.#model.hostValues) {
      const values = new Float32Array(sizeOf(node.shape));
      const key = inputs[this.#graph.inputs.indexOf(node.inputs[0]!)]!;
      hostRandomUniform(key.array as Int32Array, node.attrs as RandomAttrs, values);
      feeds[name] = new OrtTensor('float32', values, node.shape);
    }
    const outputs = this.#graph.outputs.map((node) => this.#take(node));
    const fetches: Record<string, OrtTensor> = {};
    outputs.forEach((buffer, i) => (fetches[`o${i}`] = buffer.tensor));
    const called = performance.now();
    try {
      await this.#session.run(feeds, fetches, { logSeverityLevel: 4 });
    } catch (error) {
      for (const buffer of outputs) buffer.dispose();
      throw new DeviceError(`cpu: a run failed: ${String(error)}`, { cause: error });
    }
    this.#profiler.ran(`run of ${this.#model.nodeCount} operators`, began, called);
    inputs.forEach((buffer, i) => {
      if (!this.#donated.has(i)) return;
      if (buffer.reusable) this.#spareList(buffer.type.dtype, buffer.array.length).push(buffer.array);
      buffer.dispose();
    });
    return outputs;
  }

  #spareList(dtype: DType, size: number): HostArray[] {
    const key = `${dtype}:${size}`;
    let list = this.#spare.get(key);
    if (!list) this.#spare.set(key, (list = []));
    return list;
  }

  #take(type: TensorType): OnnxBuffer {
    const size = sizeOf(type.shape);
    const array = this.#spareList(type.dtype, size).pop() ?? allocate(type.dtype, size);
    return new OnnxBuffer(type, array, false, this.#live);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#last;
    this.#spare.clear();
    await this.#session.release();
  }
}
