/**
 * Checkpoints of torch.save(): a pickle of names and shapes, and the elements of storages beside it, in a zip archive or,
 * before PyTorch 1.6, one after another. Nothing in them is executed (pickle.ts); sizes and places are checked before
 * memory is taken, which stays in proportion to the file.
 */
import { type HostArray } from '../dtype.ts';
import { FormatError } from '../errors.ts';
import { sizeOf } from '../shape.ts';
import { type ByteSource, openBytes } from './byte-source.ts';
import { decodeElements, storedBytes } from './elements.ts';
import { type StoredTensor } from './safetensors.ts';
import { readTorchLegacy } from './torch-legacy.ts';
import { type TorchStorage, TorchTensor } from './torch-names.ts';
import { readTorchZip, type TorchContents } from './torch-zip.ts';

export interface TorchCheckpointOptions {
  /** Which tensors to read, by name; all of them where omitted. The elements of the others are not looked at. */
  readonly select?: (name: string) => boolean;
}

/** Records within records within …: more than any training state has. */
const MAX_DEPTH = 64;
/** Values in records and lists, each counted wherever it is found. */
const MAX_VALUES = 200_000;
/** Characters of a name. */
const MAX_NAME = 1000;
/** Tensors that have to be put in order may take this many times the file's size together. */
const MAX_COPIES = 4;

type Fail = (problem: string) => never;

/** The form that the first bytes tell. */
async function open(source: ByteSource, fail: Fail): Promise<TorchContents> {
  const start = await source.read(0, Math.min(source.size, 263));
  const text = String.fromCharCode(...start);
  if (text.startsWith('PK\x03\x04')) return readTorchZip(source, fail);
  if (start[0] === 0x80) return readTorchLegacy(source, fail);
  if (text.slice(257, 262) === 'ustar') {
    fail('it has the tar form of PyTorch before 0.1.10; load it in PyTorch and save it again');
  }
  if (text[8] === '{') fail('it looks like a safetensors file; read it with readSafetensors()');
  return fail('it is neither of the forms that torch.save() writes: a zip archive, or pickles');
}

/** Every tensor in records and lists, under the keys on the way to it, joined with dots. */
function tensorsIn(value: unknown, fail: Fail): Map<string, TorchTensor> {
  const found = new Map<string, TorchTensor>();
  let visited = 0;
  const visit = (entries: Iterable<readonly [unknown, unknown]>, prefix: string, depth: number): void => {
    if (depth > MAX_DEPTH) fail(`its records are more than ${MAX_DEPTH} deep`);
    for (const [key, entry] of entries) {
      visited += 1;
      if (visited > MAX_VALUES) fail(`its records hold more than ${MAX_VALUES} values`);
      if (typeof key !== 'string' && typeof key !== 'number') continue;
      const name = `${prefix}${key}`;
      if (name.length > MAX_NAME)
        fail(`it has a name of ${name.length} characters; wanted at most ${MAX_NAME}`);
      if (entry instanceof TorchTensor) {
        if (found.has(name)) fail(`it has two tensors named ${name}`);
        found.set(name, entry);
      } else if (entry instanceof Map || Array.isArray(entry)) {
        visit(entry.entries() as Iterable<readonly [unknown, unknown]>, `${name}.`, depth + 1);
      }
    }
  };
  if (value instanceof TorchTensor)
    fail('it holds one tensor without a name; save a record: {"name": tensor}');
  if (value instanceof Map || Array.isArray(value)) visit(value.entries(), '', 1);
  if (found.size === 0) fail('it holds no tensors in its records');
  return found;
}

/** Throws unless every element lies in the storage, and no two in one place. */
function checkTensor(name: string, { storage, offset, shape, strides }: TorchTensor, fail: Fail): void {
  const size = sizeOf(shape);
  const last = shape.reduce((at, extent, axis) => at + (extent - 1) * strides[axis]!, offset);
  const place = `${name} [${shape.join(', ')}] with strides [${strides.join(', ')}] and offset ${offset}`;
  if (size > 0 && !(Number.isSafeInteger(last) && last < storage.count)) {
    fail(`${place} reaches beyond its storage of ${storage.count} elements; it is damaged`);
  }
  if (size > storage.count) {
    fail(`${place} is a storage of ${storage.count} elements spread out; save it with .contiguous()`);
  }
}

