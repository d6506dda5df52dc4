/** Element types that files store, and how each becomes one that a tensor holds: wider ones are narrowed, or refused. */
import { type DType, type HostArray } from '../dtype.ts';

/** Bytes of an element, by safetensors' names. */
export const storedBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type StoredType = keyof typeof storedBytes;

/**
 * The elements that little-endian `bytes` hold, without a copy where a tensor holds that very type: float64 and bfloat16
 * become float32, int64, int16 and int8 int32.
 *
 * @param beyond called with a value that int32 cannot hold
 */
export function decodeElements(
  type: StoredType,
  bytes: Uint8Array<ArrayBuffer>,
  beyond: (value: bigint) => never,
): { dtype: DType; data: HostArray } {
  const aligned = bytes.byteOffset % storedBytes[type] === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  const size = bytes.length / storedBytes[type];
  switch (type) {
    case 'F32':
      return { dtype: 'float32', data: new Float32Array(buffer, byteOffset, size) };
    case 'F16':
      return { dtype: 'float16', data: new Uint16Array(buffer, byteOffset, size) };
    case 'I32':
      return { dtype: 'int32', data: new Int32Array(buffer, byteOffset, size) };
    case 'U8':
      return { dtype: 'uint8', data: bytes };
    case 'BOOL':
      return { dtype: 'bool', data: bytes };
    case 'F64':
      return { dtype: 'float32', data: Float32Array.from(new Float64Array(buffer, byteOffset, size)) };
    case 'BF16': {
      const bits = Uint32Array.from(new Uint16Array(buffer, byteOffset, size), (half) => half << 16);
      return { dtype: 'float32', data: new Float32Array(bits.buffer) };
    }
    case 'I16':
      return { dtype: 'int32', data: Int32Array.from(new Int16Array(buffer, byteOffset, size)) };
    case 'I8':
      return { dtype: 'int32', data: Int32Array.from(new Int8Array(buffer, byteOffset, size)) };
    case 'I64': {
      const data = new Int32Array(size);
      new BigInt64Array(buffer, byteOffset, size).forEach((value, i) => {
        if (BigInt.asIntN(32, value) !== value) beyond(value);
        data[i] = Number(value);
      });
      return { dtype: 'int32', data };
    }
  }
}
