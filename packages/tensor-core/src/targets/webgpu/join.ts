/**
 * Which kernels run together: independent ones of a kind, in one dispatch.
 *
 * A dispatch costs the host and the device microseconds, and a small one leaves most of a device idle. Products that
 * read the same activation, weights packed for each convolution, gradients that nobody waits for but the optimizer: the
 * graph has them apart, at places that have nothing to do with each other. Kernels are taken in their order; one that
 * others do not wait for is put off, and one that could run by now comes along with another of its kind.
 *
 * What a joint kernel writes and nobody else does becomes one value, so that many results take one binding.
 */
import { type TensorType } from '../../graph/node.ts';
import { sizeOf } from '../../shape.ts';
import { storageBytes } from './assemble.ts';
import { canJoin, joinKernels } from './joint-kernel.ts';
import { type Capabilities, type Kernel, type Operand, type Value } from './kernel.ts';
import { type Dependencies, dependenciesOf } from './dependencies.ts';
import { valueBytes } from './plan-memory.ts';

/** Longer kernels are worth a dispatch each: multiplications and additions, and bytes. */
const LONG_FLOPS = 4e9;
const LONG_BYTES = 2 ** 27;
/** Kernels that come after it, one after the other: fewer, and a kernel is soon waited for. */
const SLACK = 8;
/** Characters of different kernels in a joint one: they are compiled together, and again wherever they are joined. */
const MOST_TEXT = { hardware: 40_000, software: 12_000 };
const MOST_JOBS = 128;
/** Characters of a kernel that can join any other such. */
const SHORT = 2500;
/**
 * Bytes that wait for what is put off, and bytes that are written before their time: shares of what the kernels take at
 * once in their own order, and no more than so much of a large program.
 */
const PUT_OFF = { share: 1 / 4, most: 2 ** 26 };
const EARLY = { share: 1 / 8, most: 2 ** 25 };
/** Larger results keep memory of their own, which is free again when nobody reads them. */
const SMALL_BYTES = 2 ** 21;

export interface JoinContext {
  readonly capabilities: Capabilities;
  /** True for memory of the program's own. */
  readonly isTemporary: (value: Value) => boolean;
  readonly makeValue: (type: TensorType, label: string) => Value;
}

/** The same kernels in another order, some of them together. @param kernels in an order in which they can run */
export function joinIndependent(kernels: readonly Kernel[], context: JoinContext): Kernel[] {
  return new Joiner(kernels, context).run();
}

class Joiner {
  readonly #context: JoinContext;
  readonly #kernels: Kernel[];
  readonly #kinds: readonly string[];
  readonly #dependencies: Dependencies;
  /** Kernels that have to run before it, of those that have not. */
  readonly #waiting: number[];
  readonly #done: boolean[];
  /** Positions of kernels that have not run, by kind. */
  readonly #open = new Map<string, Set<number>>();
  readonly #putOff = new Set<number>();
  readonly #result: Kernel[] = [];
  readonly #memory: LiveMemory;
  readonly #mostPutOff: number;
  readonly #mostEarly: number;
  /** Bytes that are written before their time, and whose time has not come. */
  #early = 0;
  readonly #earlyBytes = new Map<number, number>();

