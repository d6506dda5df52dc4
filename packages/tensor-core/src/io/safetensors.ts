/**
 * safetensors: the format of diffusers' weights. An 8-byte little-endian header length, a JSON header with dtype,
 * shape and byte range of every tensor, then the bytes. Nothing in it is executed; every number is checked before
 * memory is taken.
 */
import { allocate, checkHostArray, type DType, elementBytes, type HostArray } from '../dtype.ts';
import { FormatError } from '../errors.ts';
import { fromFloat16 } from '../float16.ts';
import { sizeOf } from '../shape.ts';
import { openBytes, openFile } from './byte-source.ts';
import { decodeElements, storedBytes, type StoredType } from './elements.ts';

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
  stored: StoredType;
  shape: number[];
  begin: number;
  end: number;
}

/** 100 MB, as the reference implementation allows. */
const MAX_HEADER = 100_000_000;

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

function isStoredType(value: unknown): value is StoredType {
  return typeof value === 'string' && Object.hasOwn(storedBytes, value);
}

/** The range and type of one tensor, checked against each other and against the bytes that are there. */
function parseEntry(name: string, value: unknown, dataBytes: number, source: string): HeaderEntry {
  if (typeof value !== 'object' || value === null) fail(source, `${name} has no description`);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (!isStoredType(dtype)) {
    const known = Object.keys(storedBytes).join(', ');
    fail(source, `${name} has dtype ${JSON.stringify(dtype)}; readable are ${known}`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) fail(source, `${name} has no usable shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    fail(source, `${name} has no usable byte range`);
  }
  const [begin, end] = offsets as [number, number];
  if (end > dataBytes || begin > end) {
    fail(
      source,
      `${name} lies at bytes ${begin} to ${end} of ${dataBytes}; the file is cut short or damaged`,
    );
  }
  const wanted = sizeOf(shape) * storedBytes[dtype];
  if (end - begin !== wanted) {
    const type = `${dtype} [${shape.join(', ')}]`;
    fail(source, `${name} holds ${end - begin} bytes, but ${type} wants ${wanted}`);
  }
  return { name, stored: dtype, shape, begin, end };
}

/** Checks the header and gives its entries, in the order of their bytes: they lie side by side and fill the file. */
function parseHeader(
  bytes: Uint8Array,
  dataBytes: number,
  source: string,
): { entries: HeaderEntry[]; metadata: Record<string, string> } {
  let header: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    fail(source, 'the header is not JSON; the file is damaged or not a safetensors file');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    fail(source, 'the header is no object');
  }
  const twice = repeatedKey(text);
  if (twice !== undefined) fail(source, `the header names ${twice} twice`);
  const { __metadata__: stored = {}, ...rest } = header as Record<string, unknown>;
  const strings = typeof stored === 'object' && stored !== null ? Object.entries(stored) : [['', stored]];
  if (strings.some(([, value]) => typeof value !== 'string')) {
    fail(source, 'its __metadata__ is no record of strings');
  }
  const entries = Object.entries(rest)
    .map(([name, value]) => parseEntry(name, value, dataBytes, source))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let filled = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== filled) {
      const what = begin < filled ? 'overlaps the tensor before it' : 'leaves a gap before it';
      fail(
        source,
        `${name} at bytes ${begin} to ${end} ${what}, which ends at ${filled}; the file is damaged`,
      );
    }
    filled = end;
  }
  if (filled !== dataBytes) fail(source, `${dataBytes - filled} bytes at its end belong to no tensor`);
  return { entries, metadata: Object.fromEntries(strings) as Record<string, string> };
}

/** A key that the outermost object of valid JSON has twice: `JSON.parse` would silently take the second. */
function repeatedKey(json: string): string | undefined {
  const keys = new Set<string>();
  let depth = 0;
  // Strings whole, so that brackets inside them do not count; a key is a string that a colon follows.
  for (const [token, key] of json.matchAll(/("(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (key !== undefined && depth === 1) {
      const name = JSON.parse(key) as string;
      if (keys.has(name)) return name;
      keys.add(name);
    }
  }
  return undefined;
}

/** The elements of one entry; `bytes` starts at a place that any typed array accepts. */
function decode(
  { name, stored, shape }: HeaderEntry,
  bytes: Uint8Array<ArrayBuffer>,
  source: string,
): StoredTensor {
  const beyond = (value: bigint): never => fail(source, `${name} holds ${value}, which is beyond int32`);
  return { shape, ...decodeElements(stored, bytes, beyond) };
}

/**
 * Reads a `.safetensors` file. bfloat16 and float64 become float32; int64, int16 and int8 become int32.
 *
 * @throws FormatError where the file is not what its header says
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openBytes('safetensors', path);
  try {
    const { size } = file;
    if (size < 8) fail(path, `is ${size} bytes long, shorter than a header`);
    const start = await file.read(0, 8);
    const length = Number(new DataView(start.buffer).getBigUint64(0, true));
    if (length > MAX_HEADER || length > size - 8) {
      fail(
        path,
        `says that its header has ${length} bytes; the file has ${size}: it is damaged or not a safetensors file`,
      );
    }
    const header = await file.read(8, length);
    const { entries, metadata } = parseHeader(header, size - 8 - length, path);
    const tensors: [string, StoredTensor][] = [];
    for (const entry of entries) {
      const bytes = await file.read(8 + length + entry.begin, entry.end - entry.begin);
      tensors.push([entry.name, decode(entry, bytes, path)]);
    }
    // Not by assignment: a tensor may be called "__proto__".
    return { tensors: Object.fromEntries(tensors), metadata };
  } finally {
    await file.close();
  }
}

/**
 * The pieces of a `.safetensors` file, in order: header first, then the bytes of each tensor, wider types first and
 * by name among equals, so that every tensor begins at a multiple of its element's size.
 *
 * @throws FormatError where an array has another size than its shape, or a tensor takes the name of the metadata;
 * DTypeError where an array does not hold its dtype
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array[] {
  const header = new Map<string, unknown>([['__metadata__', metadata]]);
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, dtype, data }] of Object.entries(tensors).sort(byWidthAndName)) {
    if (name === '__metadata__') throw new FormatError('safetensors: no tensor can be called __metadata__');
    checkHostArray(data, dtype);
    if (data.length !== sizeOf(shape)) {
      throw new FormatError(
        `safetensors: ${name} [${shape.join(', ')}] wants ${sizeOf(shape)} elements, got ${data.length}`,
      );
    }
    const bytes = data.length * elementBytes(dtype);
    header.set(name, { dtype: storedName[dtype], shape, data_offsets: [offset, offset + bytes] });
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, bytes));
    offset += bytes;
  }
  // The header is padded with spaces so that the data begins at a multiple of 8.
  const text = JSON.stringify(Object.fromEntries(header));
  const json = new TextEncoder().encode(text);
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  return [padded, ...pieces];
}

function byWidthAndName([a, x]: [string, StoredTensor], [b, y]: [string, StoredTensor]): number {
  return elementBytes(y.dtype) - elementBytes(x.dtype) || (a < b ? -1 : 1);
}

/** Writes and syncs a `.safetensors` file. The caller gives a path of its own and renames it when all is written. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const file = await openFile(path, 'w');
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
