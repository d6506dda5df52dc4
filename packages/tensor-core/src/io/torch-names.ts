/**
 * What the pickle of a state dict may name: dictionaries, storages, and the functions that put a tensor on a storage.
 * Each is ours; nothing of PyTorch is called. The list is a subset of what torch.load(weights_only=True) allows.
 */
import { type StoredType } from './elements.ts';
import { type PickleCallable, type PickleNames } from './pickle.ts';

/** Elements outside the pickle, which tensors look at. */
export class TorchStorage {
  constructor(
    readonly key: string,
    readonly type: StoredType,
    /** Elements. */
    readonly count: number,
  ) {}
}

/** A tensor as a pickle describes it: element i of axis a is `strides[a] · i` elements further on. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

class StorageType {
  constructor(readonly type: StoredType) {}
}

const storageTypes: Readonly<Record<string, StoredType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** More axes than any tensor has: PyTorch itself stops at 64. */
const MAX_AXES = 64;

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MAX_AXES && value.every(isCount);
}

/** @param fail makes the error of a problem */
export function torchNames(fail: (problem: string) => never): PickleNames {
  const rebuildTensor: PickleCallable = {
    call: ([storage, offset, shape, strides]) => {
      if (!(storage instanceof TorchStorage)) fail('it rebuilds a tensor from what is no storage');
      if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length) {
        fail('it rebuilds a tensor without usable offset, shape and strides');
      }
      return new TorchTensor(storage, offset, shape, strides);
    },
  };
  const rebuildParameter: PickleCallable = {
    call: ([tensor]) => {
      if (!(tensor instanceof TorchTensor)) fail('it makes a parameter of what is no tensor');
      return tensor;
    },
  };
  /** Python 3 makes one empty and sets its items, Python 2 hands them over as pairs. */
  const orderedDict: PickleCallable = {
    call: ([pairs = []]) => {
      if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
        fail('it makes a dictionary of what are no pairs');
      }
      return new Map(pairs as [unknown, unknown][]);
    },
  };
  const known: Readonly<Record<string, unknown>> = {
    'collections.OrderedDict': orderedDict,
    'torch._utils._rebuild_tensor': rebuildTensor,
    'torch._utils._rebuild_tensor_v2': rebuildTensor,
    'torch._utils._rebuild_parameter': rebuildParameter,
    'torch.Size': { call: ([extents]) => extents } satisfies PickleCallable,
    ...Object.fromEntries(
      Object.entries(storageTypes).map(([name, type]) => [`torch.${name}`, new StorageType(type)]),
    ),
  };
  return {
    find: (module, name) => {
      const full = `${module}.${name}`;
      if (Object.hasOwn(known, full)) return known[full];
      const shown = JSON.stringify(full.slice(0, 100));
      return fail(
        `it names ${shown}, which is none of the names that a record of tensors needs; nothing of the file was executed. Where you trust it, save its tensors alone: in Python, safetensors.torch.save_file(model.state_dict(), 'model.safetensors')`,
      );
    },
    persistent: (id) => {
      const [kind, type, key, , count, view] = Array.isArray(id) ? (id as unknown[]) : [];
      if (
        kind !== 'storage' ||
        !(type instanceof StorageType) ||
        typeof key !== 'string' ||
        !isCount(count)
      ) {
        fail('it refers to something outside its pickle that is no storage');
      }
      if (view !== undefined && view !== null) {
        fail('it has a storage that is a view of another; load it in PyTorch and save it again');
      }
      return new TorchStorage(key, type.type, count);
    },
  };
}
