/** One rank of an assignment across processes; it may be told to die before one of its operations. */
import { streamNormal, streamUniform } from '@immiscible/random';
import { assignAcross, AssignmentError } from '../../src/index.ts';
import { type GroupArray, type ProcessGroup } from '../../src/processes/process-group.ts';
import { joinRanks } from '../ipc-group.ts';

const { group, args, finish } = joinRanks();
const [how, ...numbers] = args;
const [rows, dimensions, seed, dies, after] = numbers.map(Number) as [number, number, number, number, number];

/** This rank's images or noises: number `rank · rows + i` in row i. */
function each(draw: (i: number, out: Float32Array) => void): Float32Array {
  const data = new Float32Array(rows * dimensions);
  for (let i = 0; i < rows; i++) {
    draw(group.rank * rows + i, data.subarray(i * dimensions, (i + 1) * dimensions));
  }
  return data;
}

let operations = 0;
function mayDie(): void {
  if (group.rank === dies && operations++ === after) process.kill(process.pid, 'SIGKILL');
}
const mortal: ProcessGroup = {
  ...group,
  allGather<T extends GroupArray>(values: T) {
    mayDie();
    return group.allGather(values);
  },
  gather<T extends GroupArray>(values: T, root: number) {
    mayDie();
    return group.gather(values, root);
  },
  broadcast<T extends GroupArray>(values: T, root: number) {
    mayDie();
    return group.broadcast(values, root);
  },
};

const streamOf = (i: number): number => 1000 + 3 * i;
const x0 = each((i, out) => streamUniform(1, i, out)).map((value) => 2 * value - 1);
const streams = Array.from({ length: rows }, (_, i) => streamOf(group.rank * rows + i));
const noise = how === 'arrays' ? each((i, out) => streamNormal(seed, streamOf(i), out)) : { seed, streams };
try {
  const { noise: chosen, permutation, stats } = await assignAcross(mortal, x0, noise, { batch: rows });
  finish({ noise: chosen, permutation, exact: stats.exact });
} catch (error) {
  if (!(error instanceof AssignmentError)) throw error;
  finish({ code: error.code, message: error.message });
}
