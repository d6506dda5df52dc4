/** A kernel as WGSL: declarations of its operands in front of its body, and what is bound where. */
import { type DType } from '../../dtype.ts';
import { type Kernel, type Operand } from './kernel.ts';

/** One storage binding: the bytes [offset, offset + size) of the operand's value. */
export interface Binding {
  readonly operand: Operand;
  readonly offset: number;
  readonly size: number;
}

export interface AssembledKernel {
  readonly code: string;
  /** In the order of their binding numbers. */
  readonly bindings: readonly Binding[];
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

/** @param alignment bytes that the start of a binding is a multiple of */
export function assemble(kernel: Kernel, alignment: number): AssembledKernel {
  const operands = [
    ...Object.entries(kernel.reads).map(([name, operand]) => ({ name, operand, access: 'read' })),
    ...Object.entries(kernel.writes).map(([name, operand]) => ({ name, operand, access: 'read_write' })),
  ];
  const lines: string[] = [];
  const extensions = new Set(kernel.extensions);
  if (operands.some(({ operand }) => operand.value.dtype === 'float16')) extensions.add('f16');
  for (const extension of extensions) lines.push(`enable ${extension};`);
  const starts: number[] = [];
  const bindings = operands.map(({ name, operand, access }, i) => {
    const vector = kernel.vectors?.includes(name) ?? false;
    const scalar = storageType(operand.value.dtype);
    const start = startOf(operand, alignment) / (vector ? 4 : 1);
    lines.push(
      `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${vector ? `vec4<${scalar}>` : scalar}>;`,
    );
    lines.push(
      start === 0
        ? `fn ${name}_at() -> u32 { return 0u; }`
        : `fn ${name}_at() -> u32 { return starts[${starts.length >> 2}u][${starts.length & 3}u]; }`,
    );
    if (start !== 0) starts.push(start);
    const bytes = storageBytes(operand.value.dtype);
    const offset = Math.floor((operand.offset * bytes) / alignment) * alignment;
    const end = (operand.offset + operand.size) * bytes;
    // A binding of nothing is not allowed; blocks are larger than a word.
    return { operand, offset, size: Math.max(4, Math.ceil((end - offset) / 4) * 4) };
  });
  if (starts.length > 0) {
    lines.push(
      `@group(0) @binding(${bindings.length}) var<uniform> starts: array<vec4<u32>, ${Math.ceil(starts.length / 4)}>;`,
    );
  }
  return { code: `${lines.join('\n')}\n${kernel.body}`, bindings, starts };
}
