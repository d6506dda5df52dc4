/** Element types, their host arrays and their sizes. One table, so that no other file lists them again. */
import { DTypeError } from './errors.ts';
import { toFloat16 } from './float16.ts';

/** `float16` values are held on the host as their 16 bits. */
export type DType = 'float32' | 'float16' | 'int32' | 'uint8' | 'bool';

/** What holds the elements on the host: `bool` is one byte (0 or 1), `float16` its bits. */
export type HostArray = Float32Array | Int32Array | Uint8Array | Uint16Array;

/** What gradients flow through. */
export const FLOATS: readonly DType[] = ['float32', 'float16'];
/** What can be added up. */
export const SIGNED: readonly DType[] = [...FLOATS, 'int32'];
/** What has an order: everything but bool. */
export const NUMBERS: readonly DType[] = [...SIGNED, 'uint8'];

const bytesOf: Record<DType, number> = { float32: 4, float16: 2, int32: 4, uint8: 1, bool: 1 };

/** Bytes of one element. */
export function elementBytes(dtype: DType): number {
  return bytesOf[dtype];
}

/** A zero-filled host array of `size` elements. */
export function allocate(dtype: DType, size: number): HostArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'float16':
      return new Uint16Array(size);
    case 'uint8':
    case 'bool':
      return new Uint8Array(size);
    default:
      throw new DTypeError(
        `there is no dtype ${String(dtype satisfies never)}; use ${Object.keys(bytesOf).join(', ')}`,
      );
  }
}

/** The dtype that a host array means when nobody says otherwise. */
export function dtypeOf(data: HostArray): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint16Array) return 'float16';
  return 'uint8';
}

/** Throws where `data` is not the array type that holds `dtype`. */
export function checkHostArray(data: HostArray, dtype: DType): void {
  const held = dtypeOf(data);
  if (held !== dtype && !(held === 'uint8' && dtype === 'bool')) {
    throw new DTypeError(
      `tensor: a ${dtype} tensor wants a ${allocate(dtype, 0).constructor.name}, got a ${data.constructor.name}; convert the data or name another dtype`,
    );
  }
}

/** True for the types that gradients flow through. */
export function isFloat(dtype: DType): boolean {
  return FLOATS.includes(dtype);
}

/** Throws unless `dtype` is one of `allowed`. */
export function checkDType(op: string, dtype: DType, allowed: readonly DType[]): void {
  if (!allowed.includes(dtype)) {
    throw new DTypeError(`${op}: wants ${allowed.join(' or ')}, got ${dtype}; cast it first`);
  }
}

/**
 * A host array of `dtype` with these values, rounded as the type rounds.
 *
 * @throws DTypeError for a value that the type has no neighbour of: a fraction or what is out of range, where it holds whole numbers
 */
export function hostArrayOf(op: string, values: readonly number[], dtype: DType): HostArray {
  const data = allocate(dtype, values.length);
  if (dtype === 'float16') data.set(values.map(toFloat16));
  else data.set(values);
  if (!isFloat(dtype)) {
    const bad = values.findIndex((value, i) => value !== data[i] || (dtype === 'bool' && value > 1));
    if (bad >= 0) {
      throw new DTypeError(`${op}: ${values[bad]!} is no ${dtype}; round it, or use another dtype`);
    }
  }
  return data;
}