function isContiguous({ shape, strides }: TorchTensor): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis]!;
  }
  return true;
}

/** The elements in row-major order. */
function gathered(data: HostArray, { offset, shape, strides }: TorchTensor): HostArray {
  const result = data.slice(0, sizeOf(shape));
  const index = shape.map(() => 0);
  let from = offset;
  for (let i = 0; i < result.length; i++) {
    result[i] = data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      index[axis]! += 1;
      if (index[axis]! < shape[axis]!) break;
      from -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

/**
 * Reads a checkpoint that torch.save() wrote (`.pth`, `.pt`, `.bin`, `.ckpt`), of any version of PyTorch since 0.1.10.
 *
 * Its value is a state dict or any record of tensors; those within records and lists are named by the keys on the way,
 * joined with dots, and what is no tensor is left out. float64 and bfloat16 become float32; int64, int16 and int8 int32.
 * Tensors that share memory in PyTorch share it here: do not write into one.
 *
 * Nothing in the file is executed: it may name the few types and functions that tensors are made of, and every other name
 * is an error. `bytes` must not change while they are read. The checksums of a zip archive are not compared.
 *
 * @throws FormatError saying what was found and what to do, where the file is anything else or is damaged; the system's
 * error where there is no such file
 */
export async function readTorchCheckpoint(
  from: string | Uint8Array,
  { select = () => true }: TorchCheckpointOptions = {},
): Promise<Record<string, StoredTensor>> {
  const source = await openBytes('torch checkpoint', from);
  const fail: Fail = (problem) => {
    throw new FormatError(`torch checkpoint: ${source.name}: ${problem}`);
  };
  try {
    const { value, read } = await open(source, fail);
    const wanted = [...tensorsIn(value, fail)].filter(([name]) => select(name));
    for (const [name, tensor] of wanted) checkTensor(name, tensor, fail);
    const storages = checkedStorages(wanted, source.size, fail);
    const elements = new Map<string, ReturnType<typeof decodeElements>>();
    for (const [key, { storage, name }] of storages) {
      const beyond = (big: bigint): never => fail(`${name} holds ${big}, which is beyond int32`);
      elements.set(key, decodeElements(storage.type, await read(storage), beyond));
    }
    const tensors = wanted.map(([name, tensor]): [string, StoredTensor] => {
      const { dtype, data } = elements.get(tensor.storage.key)!;
      const { shape, offset } = tensor;
      const own = isContiguous(tensor)
        ? data.subarray(offset, offset + sizeOf(shape))
        : gathered(data, tensor);
      return [name, { shape, dtype, data: own }];
    });
    // Not by assignment: a tensor may be called "__proto__".
    return Object.fromEntries(tensors);
  } finally {
    await source.close();
  }
}

/** The storages of the tensors, each with the name of one; together they take no more than the file has. */
function checkedStorages(
  tensors: readonly (readonly [string, TorchTensor])[],
  size: number,
  fail: Fail,
): Map<string, { storage: TorchStorage; name: string }> {
  const storages = new Map<string, { storage: TorchStorage; name: string }>();
  let [stored, copied] = [0, 0];
  for (const [name, tensor] of tensors) {
    const { storage } = tensor;
    const { key, type, count } = storage;
    const held = storages.get(key)?.storage;
    if (held && (held.type !== type || held.count !== count)) {
      fail(`${name} takes storage ${key} for another type or size than ${storages.get(key)!.name} does`);
    }
    if (!held) {
      storages.set(key, { storage, name });
      stored += count * storedBytes[type];
    }
    if (!isContiguous(tensor)) copied += sizeOf(tensor.shape) * storedBytes[type];
  }
  if (!(stored <= size)) fail(`its storages want ${stored} bytes, and the file has ${size}; it is damaged`);
  if (!(copied <= MAX_COPIES * size)) {
    fail(
      `its tensors want ${copied} bytes of copies of storages, and the file has ${size}; save them with .contiguous()`,
    );
  }
  return storages;
}
