/**
 * `compile`: a function of trees becomes a program, traced once for every structure of its argument.
 */
import { DisposedError, TensorError } from './errors.ts';
import { inputNode } from './graph/node.ts';
import { BoundProgram } from './graph/program.ts';
import { Storage } from './graph/storage.ts';
import { dataNode } from './graph/node.ts';
import { type Buffer, type Target } from './targets/target.ts';
import { Tensor } from './tensor.ts';
import { leavesOf, mapTree, type Tree } from './tree.ts';

/** The argument of a compiled function: a record of trees. */
export type TreeRecord = Readonly<Record<string, Tree>>;

export interface CompileOptions<I> {
  /** Keys of the argument whose tensors each call takes over: they are gone afterwards, their memory is reused. */
  readonly donate?: readonly (keyof I & string)[];
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

export function compileFunction<I extends TreeRecord, O extends Tree>(
  target: Target,
  f: (inputs: I) => O,
  options: CompileOptions<I> = {},
): CompiledFunction<I, O> {
  const donate = new Set<string>(options.donate ?? []);
  const cache = new Map<string, Promise<Entry<O>>>();
  let report: Readonly<Record<string, number>> = {};
  let disposed = false;

  const trace = async (inputs: I): Promise<Entry<O>> => {
    const placeholders = mapTree(
      inputs,
      (leaf) => new Tensor(inputNode({ shape: leaf.shape, dtype: leaf.dtype })),
    );
    const leaves = leavesOf(placeholders);
    const outputs = f(placeholders);
    const donated = leaves.flatMap(({ path }, i) => (donate.has(path.split('/')[0]!) ? [i] : []));
    const program = await BoundProgram.compile(
      target,
      leaves.map(({ tensor }) => tensor.node),
      leavesOf(outputs).map(({ tensor }) => tensor.node),
      { donated },
    );
    report = program.report;
    return { program, outputs };
  };

  const call = async (inputs: I): Promise<O> => {
    if (disposed) throw new DisposedError('this compiled function was disposed');
    const leaves = leavesOf(inputs);
    const signature = leaves
      .map(({ path, tensor }) => `${path}:${tensor.dtype}[${tensor.shape.join()}]`)
      .join(';');
    let entry = cache.get(signature);
    if (!entry) {
      entry = trace(inputs);
      cache.set(signature, entry);
      entry.catch(() => cache.delete(signature));
    }
    const { program, outputs } = await entry;
    const temporary: Buffer[] = [];
    const consumed: Storage[] = [];
    const buffers: Buffer[] = [];
    for (const { path, tensor } of leaves) {
      await tensor.evaluate();
      const storage = tensor.node.storage;
      if (!storage) throw new TensorError(`compile: the input ${path} has no value`);
      const isDonated = donate.has(path.split('/')[0]!);
      if (isDonated && consumed.includes(storage)) {
        throw new TensorError(
          `compile: the donated input ${path} is the same tensor as another input; copy one of them`,
        );
      }
      if (isDonated) consumed.push(storage);
      // Host data is uploaded for this call alone; what should stay on the device is put there with device.put().
      if (storage.host && !isDonated) {
        const buffer = target.upload(storage.host, storage.type);
        temporary.push(buffer);
        buffers.push(buffer);
      } else {
        buffers.push(await storage.on(target));
      }
    }
    const results = await program.run(buffers);
    for (const storage of consumed) storage.donate(target);
    for (const buffer of temporary) buffer.dispose();
    let next = 0;
    return mapTree(outputs, () => new Tensor(dataNode(Storage.fromBuffer(target, results[next++]!))));
  };

  return Object.defineProperty(
    Object.assign(call, {
      async dispose(): Promise<void> {
        disposed = true;
        const entries = await Promise.allSettled(cache.values());
        cache.clear();
        for (const entry of entries) if (entry.status === 'fulfilled') await entry.value.program.dispose();
      },
    }),
    'report',
    { get: () => report },
  ) as CompiledFunction<I, O>;
}
