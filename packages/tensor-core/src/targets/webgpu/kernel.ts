/**
 * What the lowering makes and the recorder runs: kernels, which are WGSL over named operands, and the values they read
 * and write. Nothing here touches a GPU.
 */
import { type TensorType } from '../../graph/node.ts';

/** A value in GPU memory while a program runs: an input, an output, a temporary or a constant. */
export interface Value extends TensorType {
  readonly id: number;
  /** For people: what it is. */
  readonly label: string;
}

/** A contiguous run of a value's elements, row-major: all that kernels ever see of it. */
export interface Operand {
  readonly value: Value;
  /** The first element. */
  readonly offset: number;
  /** How many elements. */
  readonly size: number;
}

/** One dispatch. */
export interface Kernel {
  /** Op and shapes, for errors and the profiler: `matmul 64×128×256`. */
  readonly label: string;
  /**
   * WGSL after the declarations that `assemble` writes: functions, of which `run(group: vec3u, lane: u32)` is what each
   * invocation does. Element i of the operand `x` is `x[x_at() + i]`; where `vectors` names x, element 4i to 4i + 3 are
   * `x[x_at() + i]`. Operands and workgroup memory are named nowhere else but in front of a bracket.
   */
  readonly body: string;
  /** Invocations of a workgroup. */
  readonly invocations: number;
  /** Arrays that a workgroup shares, by name in the code. */
  readonly shared?: Readonly<Record<string, SharedArray>>;
  /** By name in the code. */
  readonly reads: Readonly<Record<string, Operand>>;
  /** By name in the code; may be read as well. */
  readonly writes: Readonly<Record<string, Operand>>;
  /** Operands declared as arrays of vec4; each must satisfy `canBeVectors`. */
  readonly vectors?: readonly string[];
  /** WGSL extensions that the body needs beside `f16`, which follows from the operands: `subgroups`. */
  readonly extensions?: readonly string[];
  /** Workgroups dispatched, each at most 65,535. */
  readonly workgroups: readonly [number, number, number];
  /** Multiplications and additions, for the profiler; 0 where nobody counts. */
  readonly flops: number;
}

/** An array in workgroup memory. */
export interface SharedArray {
  /** WGSL type of an element. */
  readonly type: 'f32' | 'i32' | 'u32' | 'vec2f' | 'vec4f';
  readonly size: number;
}

const sharedBytes: Readonly<Record<SharedArray['type'], number>> = {
  f32: 4,
  i32: 4,
  u32: 4,
  vec2f: 8,
  vec4f: 16,
};

/** Bytes of workgroup memory that a kernel takes. */
export function workgroupBytes({ shared = {} }: Pick<Kernel, 'shared'>): number {
  return Object.values(shared).reduce((total, { type, size }) => total + sharedBytes[type] * size, 0);
}

/** What kernels may be made for. */
export interface Capabilities {
  /** A CPU that plays GPU: barriers are dear, and lanes are SIMD lanes. */
  readonly software: boolean;
  readonly f16: boolean;
  readonly subgroups: boolean;
  /** Bytes of `var<workgroup>`. */
  readonly workgroupMemory: number;
  readonly workgroupInvocations: number;
  /** Storage buffers a kernel may bind. */
  readonly storageBuffers: number;
  /** Bytes of one storage binding. */
  readonly bindingBytes: number;
  /** Bytes that the start of a binding is a multiple of. */
  readonly bindingAlignment: number;
  /** Every op in a kernel of its own: what fusion is measured and tested against. */
  readonly unfused?: boolean;
}

/** One way to compute something: kernels, in order. */
export interface Variant {
  readonly name: string;
  readonly emit: () => void;
}

/** Where lowerings put their kernels. */
export interface Emitter {
  readonly capabilities: Capabilities;
  /** Memory for a value between two kernels. */
  temporary(type: TensorType, label: string): Value;
  emit(kernel: Kernel): void;
  /**
   * Emits one of several ways to do the same, the first unless measurements say otherwise.
   *
   * @param key what the measurements are remembered under, beside the adapter: family and shape
   */
  choose(key: string, variants: readonly [Variant, ...Variant[]]): void;
}

/** What happens to a kernel's result before it is stored: `apply(v, i)` is the WGSL expression of the final value. */
export interface Epilogue {
  /** Operands that the code reads; the names begin with `p_`, and equal names are equal operands. */
  readonly reads: Readonly<Record<string, Operand>>;
  /** Functions that `apply` calls. */
  readonly code: string;
  /**
   * @param v an f32 expression, the result
   * @param i a u32 expression, the element's linear index in the output
   * @returns an expression of the output's element type
   */
  apply(v: string, i: string): string;
  /** Where results go that are stored in another order than they are computed in. */
  readonly place?: Place;
}

/** Another order of a kernel's results. */
export interface Place {
  /** The u32 expression of where element `i`, a u32 expression, is stored. */
  at(i: string): string;
  /** True where four neighbours from a multiple of 4 on stay such. */
  readonly inFours: boolean;
}

/** Where a kernel's input comes from: `load(i)` is the WGSL expression of its element i, computed as it is needed. */
export interface Prologue extends TensorType {
  /** Operands that the code reads; the names begin with `p_`, and equal names are equal operands. */
  readonly reads: Readonly<Record<string, Operand>>;
  /** Functions that `load` calls. */
  readonly code: string;
  /**
   * @param i a u32 expression, the element's linear index in `shape`
   * @returns an expression of type f32 for floats of any width, else of the element's own type
   */
  load(i: string): string;
}

/** All elements of a value. */
export function whole(value: Value): Operand {
  return { value, offset: 0, size: value.shape.reduce((product, extent) => product * extent, 1) };
}
