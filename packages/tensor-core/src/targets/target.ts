/**
 * The interface that every target implements: it takes a graph, and runs it on buffers.
 *
 * A target sees nodes (op, attributes, shapes) and nothing of tensors, tracing or gradients.
 */
import { type HostArray } from '../dtype.ts';
import { type Node, type TensorType } from '../graph/node.ts';
import { type Profiler } from '../profile.ts';

/** A pure function: no node has effects, and every node is reached from `outputs`. */
export interface Graph {
  /** `input` nodes, in the order in which `Program.run` takes buffers. */
  readonly inputs: readonly Node[];
  readonly outputs: readonly Node[];
  /** All nodes, each after its inputs. */
  readonly nodes: readonly Node[];
}

/** A value in a target's memory. */
export interface Buffer {
  readonly type: TensorType;
  readonly bytes: number;
  /** The elements; the caller must not write into them. */
  read(): Promise<HostArray>;
  dispose(): void;
}

/** How far a compilation has come. */
export interface CompileProgress {
  /** `measuring` variants of kernels against each other, where tuning was asked for; then `compiling` kernels. */
  readonly stage: 'measuring' | 'compiling';
  readonly done: number;
  readonly total: number;
  /** What was done last. */
  readonly label: string;
}

export interface ProgramOptions {
  /** Positions in `graph.inputs` whose buffers each run takes over: they are gone after it, their memory is reused. */
  readonly donated: readonly number[];
  /** Called whenever a kernel is ready, by targets that make more than one. */
  readonly onProgress?: (progress: CompileProgress) => void;
}

export interface Program {
  /** Runs once. Donated inputs are consumed; the buffers returned belong to the caller. */
  run(inputs: readonly Buffer[]): Promise<Buffer[]>;
  /** What was compiled, for people: numbers by name. */
  readonly report: Readonly<Record<string, number>>;
  dispose(): Promise<void>;
}

export interface LiveBuffers {
  readonly count: number;
  readonly bytes: number;
}

/** `cached`: what was measured before; `measure`: and what was not, now; `off`: the first variants. */
export type TuneMode = 'cached' | 'measure' | 'off';

/** What is known about the choice of kernels on a device. */
export interface TuningState {
  readonly mode: TuneMode;
  /** Shapes whose fastest kernel is known. */
  readonly measured: number;
  /** Where that is kept; absent where it is not. */
  readonly file?: string;
  /** Why the file was not read or written. */
  readonly problem?: string;
}

export interface Target {
  readonly name: string;
  /** For people: what runs the programs. */
  readonly description: string;
  upload(data: HostArray, type: TensorType): Buffer;
  /** Throws `UnsupportedOpError`, naming the op, where the target cannot run a node. */
  compile(graph: Graph, options: ProgramOptions): Promise<Program>;
  /** Buffers that exist now. */
  live(): LiveBuffers;
  readonly profiler: Profiler;
  /** Of targets that choose between kernels. */
  readonly tuning?: TuningState;
  dispose(): Promise<void>;
}
