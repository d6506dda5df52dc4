/** Ranks that share one process, each with its own view of one exchange, and count what they send. */
import { type GroupArray, type ProcessGroup } from '../src/processes/process-group.ts';

export interface CountingGroup extends ProcessGroup {
  /** Numbers sent so far, by kind of array. */
  readonly sent: Readonly<Record<string, number>>;
}

/** `size` groups, one for each rank; their callers run side by side. */
export function memoryGroups(size: number): CountingGroup[] {
  const rounds: { values: GroupArray[]; done: (all: GroupArray[]) => void; all: Promise<GroupArray[]> }[] =
    [];
  const round = (n: number): (typeof rounds)[number] => {
    if (!rounds[n]) {
      let done: (all: GroupArray[]) => void = () => undefined;
      const all = new Promise<GroupArray[]>((resolve) => (done = resolve));
      rounds[n] = { values: [], done, all };
    }
    return rounds[n];
  };
  return Array.from({ length: size }, (_, rank) => {
    let operations = 0;
    const sent: Record<string, number> = {};
    const exchange = async <T extends GroupArray>(values: T, counts: boolean): Promise<T[]> => {
      const { values: given, done, all } = round(operations++);
      if (counts) sent[values.constructor.name] = (sent[values.constructor.name] ?? 0) + values.length;
      given[rank] = values.slice();
      if (Object.keys(given).length === size) done(given);
      return (await all) as T[];
    };
    return {
      rank,
      size,
      sent,
      allGather: (values) => exchange(values, true),
      gather: async (values, root) => {
        const all = await exchange(values, true);
        return rank === root ? all : [];
      },
      broadcast: async (values, root) => (await exchange(values, rank === root))[root]!,
    };
  });
}
