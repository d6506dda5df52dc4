/** A cost matrix in a file, solved. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cli, temporaryFolder } from './cli.ts';

async function matrix(values: readonly number[], name = 'cost.f32'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  const bytes = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => bytes.setFloat32(4 * i, value, true));
  await writeFile(path, new Uint8Array(bytes.buffer));
  return path;
}

// The cheapest pairing is 0→1, 1→0, 2→2 at 1 + 2 + 2.
const costs = [4, 1, 3, 2, 0, 5, 3, 2, 2];

it('prints pairing, cost, bound, gap, exact and ms as JSON', async () => {
  const { code, out, err } = await cli(['assign', '--cost', await matrix(costs), '--size', '3', '--json']);
  expect([code, err]).toEqual([0, '']);
  const { ms, ...rest } = JSON.parse(out) as Record<string, unknown>;
  expect(rest).toMatchObject({ size: 3, pairing: [1, 0, 2], cost: 5, dualBound: 5, gap: 0, exact: true });
  expect(ms).toBeGreaterThanOrEqual(0);
});

it('says it readably, the largest total too', async () => {
  const least = await cli(['assign', '--cost', await matrix(costs), '--size', '3']);
  expect(least.out).toMatch(/^cost +5\.0+ \(−17 % against row i with column i\)$/m);
  expect(least.out).toMatch(/^exact +yes, proved by the bound$/m);
  expect(least.out).toMatch(/^pairing +0→1 {2}1→0 {2}2→2$/m);
  const most = await cli(['assign', '--cost', await matrix(costs), '--size', '3', '--maximise', '--json']);
  expect(JSON.parse(most.out)).toMatchObject({ cost: 11, exact: true });
});

it('solves with the solver asked for, and says what that one proves', async () => {
  const cost = await matrix(Array.from({ length: 2500 }, (_, e) => Math.sin(e * e)));
  const solve = async (solver: string): Promise<Record<string, unknown>> => {
    const { code, out } = await cli(['assign', '--cost', cost, '--size', '50', '--solver', solver, '--json']);
    expect(code).toBe(0);
    return JSON.parse(out) as Record<string, unknown>;
  };
  const best = await solve('auto');
  expect(await solve('auction')).toMatchObject({ solver: 'auction', exact: true });
  const greedy = await solve('greedy');
  expect(greedy).toMatchObject({ solver: 'greedy', exact: false });
  expect(greedy['dualBound']).toBeLessThanOrEqual(best['cost'] as number);
  expect(greedy['cost']).toBeGreaterThan(best['cost'] as number);
  expect(greedy).not.toHaveProperty('sinkhorn');
  expect((await solve('sinkhorn'))['sinkhorn']).toHaveProperty('entropy');
  const read = await cli(['assign', '--cost', cost, '--size', '50', '--solver', 'sinkhorn']);
  expect(read.out).toMatch(/^plan +[\d.]+ nats of entropy a row, after \d+ iterations of /m);
  expect(read.out).toMatch(/^exact +not proved$/m);
  const wrong = await cli(['assign', '--cost', cost, '--size', '50', '--solver', 'hungarian']);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toMatch(/auto, sparse-core, jonker-volgenant, auction, greedy, sinkhorn/);
});

it.each<[readonly number[], string, RegExp]>([
  [costs, '4', /a 4 × 4 matrix of float32 has 64 bytes, .* has 36; that would be --size 3/],
  [[...costs, ...costs], '3', /has 36 bytes, .* has 72; these look like float64/],
  [[1, 2], '1', /has 4 bytes, .* has 8; these look like float64/],
  [[1, 2, 3], '1', /has 12; save rows × columns float32 numbers/],
  [[1, NaN, 1, 1], '2', /costs must be finite.* got NaN at row 0, column 1/],
  [[Infinity, Infinity, 1, 1], '2', /no finite assignment: row 0/],
  [costs, '0', /It wants a whole number of at least 1/],
])('refuses %j with --size %s', async (values, size, message) => {
  const { code, out, err } = await cli(['assign', '--cost', await matrix(values), '--size', size]);
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(message);
  expect(err).not.toMatch(/^ +at /m);
});

it('refuses what is no file', async () => {
  const folder = await temporaryFolder();
  const missing = await cli(['assign', '--cost', join(folder, 'gone'), '--size', '3']);
  expect([missing.code, missing.err]).toEqual([
    2,
    expect.stringMatching(/--cost: .*gone cannot be read: ENOENT/),
  ]);
  const directory = await cli(['assign', '--cost', folder, '--size', '3']);
  expect([directory.code, directory.err]).toEqual([2, expect.stringContaining('wants a file')]);
});
