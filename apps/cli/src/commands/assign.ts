/** `immiscible assign`: the best pairing of a cost matrix in a file, with its proof; or a quick one, with its bound. */
import { readFile, stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { solveAssignment, solverNames, type SolverName } from '@immiscible/assignment';
import { Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { change, milliseconds, plural, significant } from '../format.ts';
import { colorsFor, type Io, printJson, printLine } from '../io.ts';
import { wholeNumber } from '../options.ts';

interface AssignFlags {
  readonly cost: string;
  readonly size: number;
  readonly maximise?: true;
  readonly solver: 'auto' | SolverName;
  readonly json?: true;
}

export function assignCommand(io: Io): Command {
  return new Command('assign')
    .summary('solve an assignment problem exactly')
    .description(
      'Pairs every row of a square cost matrix with a column of its own so that the total cost is the smallest, and\n' +
        'proves it: the dual bound is a total that no pairing can undercut; a gap of zero means that this one is optimal.',
    )
    .requiredOption('--cost <file>', 'the matrix: raw little-endian float32, row by row')
    .requiredOption('--size <number>', 'rows, and columns', wholeNumber(1))
    .option('--maximise', 'look for the largest total instead')
    .addOption(
      new Option(
        '--solver <name>',
        'greedy and sinkhorn are quick and prove a bound only, the others the optimum',
      )
        .choices(['auto', ...solverNames])
        .default('auto'),
    )
    .option('--json', 'print pairing, cost, dualBound, gap, exact and ms as JSON, and nothing else')
    .addHelpText(
      'after',
      `
pairing[i] is the column of row i. +Infinity forbids a pair.

Examples:
  immiscible assign --cost distances.f32 --size 512
  immiscible assign --cost distances.f32 --size 512 --json
  immiscible assign --cost distances.f32 --size 512 --solver greedy
  python -c "import numpy; numpy.random.rand(4, 4).astype('<f4').tofile('distances.f32')"`,
    )
    .action((flags: AssignFlags) => runAssign(flags, io));
}

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/**
 * Reads an N × N matrix.
 *
 * @returns float32, row-major
 * @throws UsageError where the file is not there or not N² · 4 bytes long, saying which size would fit
 */
async function readCostMatrix(path: string, size: number): Promise<Float32Array> {
  const wanted = size * size * BYTES;
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--cost: ${path} cannot be read: ${error.message}`, { cause: error });
  });
  if (!found.isFile()) throw new UsageError(`--cost: wants a file, ${path} is none`);
  if (found.size !== wanted) {
    throw new UsageError(
      `--cost: a ${size} × ${size} matrix of float32 has ${wanted} bytes, ${path} has ${found.size}${sizeThatFits(found.size, wanted)}`,
    );
  }
  const bytes = await readFile(path);
  if (endianness() === 'BE') bytes.swap32();
  // Copied, because floats may begin at multiples of four only.
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function sizeThatFits(bytes: number, wanted: number): string {
  if (bytes === 2 * wanted) return '; these look like float64, save them as float32';
  const side = Math.sqrt(bytes / BYTES);
  return Number.isInteger(side) && side > 0
    ? `; that would be --size ${side}`
    : '; save rows × columns float32 numbers';
}

/** Pairs that are shown without `--json`. */
const SHOWN = 12;

async function runAssign(
  { cost: path, size, maximise, solver: wanted, json }: AssignFlags,
  io: Io,
): Promise<void> {
  const matrix = await readCostMatrix(path, size);
  const {
    pairing,
    cost,
    dualBound,
    gap,
    exact,
    milliseconds: ms,
    solver,
    sinkhorn,
  } = solveAssignment(matrix, size, size, { maximise: maximise === true, solver: wanted });
  if (json) {
    printJson(io.stdout, { size, pairing, cost, dualBound, gap, exact, ms, solver, sinkhorn });
    return;
  }
  const colors = colorsFor(io.stdout, io.env);
  const line = (name: string, value: string): void =>
    printLine(io.stdout, `${colors.dim(name.padEnd(12))}${value}`);
  let straight = 0;
  for (let i = 0; i < size; i++) straight += matrix[i * size + i] ?? NaN;
  const against =
    straight === 0 || !Number.isFinite(straight)
      ? ''
      : ` (${change(cost / straight - 1)} against row i with column i)`;
  line('cost', `${significant(cost, 9)}${against}`);
  line('dual bound', significant(dualBound, 9));
  line('gap', significant(gap, 3));
  line('exact', exact ? colors.green('yes, proved by the bound') : colors.red('not proved'));
  if (sinkhorn !== undefined) {
    const { entropy, iterations, millisecondsPerIteration } = sinkhorn;
    line(
      'plan',
      `${significant(entropy, 3)} nats of entropy a row, after ${plural(iterations, 'iteration')} of ` +
        milliseconds(millisecondsPerIteration),
    );
  }
  line('time', `${milliseconds(ms)} with ${solver}`);
  const shown = Array.from(pairing.subarray(0, SHOWN), (column, row) => `${row}→${column}`).join('  ');
  const more = size > SHOWN ? colors.dim(`  and ${plural(size - SHOWN, 'pair')} more (--json has all)`) : '';
  line('pairing', shown + more);
}
