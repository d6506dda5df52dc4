/** A kernel as WGSL: declarations of its operands in front of its body, and what is bound where. */
import { type DType } from '../../dtype.ts';
import { DeviceError } from '../../errors.ts';
import { type Capabilities, type Kernel, type Operand } from './kernel.ts';
import { throughWindows, windowBytes, windowFunctions } from './windows.ts';

/** One storage binding: the bytes [offset, offset + size) of the operand's value. */
export interface Binding {
  readonly operand: Operand;
  readonly offset: number;
  readonly size: number;
}

export interface AssembledKernel {
  readonly code: string;
  /** In the order of their binding numbers: first what is read, then what is written. */
  readonly bindings: readonly Binding[];
  /** How many of them are written. */
  readonly writes: number;
  /** What the uniform after the bindings holds: where each operand begins in its binding; empty: there is no uniform. */
  readonly starts: readonly number[];
}

const storageTypes: Readonly<Record<DType, string>> = {
  float32: 'f32',
  float16: 'f16',
  int32: 'i32',
  // One element a word: WGSL has no bytes.
  uint8: 'u32',
  bool: 'u32',
};

/** The WGSL type of an element in memory. */
export function storageType(dtype: DType): string {
  return storageTypes[dtype];
}

/** Bytes of an element in GPU memory. */
export function storageBytes(dtype: DType): number {
  return dtype === 'float16' ? 2 : 4;
}

/** Elements between the start of the binding and the operand, where bindings start at multiples of `alignment` bytes. */
function startOf({ value, offset }: Operand, alignment: number): number {
  const bytes = storageBytes(value.dtype);
  return ((offset * bytes) % alignment) / bytes;
}

/** True where the operand can be declared as an array of vec4. */
export function canBeVectors(operand: Operand, alignment: number): boolean {
  return startOf(operand, alignment) % 4 === 0 && operand.size % 4 === 0;
}

interface Bound {
  readonly name: string;
  readonly access: 'read' | 'read_write';
  readonly operands: { readonly name: string; readonly operand: Operand }[];
}

/** What an adapter allows of storage bindings. */
export type BindingLimits = Pick<Capabilities, 'bindingAlignment' | 'bindingBytes' | 'storageBuffers'>;

/**
 * Operands of a value that the kernel writes share one binding: two that overlap, or one that is read beside one that
 * is written, are not allowed. What is larger than a binding may be gets several (windows.ts).
 *
 * @throws DeviceError where the kernel needs more bindings than the adapter has
 */
export function assemble(kernel: Kernel, limits: BindingLimits): AssembledKernel {
  const { bindingAlignment: alignment, bindingBytes } = limits;
  const bound: Bound[] = [];
  const written = new Map<Operand['value'], Bound>();
  for (const [name, operand] of Object.entries(kernel.writes)) {
    const shared = written.get(operand.value);
    if (shared) shared.operands.push({ name, operand });
    else written.set(operand.value, { name, access: 'read_write', operands: [{ name, operand }] });
  }
  for (const [name, operand] of Object.entries(kernel.reads)) {
    const shared = written.get(operand.value);
    if (shared) shared.operands.push({ name, operand });
    else bound.push({ name, access: 'read', operands: [{ name, operand }] });
  }
  bound.push(...written.values());

  const lines: string[] = [];
  const extensions = new Set(kernel.extensions);
  if ([...Object.values(kernel.reads), ...Object.values(kernel.writes)].some(isHalf)) extensions.add('f16');
  for (const extension of extensions) lines.push(`enable ${extension};`);
  const starts: number[] = [];
  let { body } = kernel;
  const bindings: Binding[] = [];
  let writes = 0;
  for (const { name, access, operands } of bound) {
    const [first] = operands as [{ name: string; operand: Operand }];
    const { value } = first.operand;
    const bytes = storageBytes(value.dtype);
    const vector = kernel.vectors?.includes(name) ?? false;
    const scalar = storageType(value.dtype);
    const type = vector ? `vec4<${scalar}>` : scalar;
    const from = Math.min(...operands.map(({ operand }) => operand.offset)) * bytes;
    const offset = Math.floor(from / alignment) * alignment;
    const end = Math.max(...operands.map(({ operand }) => operand.offset + operand.size)) * bytes;
    // A binding of nothing is not allowed; blocks are larger than a word.
    const size = Math.max(4, Math.ceil((end - offset) / 4) * 4);
    const window = size > bindingBytes ? windowBytes(bindingBytes, alignment) : size;
    const count = Math.ceil(size / window);
    for (let k = 0; k < count; k++) {
      const variable = count === 1 ? name : `${name}_${k}`;
      lines.push(
        `@group(0) @binding(${bindings.length}) var<storage, ${access}> ${variable}: array<${type}>;`,
      );
      const bytesHere = Math.min(window, size - k * window);
      bindings.push({ operand: first.operand, offset: offset + k * window, size: bytesHere });
      if (access === 'read_write') writes++;
    }
    for (const { name: alias, operand } of operands) {
      const start = (operand.offset - offset / bytes) / (vector ? 4 : 1);
      lines.push(
        start === 0
          ? `fn ${alias}_at() -> u32 { return 0u; }`
          : `fn ${alias}_at() -> u32 { return starts[${starts.length >> 2}u][${starts.length & 3}u]; }`,
      );
      if (start !== 0) starts.push(start);
      if (alias !== name) body = body.replaceAll(new RegExp(`\\b${alias}\\[`, 'g'), `${name}[`);
    }
    if (count > 1) {
      const elements = window / (bytes * (vector ? 4 : 1));
      lines.push(windowFunctions(name, type, { count, elements, writable: access === 'read_write' }));
      body = throughWindows(body, name);
    }
  }
  if (bindings.length > limits.storageBuffers) {
    const mebibytes = bindingBytes / 2 ** 20;
    throw new DeviceError(
      `webgpu: ${kernel.label} needs ${bindings.length} storage bindings of at most ${mebibytes} MiB, this adapter has ${limits.storageBuffers}; use a smaller batch, or an adapter with larger bindings`,
    );
  }
  if (starts.length > 0) {
    lines.push(
      `@group(0) @binding(${bindings.length}) var<uniform> starts: array<vec4<u32>, ${Math.ceil(starts.length / 4)}>;`,
    );
  }
  for (const [name, { type, size }] of Object.entries(kernel.shared ?? {})) {
    lines.push(`var<workgroup> ${name}: array<${type}, ${size}>;`);
  }
  // The x of the invocation's place, not its index, which lavapipe computes from all three: a tenth of a step's time.
  const code = `${lines.join('\n')}\n${body}
@compute @workgroup_size(${kernel.invocations})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) place: vec3u) { run(group, place.x); }`;
  return { code, bindings, writes, starts };
}

function isHalf({ value }: Operand): boolean {
  return value.dtype === 'float16';
}
