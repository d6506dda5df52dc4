/** A loop with a look-ahead that is left in one way or another; the process must then end by itself. */
import { lookAhead } from '../../src/index.ts';

const how = process.argv[2];
const batches = Array.from({ length: 9 }, () => ({ x0: { data: new Float32Array(64), shape: [4, 16] } }));
const ahead = lookAhead({ batches, noise: { seed: 1 } });
let count = 0;
const take = async (most: number): Promise<void> => {
  for (let taken = 0; taken < most && !(await ahead.next()).done; taken++) count++;
};
await take(3);
if (how === 'broken') await ahead.return();
if (how === 'whole') await take(Infinity);
process.stdout.write(`${how} ${count}\n`);
