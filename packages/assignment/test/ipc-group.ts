/**
 * Ranks as processes of their own, connected through the process that started them: it is the hub that collects what
 * all ranks of a round have sent and hands it out, and that tells the others when one dies.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { type GroupArray, type ProcessGroup } from '../src/processes/process-group.ts';

type ToHub = { readonly round: number; readonly values: GroupArray } | { readonly result: unknown };
type FromHub = { readonly round: number; readonly all: readonly GroupArray[] } | { readonly lost: string };

/** What became of one rank. */
export type RankOutcome =
  { readonly result: unknown } | { readonly code: number | null; readonly signal: string | null };

/** Runs a program as `size` ranks until all have ended. */
export async function runRanks(
  program: string,
  size: number,
  args: readonly string[],
): Promise<RankOutcome[]> {
  const rounds = new Map<number, Map<number, GroupArray>>();
  const children: ChildProcess[] = [];
  const say = (rank: number, message: FromHub): void => {
    if (children[rank]?.connected) children[rank].send(message, () => undefined); // it may be ending
  };
  const hear = (rank: number, round: number, values: GroupArray): void => {
    const given = rounds.get(round) ?? new Map<number, GroupArray>();
    rounds.set(round, given.set(rank, values));
    if (given.size < size) return;
    rounds.delete(round);
    const all = Array.from({ length: size }, (_, r) => given.get(r)!);
    for (let r = 0; r < size; r++) say(r, { round, all });
  };
  const outcomes = Array.from({ length: size }, (_, rank) => {
    const child = fork(program, [String(rank), String(size), ...args], {
      serialization: 'advanced',
      execArgv: [],
    });
    children.push(child);
    return new Promise<RankOutcome>((resolve, reject) => {
      let told: RankOutcome | undefined;
      child.on('message', (message: ToHub) => {
        if ('result' in message) told = message;
        else hear(rank, message.round, message.values);
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        resolve(told ?? { code, signal });
        for (let r = 0; r < size; r++) if (r !== rank && !told) say(r, { lost: `rank ${rank} is gone` });
      });
    });
  });
  return Promise.all(outcomes);
}

/** In a rank's process: its group, its further arguments, and where its result goes. */
export function joinRanks(): { group: ProcessGroup; args: string[]; finish: (result: unknown) => void } {
  const [rank, size] = process.argv.slice(2, 4).map(Number) as [number, number];
  let round = 0;
  let lost: Error | undefined;
  const waiting = new Map<number, { resolve: (all: GroupArray[]) => void; reject: (error: Error) => void }>();
  process.on('message', (message: FromHub) => {
    if ('lost' in message) {
      lost = new Error(message.lost);
      for (const { reject } of waiting.values()) reject(lost);
    } else waiting.get(message.round)?.resolve([...message.all]);
  });
  const exchange = <T extends GroupArray>(values: T): Promise<T[]> =>
    new Promise((resolve, reject) => {
      if (lost) reject(lost);
      const own = round++;
      waiting.set(own, { resolve: resolve as (all: GroupArray[]) => void, reject });
      process.send?.({ round: own, values });
    });
  const group: ProcessGroup = {
    rank,
    size,
    allGather: exchange,
    gather: async (values, root) => {
      const all = await exchange(values);
      return rank === root ? all : [];
    },
    broadcast: async (values, root) => (await exchange(values))[root]!,
  };
  const finish = (result: unknown): void => {
    process.send?.({ result }, () => process.disconnect());
  };
  return { group, args: process.argv.slice(4), finish };
}
