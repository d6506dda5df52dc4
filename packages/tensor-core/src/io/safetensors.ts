/**
 * safetensors: the format of diffusers' weights. An 8-byte little-endian header length, a JSON header with dtype,
 * shape and byte range of every tensor, then the bytes. Nothing in it is executed; every number is checked before
 * memory is taken.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { allocate, type DType, elementBytes, type HostArray } from '../dtype.ts';
import { FormatError } from '../errors.ts';
import { fromFloat16 } from '../float16.ts';
import { sizeOf } from '../shape.ts';

/** One array of a file. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: HostArray;
}

export interface SafetensorsFile {
  readonly tensors: Record<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface HeaderEntry {
  name: string;
  stored: string;
  shape: number[];
  begin: number;
  end: number;
}

/** 100 MB, as the reference implementation allows. */
const MAX_HEADER = 100_000_000;

/** How each stored type is read; wider ones become what a `DType` can hold. */
const storedBytes: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  U8: 1,
  BOOL: 1,
};

const storedName: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float16: 'F16',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
};

function fail(source: string, problem: string): never {
  throw new FormatError(`safetensors: ${source}: ${problem}`);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Checks the header and gives its entries, in the order of their bytes. */
function parseHeader(
  text: string,
  dataBytes: number,
  source: string,
): { entries: HeaderEntry[]; metadata: Record<string, string> } {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    fail(source, 'the header is not JSON; the file is damaged or not a safetensors file');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    fail(source, 'the header is no object');
  const metadata: Record<string, string> = {};
  const entries: HeaderEntry[] = [];
  for (const [name, value] of Object.entries(header as Record<string, unknown>)) {
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(value as Record<string, unknown>))
        metadata[key] = String(text);
      continue;
    }
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
    const bytes = typeof dtype === 'string' ? storedBytes[dtype] : undefined;
    if (bytes === undefined) {
      fail(source, `${name} has dtype ${String(dtype)}; readable are ${Object.keys(storedBytes).join(', ')}`);
    }
    if (!Array.isArray(shape) || !shape.every(isCount)) fail(source, `${name} has no usable shape`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
      fail(source, `${name} has no usable byte range`);
    const [begin, end] = offsets as [number, number];
    if (end > dataBytes || begin > end) {
      fail(
        source,
        `${name} lies at bytes ${begin} to ${end} of ${dataBytes}; the file is cut short or damaged`,
      );
    }
    if (end - begin !== sizeOf(shape) * bytes) {
      fail(
        source,
        `${name} holds ${end - begin} bytes, but ${dtype as string} [${shape.join(', ')}] wants ${sizeOf(shape) * bytes}`,
      );
    }
    entries.push({ name, stored: dtype as string, shape: shape, begin, end });
  }
  return { entries: entries.sort((a, b) => a.begin - b.begin), metadata };
}

/** The elements of one entry; `bytes` starts at a place that any typed array accepts. */
function decode(entry: HeaderEntry, bytes: Uint8Array, source: string): StoredTensor {
  const { buffer, byteOffset } = bytes;
  const size = sizeOf(entry.shape);
  const { shape } = entry;
  switch (entry.stored) {
    case 'F32':
      return { shape, dtype: 'float32', data: new Float32Array(buffer, byteOffset, size) };
    case 'F16':
      return { shape, dtype: 'float16', data: new Uint16Array(buffer, byteOffset, size) };
    case 'I32':
      return { shape, dtype: 'int32', data: new Int32Array(buffer, byteOffset, size) };
    case 'U8':
      return { shape, dtype: 'uint8', data: bytes };
    case 'BOOL':
      return { shape, dtype: 'bool', data: bytes };
    case 'F64':
      return { shape, dtype: 'float32', data: Float32Array.from(new Float64Array(buffer, byteOffset, size)) };
    case 'BF16': {
      const bits = Uint32Array.from(new Uint16Array(buffer, byteOffset, size), (half) => half << 16);
      return { shape, dtype: 'float32', data: new Float32Array(bits.buffer) };
    }
    case 'I64': {
      const data = new Int32Array(size);
      new BigInt64Array(buffer, byteOffset, size).forEach((value, i) => {
        if (BigInt.asIntN(32, value) !== value)
          fail(source, `${entry.name} holds ${value}, which is beyond int32`);
        data[i] = Number(value);
      });
      return { shape, dtype: 'int32', data };
    }
    default:
      return fail(source, `${entry.name} has dtype ${entry.stored}`);
  }
}

async function readExactly(
  file: FileHandle,
  position: number,
  length: number,
  source: string,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 1 << 30), position + done);
    if (bytesRead === 0) fail(source, `ends at byte ${position + done}; the file is cut short`);
    done += bytesRead;
  }
  return bytes;
}

/**
 * Reads a `.safetensors` file. bfloat16 and float64 become float32, int64 becomes int32.
 *
 * @throws FormatError where the file is not what its header says
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size < 8) fail(path, `is ${size} bytes long, shorter than a header`);
    const start = await readExactly(file, 0, 8, path);
    const length = Number(new DataView(start.buffer).getBigUint64(0, true));
    if (length > MAX_HEADER || length > size - 8) {
      fail(
        path,
        `says that its header has ${length} bytes; the file has ${size}: it is damaged or not a safetensors file`,
      );
    }
    const text = new TextDecoder().decode(await readExactly(file, 8, length, path));
    const { entries, metadata } = parseHeader(text, size - 8 - length, path);
    const tensors: Record<string, StoredTensor> = {};
    for (const entry of entries) {
      const bytes = await readExactly(file, 8 + length + entry.begin, entry.end - entry.begin, path);
      tensors[entry.name] = decode(entry, bytes, path);
    }
    return { tensors, metadata };
  } finally {
    await file.close();
  }
}

/** The pieces of a `.safetensors` file, in order: header first, then the bytes of each tensor. */
export function encodeSafetensors(
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (const name of Object.keys(tensors).sort()) {
    const { shape, dtype, data } = tensors[name]!;
    if (data.length !== sizeOf(shape)) {
      throw new FormatError(
        `safetensors: ${name} [${shape.join(', ')}] wants ${sizeOf(shape)} elements, got ${data.length}`,
      );
    }
    const bytes = data.length * elementBytes(dtype);
    header[name] = { dtype: storedName[dtype], shape, data_offsets: [offset, offset + bytes] };
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, bytes));
    offset += bytes;
  }
  // The header is padded with spaces so that the data begins at a multiple of 8.
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  return [padded, ...pieces];
}

/** Writes and syncs a `.safetensors` file. The caller gives a path of its own and renames it when all is written. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const piece of encodeSafetensors(tensors, metadata)) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A float16 array as float32 numbers; other types as they are. */
export function widen(stored: StoredTensor): StoredTensor {
  if (stored.dtype !== 'float16') return stored;
  const data = allocate('float32', stored.data.length);
  stored.data.forEach((half, i) => (data[i] = fromFloat16(half)));
  return { shape: stored.shape, dtype: 'float32', data };
}
