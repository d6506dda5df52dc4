/**
 * `compile`: a function of trees becomes a program, traced once for every structure of its argument.
 */
import { type HostArray } from './dtype.ts';
import { DisposedError, TensorError } from './errors.ts';
import { dataNode, inputNode } from './graph/node.ts';
import { BoundProgram } from './graph/program.ts';
import { Storage } from './graph/storage.ts';
import { type Buffer, type CompileProgress, type Target } from './targets/target.ts';
import { Tensor } from './tensor.ts';
import { leavesOf, mapTree, signatureOf, type Tree } from './tree.ts';

/** The argument of a compiled function: a record of trees. */
export type TreeRecord = Readonly<Record<string, Tree>>;

export interface CompileOptions<I> {
  /** Keys of the argument whose tensors each call takes over: they are gone afterwards, their memory is reused. */
  readonly donate?: readonly (keyof I & string)[];
  /**
   * Called as kernels are compiled, many of them at once; the device's own where omitted. The CPU compiles a program in
   * one piece and does not call it.
   */
  readonly onProgress?: (progress: CompileProgress) => void;
}

/** What `compile` returns: call it like the function; `dispose()` frees its programs. */
export interface CompiledFunction<I extends TreeRecord, O extends Tree> {
  (inputs: I): Promise<O>;
  /** Numbers about the program compiled last (nodes, milliseconds to compile, …), by name. */
  readonly report: Readonly<Record<string, number>>;
  dispose(): Promise<void>;
}

interface Entry<O> {
  readonly program: BoundProgram;
  /** The output tree, with placeholders at its leaves. */
  readonly outputs: O;
}

interface Leaf {
  readonly path: string;
  readonly tensor: Tensor;
  readonly donated: boolean;
}

export function compileFunction<I extends TreeRecord, O extends Tree>(
  target: Target,
  f: (inputs: I) => O,
  options: CompileOptions<I> = {},
  onDispose: () => unknown = () => undefined,
): CompiledFunction<I, O> {
  const donate = new Set<string>(options.donate ?? []);
  const cache = new Map<string, Promise<Entry<O>>>();
  let report: Readonly<Record<string, number>> = {};
  let disposed = false;

  const leavesIn = (inputs: I): Leaf[] =>
    Object.entries(inputs).flatMap(([key, tree]) =>
      leavesOf(tree, key).map((leaf) => ({ ...leaf, donated: donate.has(key) })),
    );

  const trace = async (inputs: I): Promise<Entry<O>> => {
    const placeholders = mapTree(
      inputs,
      (leaf) => new Tensor(inputNode({ shape: leaf.shape, dtype: leaf.dtype })),
    );
    const leaves = leavesIn(placeholders);
    const outputs = f(placeholders);
    const program = await BoundProgram.compile(
      target,
      leaves.map(({ tensor }) => tensor.node),
      leavesOf(outputs).map(({ tensor }) => tensor.node),
      {
        donated: leaves.flatMap(({ donated }, i) => (donated ? [i] : [])),
        ...(options.onProgress && { onProgress: options.onProgress }),
      },
    );
    report = program.report;
    return { program, outputs };
  };

  const call = async (inputs: I): Promise<O> => {
    if (disposed) throw new DisposedError('this compiled function was disposed');
    const leaves = leavesIn(inputs);
    const signature = signatureOf(inputs);
    let entry = cache.get(signature);
    if (!entry) {
      entry = trace(inputs);
      cache.set(signature, entry);
      entry.catch(() => cache.delete(signature));
    }
    const { program, outputs } = await entry;
    const results = await runOn(target, program, leaves);
    let next = 0;
    return mapTree(outputs, () => new Tensor(dataNode(Storage.fromBuffer(target, results[next++]!))));
  };

  return Object.defineProperty(
    Object.assign(call, {
      async dispose(): Promise<void> {
        disposed = true;
        onDispose();
        const entries = await Promise.allSettled(cache.values());
        cache.clear();
        for (const entry of entries) if (entry.status === 'fulfilled') await entry.value.program.dispose();
      },
    }),
    'report',
    { get: () => report },
  ) as CompiledFunction<I, O>;
}

/** One run: donated values are gone once it has begun, and are given back should it fail. */
async function runOn(target: Target, program: BoundProgram, leaves: readonly Leaf[]): Promise<Buffer[]> {
  for (const { tensor } of leaves) await tensor.evaluate();
  const inputs = leaves.map((leaf) => ({ ...leaf, storage: storageOf(leaf) }));
  const donated = inputs.filter((input) => input.donated);
  donated.forEach(({ path, storage }, i) => {
    if (donated.findIndex((other) => other.storage === storage) < i) {
      throw new TensorError(
        `compile: the donated input ${path} is the same tensor as another input; copy one of them`,
      );
    }
  });
  const temporary: Buffer[] = [];
  // Host data is uploaded for this call alone; what should stay on the device is put there with device.put().
  const upload = async (storage: Storage, host: HostArray): Promise<Buffer> => {
    const buffer = target.upload(host, storage.type);
    temporary.push(buffer);
    return buffer;
  };
  const taken: { storage: Storage; buffer: Buffer }[] = [];
  try {
    const buffers = await Promise.all(
      inputs.map(({ storage, donated }) =>
        storage.host && !donated ? upload(storage, storage.host) : storage.on(target),
      ),
    );
    return await program.run(() => {
      for (const { storage } of inputs) storage.check();
      inputs.forEach(({ storage, donated }, i) => {
        if (!donated) return;
        storage.donate(target);
        taken.push({ storage, buffer: buffers[i]! });
      });
      return buffers;
    });
  } catch (error) {
    for (const { storage, buffer } of taken) storage.giveBack(target, buffer);
    throw error;
  } finally {
    for (const buffer of temporary) buffer.dispose();
  }
}

function storageOf({ path, tensor }: Leaf): Storage {
  const { storage } = tensor.node;
  if (!storage) throw new TensorError(`compile: the input ${path} has no value`);
  return storage;
}
