/**
 * The `onnx` target: the graph written as an ONNX model and run by ONNX Runtime on the CPU.
 *
 * The embedded default: it needs nothing but a registry package, and is the fastest CPU path that Node has.
 */
import { env, type InferenceSession } from 'onnxruntime-node';
import { checkHostArray, type HostArray } from '../../dtype.ts';
import { DeviceError } from '../../errors.ts';
import { type TensorType } from '../../graph/node.ts';
import {
  type Buffer,
  type Graph,
  type LiveBuffers,
  type Program,
  type ProgramOptions,
  type Target,
} from '../target.ts';
import { blockSize } from './layout.ts';
import { RunProfiler } from './profile.ts';
import { OnnxBuffer, OnnxProgram } from './program.ts';

export class OnnxTarget implements Target {
  readonly name = 'cpu';
  readonly description: string;
  readonly profiler: RunProfiler;
  readonly #options: InferenceSession.SessionOptions;
  readonly #block: number;
  readonly #live = { count: 0, bytes: 0 };
  #open = true;

  private constructor(threads: number, block: number) {
    this.#block = block;
    this.#options = {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Weights are inputs, so there is nothing for the higher levels to reorder ahead of time.
      graphOptimizationLevel: 'basic',
      // A plan for all activations at once holds them twice: the arena has grown by then.
      enableMemPattern: false,
      // Its errors are thrown; nothing is printed beside them.
      logSeverityLevel: 4,
    };
    const version = env.versions.node ?? env.versions.common;
    const blocks = block > 0 ? `blocks of ${block} channels` : 'plain layout';
    this.description = `ONNX Runtime ${version}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${blocks}`;
    this.profiler = new RunProfiler(this.description);
  }

  /** @param options.block channels of a block (layout.ts); what the runtime says where omitted, 0 for plain convolutions */
  static async open({ threads, block }: { threads: number; block?: number }): Promise<OnnxTarget> {
    return new OnnxTarget(threads, block ?? (await blockSize()));
  }

  upload(data: HostArray, type: TensorType): Buffer {
    checkHostArray(data, type.dtype);
    return new OnnxBuffer(type, data, true, this.#live);
  }

  compile(graph: Graph, options: ProgramOptions): Promise<Program> {
    if (!this.#open) throw new DeviceError('this device was disposed; open another with openDevice()');
    const { profiler } = this;
    const host = { live: this.#live, profiler };
    return OnnxProgram.create(graph, options, this.#options, this.#block, host);
  }

  live(): LiveBuffers {
    return { ...this.#live };
  }

  async dispose(): Promise<void> {
    this.#open = false;
  }
}