  constructor(kernels: readonly Kernel[], context: JoinContext) {
    this.#context = context;
    this.#kernels = [...kernels];
    this.#kinds = kernels.map((kernel) => kindOf(kernel));
    this.#dependencies = dependenciesOf(kernels);
    this.#waiting = this.#dependencies.before.map((list) => list.length);
    this.#done = kernels.map(() => false);
    this.#kinds.forEach((kind, i) => {
      if (isLong(kernels[i]!)) return;
      const set = this.#open.get(kind);
      if (set) set.add(i);
      else this.#open.set(kind, new Set([i]));
    });
    this.#memory = new LiveMemory(kernels, context.isTemporary);
    const peak = this.#memory.peak();
    this.#mostPutOff = Math.min(PUT_OFF.share * peak, PUT_OFF.most);
    this.#mostEarly = Math.min(EARLY.share * peak, EARLY.most);
  }

  run(): Kernel[] {
    const { slack } = this.#dependencies;
    for (let i = 0; i < this.#kernels.length; i++) {
      this.#early -= this.#earlyBytes.get(i) ?? 0;
      if (this.#done[i]) continue;
      if (slack[i]! >= SLACK && this.#open.get(this.#kinds[i]!)?.has(i)) this.#putOff.add(i);
      else this.#demand([i], i);
      if (this.#memory.heldBy(this.#putOff) > this.#mostPutOff) this.#demand(this.#putOff, i);
    }
    this.#demand(this.#putOff, this.#kernels.length - 1);
    return this.#result;
  }

  /** Runs these kernels and what they wait for: first what waits for nothing else, so that kernels of a kind meet. */
  #demand(wanted: Iterable<number>, now: number): void {
    const levels = new Map<number, number>();
    const levelOf = (i: number): number => {
      let level = levels.get(i);
      if (level === undefined) {
        level = 0;
        for (const k of this.#dependencies.before[i]!) {
          if (!this.#done[k]) level = Math.max(level, levelOf(k) + 1);
        }
        levels.set(i, level);
      }
      return level;
    };
    for (const i of wanted) levelOf(i);
    const order = [...levels].sort(([a, one], [b, other]) => one - other || a - b);
    for (const [i] of order) if (!this.#done[i]) this.#dispatch(i, now);
  }

  /** Runs a kernel that waits for nothing, and others with it. */
  #dispatch(i: number, now: number): void {
    const batch = this.#batchOf(i, now);
    for (const k of batch) {
      this.#done[k] = true;
      this.#putOff.delete(k);
      this.#open.get(this.#kinds[k]!)?.delete(k);
      this.#memory.run(k);
      for (const after of this.#dependencies.after[k]!) this.#waiting[after]!--;
      if (k <= now) continue;
      const bytes = this.#memory.written(k);
      this.#earlyBytes.set(k, bytes);
      this.#early += bytes;
    }
    const kernels = batch.map((k) => this.#kernels[k]!);
    this.#result.push(kernels.length === 1 ? kernels[0]! : joinKernels(kernels, this.#context.capabilities));
  }

  /** The kernel and those that run with it; what they write is in few values then. */
  #batchOf(leader: number, now: number): number[] {
    const { capabilities } = this.#context;
    let batch = [leader];
    const candidates = this.#open.get(this.#kinds[leader]!);
    if (!candidates?.has(leader)) return batch;
    let early = this.#early;
    const mostText = capabilities.software ? MOST_TEXT.software : MOST_TEXT.hardware;
    for (const k of candidates) {
      if (k === leader || this.#waiting[k] !== 0) continue;
      if (batch.length >= MOST_JOBS) break;
      const bytes = k > now ? this.#memory.written(k) : 0;
      if (early + bytes > this.#mostEarly) continue;
      const wider = [...batch, k];
      const { kernels } = this.#rehomed(wider);
      if (!canJoin(kernels, capabilities, mostText)) continue;
      batch = wider;
      early += bytes;
    }
    if (batch.length > 1) this.#settle(batch);
    return batch;
  }

  /** The kernels with their small results in one value for each form. */
  #rehomed(batch: readonly number[]): { kernels: Kernel[]; homes: Map<Value, Operand> } {
    const homes = new Map<Value, Operand>();
    const sizes = new Map<string, { value: Value; size: number }>();
    const inside = new Set(batch);
    for (const k of batch) {
      const kernel = this.#kernels[k]!;
      for (const [name, { value }] of Object.entries(kernel.writes)) {
        if (homes.has(value) || !this.#isMovable(value, inside)) continue;
        const form = `${value.dtype}${kernel.vectors?.includes(name) ? ' in fours' : ''}`;
        let home = sizes.get(form);
        if (!home) sizes.set(form, (home = { value: placeholder(value), size: 0 }));
        const step = this.#context.capabilities.bindingAlignment / storageBytes(value.dtype);
        homes.set(value, { value: home.value, offset: home.size, size: sizeOf(value.shape) });
        home.size += Math.ceil(sizeOf(value.shape) / step) * step;
      }
    }
    return { kernels: batch.map((k) => moved(this.#kernels[k]!, homes)), homes };
  }

  #isMovable(value: Value, inside: ReadonlySet<number>): boolean {
    return (
      this.#context.isTemporary(value) &&
      valueBytes(value) <= SMALL_BYTES &&
      this.#memory.writers(value).every((k) => inside.has(k))
    );
  }

  /** Moves what the batch writes, for it and for all that read it. */
  #settle(batch: readonly number[]): void {
    const { homes } = this.#rehomed(batch);
    const values = new Map<Value, Value>();
    const sizes = new Map<Value, number>();
    for (const { value, offset, size } of homes.values()) {
      sizes.set(value, Math.max(sizes.get(value) ?? 0, offset + size));
    }
    for (const [value, size] of sizes) {
      values.set(
        value,
        this.#context.makeValue({ shape: [size], dtype: value.dtype }, `${value.label} and others`),
      );
    }
    const final = new Map<Value, Operand>();
    for (const [value, home] of homes) final.set(value, { ...home, value: values.get(home.value)! });
    for (const value of final.keys()) {
      for (const k of this.#memory.users(value)) this.#kernels[k] = moved(this.#kernels[k]!, final);
    }
  }
}

/** Stands for a value that is not made yet. */
function placeholder({ dtype, label, id }: Value): Value {
  return { dtype, label, shape: [], id: -1 - id };
}

/** The kernel with its operands where they are now. */
function moved(kernel: Kernel, homes: ReadonlyMap<Value, Operand>): Kernel {
  const move = (operands: Readonly<Record<string, Operand>>): Record<string, Operand> =>
    Object.fromEntries(
      Object.entries(operands).map(([name, operand]) => {
        const home = homes.get(operand.value);
        if (!home) return [name, operand];
        return [name, { value: home.value, offset: home.offset + operand.offset, size: operand.size }];
      }),
    );
  return { ...kernel, reads: move(kernel.reads), writes: move(kernel.writes) };
}

/** Kernels of a kind are much alike in what they ask of a device; short ones ask for little. */
function kindOf({ label, body, invocations }: Kernel): string {
  return `${body.length <= SHORT ? 'short' : label.split(/ \d/, 1)[0]!} ${invocations}`;
}

function isLong({ flops, reads, writes }: Kernel): boolean {
  const operands = [...Object.values(reads), ...Object.values(writes)];
  const bytes = operands.reduce((sum, { value, size }) => sum + size * storageBytes(value.dtype), 0);
  return flops > LONG_FLOPS || bytes > LONG_BYTES;
}

/** Memory while kernels run, in whichever order. */
class LiveMemory {
  live = 0;
  readonly #kernels: readonly Kernel[];
  readonly #users = new Map<Value, number[]>();
  readonly #writers = new Map<Value, number[]>();
  readonly #born = new Set<Value>();
  readonly #left = new Map<Value, number>();

  constructor(kernels: readonly Kernel[], isTemporary: (value: Value) => boolean) {
    this.#kernels = kernels;
    kernels.forEach((kernel, k) => {
      const writes = new Set(Object.values(kernel.writes).map(({ value }) => value));
      for (const value of valuesOf(kernel)) {
        if (!isTemporary(value)) continue;
        append(this.#users, value, k);
        if (writes.has(value)) append(this.#writers, value, k);
      }
    });
    for (const [value, users] of this.#users) this.#left.set(value, users.length);
  }

  /** Bytes that are live at once in the kernels' own order, at most. */
  peak(): number {
    const live = new LiveMemory(this.#kernels, (value) => this.#users.has(value));
    let most = 0;
    this.#kernels.forEach((_, k) => (most = Math.max(most, live.run(k))));
    return most;
  }

  users(value: Value): readonly number[] {
    return this.#users.get(value) ?? [];
  }

  writers(value: Value): readonly number[] {
    return this.#writers.get(value) ?? [];
  }

  /** Bytes of the values that begin with this kernel. */
  written(k: number): number {
    let bytes = 0;
    for (const value of valuesOf(this.#kernels[k]!)) {
      if (this.#writers.get(value)?.[0] === k) bytes += valueBytes(value);
    }
    return bytes;
  }

  /** Bytes that are live for nobody but these kernels. */
  heldBy(kernels: ReadonlySet<number>): number {
    const left = new Map<Value, number>();
    for (const k of kernels) {
      for (const value of valuesOf(this.#kernels[k]!)) {
        if (this.#born.has(value)) left.set(value, (left.get(value) ?? 0) + 1);
      }
    }
    let bytes = 0;
    for (const [value, users] of left) if (this.#left.get(value) === users) bytes += valueBytes(value);
    return bytes;
  }

  /** @returns bytes that are live while it runs */
  run(k: number): number {
    const values = [...valuesOf(this.#kernels[k]!)].filter((value) => this.#users.has(value));
    for (const value of values) {
      if (this.#born.has(value)) continue;
      this.#born.add(value);
      this.live += valueBytes(value);
    }
    const during = this.live;
    for (const value of values) {
      const left = this.#left.get(value)! - 1;
      this.#left.set(value, left);
      if (left === 0) this.live -= valueBytes(value);
    }
    return during;
  }
}

function valuesOf({ reads, writes }: Kernel): Set<Value> {
  return new Set([...Object.values(reads), ...Object.values(writes)].map(({ value }) => value));
}

function append(map: Map<Value, number[]>, value: Value, k: number): void {
  const list = map.get(value);
  if (list) list.push(k);
  else map.set(value, [k]);
}
