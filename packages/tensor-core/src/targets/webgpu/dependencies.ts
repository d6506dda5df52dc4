/** Which kernels wait for which, by the memory that they touch. */
import { type Kernel, type Operand, type Value } from './kernel.ts';

export interface Dependencies {
  /** For each kernel, those that have to run before it, and those that wait for it. */
  readonly before: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
  /** How many kernels can run one after the other between where it can and where it has to run. */
  readonly slack: readonly number[];
}

interface Access {
  readonly kernel: number;
  readonly operand: Operand;
  readonly writes: boolean;
}

/** @param kernels in an order in which they can run */
export function dependenciesOf(kernels: readonly Kernel[]): Dependencies {
  const before: number[][] = kernels.map(() => []);
  const after: number[][] = kernels.map(() => []);
  const accesses = new Map<Value, Access[]>();
  kernels.forEach(({ reads, writes }, kernel) => {
    const own: Access[] = [
      ...Object.values(reads).map((operand) => ({ kernel, operand, writes: false })),
      ...Object.values(writes).map((operand) => ({ kernel, operand, writes: true })),
    ];
    const found = new Set<number>();
    for (const access of own) {
      for (const other of accesses.get(access.operand.value) ?? []) {
        if ((access.writes || other.writes) && overlap(access.operand, other.operand))
          found.add(other.kernel);
      }
    }
    for (const access of own) {
      const list = accesses.get(access.operand.value);
      if (list) list.push(access);
      else accesses.set(access.operand.value, [access]);
    }
    before[kernel] = [...found].sort((a, b) => a - b);
    for (const other of found) after[other]!.push(kernel);
  });
  return { before, after, slack: slackOf(before, after) };
}

function overlap(a: Operand, b: Operand): boolean {
  return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

function slackOf(before: readonly (readonly number[])[], after: readonly (readonly number[])[]): number[] {
  const behind = before.map(() => 0);
  before.forEach((list, k) => {
    for (const other of list) behind[k] = Math.max(behind[k]!, behind[other]! + 1);
  });
  const ahead = after.map(() => 0);
  for (let k = after.length - 1; k >= 0; k--) {
    for (const other of after[k]!) ahead[k] = Math.max(ahead[k]!, ahead[other]! + 1);
  }
  const longest = Math.max(0, ...behind.map((length, k) => length + ahead[k]!));
  return behind.map((length, k) => longest - length - ahead[k]!);
}
