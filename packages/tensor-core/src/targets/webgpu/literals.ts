/** Numbers, and types of expressions, as WGSL. */
import { type DType } from '../../dtype.ts';

/** The type that an element of `dtype` has inside a kernel: floats of any width are computed as f32. */
export function computeType(dtype: DType): string {
  switch (dtype) {
    case 'float32':
    case 'float16':
      return 'f32';
    case 'int32':
      return 'i32';
    case 'uint8':
      return 'u32';
    case 'bool':
      return 'bool';
  }
}

/** Values that WGSL has no literal for, as expressions that its compiler cannot evaluate. */
export const specialNumbers = `
var<private> infinity_bits: u32 = 0x7f800000u;
var<private> nan_bits: u32 = 0x7fc00000u;
`;

/** A number as an expression of the compute type of `dtype`. Infinities and NaN need `specialNumbers`. */
export function literal(value: number, dtype: DType): string {
  switch (dtype) {
    case 'float32':
    case 'float16': {
      if (Number.isNaN(value)) return 'bitcast<f32>(nan_bits)';
      const rounded = Math.fround(value);
      if (!Number.isFinite(rounded)) return `${rounded < 0 ? '-' : ''}bitcast<f32>(infinity_bits)`;
      if (Object.is(rounded, -0)) return '-0.0f';
      const text = String(rounded);
      return rounded < 0 ? `(${text}f)` : `${text}f`;
    }
    case 'int32':
      return value === -0x80000000 ? '(-2147483647i - 1i)' : value < 0 ? `(${value}i)` : `${value}i`;
    case 'uint8':
      return `${value}u`;
    case 'bool':
      return value === 0 ? 'false' : 'true';
  }
}

/** An expression of the compute type of `dtype`, as its element in memory. */
export function toStorage(expression: string, dtype: DType): string {
  if (dtype === 'float16') return `f16(${expression})`;
  return dtype === 'bool' ? `select(0u, 1u, ${expression})` : expression;
}

/** An element in memory, as an expression of the compute type of `dtype`. */
export function fromStorage(expression: string, dtype: DType): string {
  if (dtype === 'float16') return `f32(${expression})`;
  return dtype === 'bool' ? `(${expression} != 0u)` : expression;
}
