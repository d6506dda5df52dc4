/**
 * Several kernels as one: workgroups are dealt out to jobs in turn, and each does what its kernel would have done.
 *
 * Jobs of equal text whose operands lie in the same bindings share that text, and differ in where their operands begin.
 * Which job a workgroup has follows from its number alone, so branches are taken by whole workgroups, and barriers stay
 * where all invocations meet them.
 */
import { storageBytes } from './assemble.ts';
import {
  type Capabilities,
  type Kernel,
  type Operand,
  type SharedArray,
  type Value,
  workgroupBytes,
} from './kernel.ts';
import { gridOf } from './kernels/tiles.ts';

/** What a joint kernel binds: the elements of a value that its jobs touch. */
interface JointBinding {
  readonly name: string;
  readonly value: Value;
  readonly vector: boolean;
  readonly written: boolean;
  from: number;
  to: number;
}

/** Kernels of one text, whose operands are in the same bindings. */
interface Code {
  readonly kernel: Kernel;
  readonly jobs: Kernel[];
}

/** Labels that a joint kernel's own quotes. */
const MOST_LABELS = 3;

type Limits = Pick<Capabilities, 'storageBuffers' | 'bindingBytes' | 'bindingAlignment' | 'workgroupMemory'>;

/** What the kernels bind together, by value; undefined where one dispatch cannot: too much, or one value in two ways. */
function bindingsOf(kernels: readonly Kernel[], limits: Limits): Map<string, JointBinding> | undefined {
  const written = new Set(kernels.flatMap(({ writes }) => Object.values(writes).map(({ value }) => value)));
  const bindings = new Map<string, JointBinding>();
  const forms = new Map<Value, boolean>();
  for (const kernel of kernels) {
    for (const [name, operand] of operandsOf(kernel)) {
      const { value, offset, size } = operand;
      const vector = kernel.vectors?.includes(name) ?? false;
      if (written.has(value)) {
        if ((forms.get(value) ?? vector) !== vector) return undefined;
        forms.set(value, vector);
      }
      const key = keyOf(value, vector);
      const held = bindings.get(key);
      if (held) {
        held.from = Math.min(held.from, offset);
        held.to = Math.max(held.to, offset + size);
      } else {
        const binding = { value, vector, written: written.has(value), from: offset, to: offset + size };
        bindings.set(key, { ...binding, name: `s${bindings.size}` });
      }
    }
  }
  for (const binding of bindings.values()) {
    const step = limits.bindingAlignment / storageBytes(binding.value.dtype);
    binding.from = Math.floor(binding.from / step) * step;
    const bytes = (binding.to - binding.from) * storageBytes(binding.value.dtype);
    if (bytes > limits.bindingBytes) return undefined;
  }
  return bindings.size > limits.storageBuffers ? undefined : bindings;
}

function keyOf(value: Value, vector: boolean): string {
  return `${value.id}${vector ? ' in fours' : ''}`;
}

function operandsOf({ reads, writes }: Kernel): [string, Operand][] {
  return [...Object.entries(reads), ...Object.entries(writes)];
}

/** The kernels by text and by where their operands are: those of equal ones share their text in a joint kernel. */
function codesOf(kernels: readonly Kernel[]): Code[] {
  const codes: Code[] = [];
  const byBody = new Map<string, Map<string, Code>>();
  for (const kernel of kernels) {
    const places = operandsOf(kernel).map(
      ([name, { value }]) => `${name}: ${keyOf(value, kernel.vectors?.includes(name) ?? false)}`,
    );
    const key = `${kernel.workgroups.join()} ${places.join()}`;
    let alike = byBody.get(kernel.body);
    if (!alike) byBody.set(kernel.body, (alike = new Map<string, Code>()));
    const held = alike.get(key);
    if (held) held.jobs.push(kernel);
    else {
      const code = { kernel, jobs: [kernel] };
      alike.set(key, code);
      codes.push(code);
    }
  }
  return codes;
}

/**
 * True where one dispatch can do what the kernels do, which are independent of each other.
 *
 * @param mostText characters that their code may have
 */
export function canJoin(kernels: readonly Kernel[], limits: Limits, mostText = Infinity): boolean {
  const [first] = kernels;
  const text = codesOf(kernels).reduce((sum, { kernel: { body } }) => sum + body.length, 0);
  if (text > mostText) return false;
  if (kernels.some(({ invocations }) => invocations !== first!.invocations)) return false;
  const bytes = workgroupBytes({ shared: workgroupArrays(kernels).arrays });
  return bytes <= limits.workgroupMemory && bindingsOf(kernels, limits) !== undefined;
}

/** One kernel that does what `kernels` do. They must satisfy `canJoin`. */
export function joinKernels(kernels: readonly Kernel[], limits: Limits): Kernel {
  const bindings = bindingsOf(kernels, limits)!;
  const list = codesOf(kernels);
  const memory = workgroupArrays(list.map(({ kernel }) => kernel));
  const texts = list.map((code, c) => codeText(code, `k${c}_`, bindings, memory.names[c]!));
  const total = kernels.reduce((sum, { workgroups: [x, y, z] }) => sum + x * y * z, 0);
  const grid = gridOf(total, 1, 1);
  const operandOf = ({ value, from, to }: JointBinding): Operand => ({
    value,
    offset: from,
    size: to - from,
  });
  const named = (which: boolean): Record<string, Operand> =>
    Object.fromEntries(
      [...bindings.values()].filter(({ written }) => written === which).map((b) => [b.name, operandOf(b)]),
    );
  return {
    label: labelOf(kernels),
    body: `${texts.join('\n')}
fn run(group: vec3u, lane: u32) {
  ${grid.code}
  let at = tile.x;
  ${dispatchText(list)}
}`,
    reads: named(false),
    writes: named(true),
    vectors: [...bindings.values()].filter(({ vector }) => vector).map(({ name }) => name),
    extensions: [...new Set(kernels.flatMap(({ extensions = [] }) => extensions))],
    invocations: kernels[0]!.invocations,
    shared: memory.arrays,
    workgroups: grid.workgroups,
    flops: kernels.reduce((sum, { flops }) => sum + flops, 0),
  };
}

/** `3 × matmul 8×8×8 + softmax of 8×8`; of many, the first. */
function labelOf(kernels: readonly Kernel[]): string {
  const counts = new Map<string, number>();
  for (const { label } of kernels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const parts = [...counts].map(([label, n]) => (n === 1 ? label : `${n} × ${label}`));
  const rest = parts.length - MOST_LABELS;
  return [...parts.slice(0, MOST_LABELS), ...(rest > 0 ? [`${rest} more`] : [])].join(' + ');
}

/** Workgroup memory for whichever of the kernels a workgroup runs: one array for those of a type that take turns. */
function workgroupArrays(kernels: readonly Kernel[]): {
  arrays: Record<string, SharedArray>;
  /** For each kernel, what its arrays are called. */
  names: ReadonlyMap<string, string>[];
} {
  const arrays: Record<string, SharedArray> = {};
  const names = kernels.map(({ shared = {} }) => {
    const own = new Map<string, string>();
    const counts = new Map<string, number>();
    for (const [name, { type, size }] of Object.entries(shared)) {
      const n = counts.get(type) ?? 0;
      counts.set(type, n + 1);
      const joint = `shared_${type}_${n}`;
      own.set(name, joint);
      arrays[joint] = { type, size: Math.max(size, arrays[joint]?.size ?? 0) };
    }
    return own;
  });
  return { arrays, names };
}

/** The kernel's functions under names of their own, and where its operands begin. */
function codeText(
  { kernel, jobs }: Code,
  prefix: string,
  bindings: ReadonlyMap<string, JointBinding>,
  arrays: ReadonlyMap<string, string>,
): string {
  const names = new Map(arrays);
  const lines: string[] = [];
  for (const [name, operand] of operandsOf(kernel)) {
    const vector = kernel.vectors?.includes(name) ?? false;
    const binding = bindings.get(keyOf(operand.value, vector))!;
    names.set(name, binding.name);
    const starts = jobs.map((job) => startOf(job, name, binding));
    const start = `${prefix}${name}_start`;
    const isOne = starts.every((s) => s === starts[0]);
    if (!isOne) lines.push(`var<private> ${start}: u32;`);
    lines.push(`fn ${prefix}${name}_at() -> u32 { return ${isOne ? `${starts[0]}u` : start}; }`);
  }
  const declared = [...kernel.body.matchAll(/\bfn (\w+)|\bvar<private> (\w+)/g)].map(([, f, v]) => (f ?? v)!);
  const own = [...declared, ...operandsOf(kernel).map(([name]) => `${name}_at`)];
  const body = kernel.body
    .replaceAll(/\b(\w+)\[/g, (text, name: string) => (names.has(name) ? `${names.get(name)}[` : text))
    .replaceAll(new RegExp(`(?<![.\\w])(${own.join('|')})\\b`, 'g'), `${prefix}$1`);
  if (jobs.length > 1) lines.push(startsText(jobs, kernel, prefix, bindings));
  return [...lines, body].join('\n');
}

/** Where the job's operand begins in the binding, in what the binding is an array of. */
function startOf(job: Kernel, name: string, { from, vector }: JointBinding): number {
  const operand = job.reads[name] ?? job.writes[name]!;
  return (operand.offset - from) / (vector ? 4 : 1);
}

/** `starts_of(job)`: says where the operands of one of the jobs begin. */
function startsText(
  jobs: readonly Kernel[],
  kernel: Kernel,
  prefix: string,
  bindings: ReadonlyMap<string, JointBinding>,
): string {
  const settings = jobs.map((): string[] => []);
  for (const [name, { value }] of operandsOf(kernel)) {
    const binding = bindings.get(keyOf(value, kernel.vectors?.includes(name) ?? false))!;
    const starts = jobs.map((job) => startOf(job, name, binding));
    if (starts.every((start) => start === starts[0])) continue;
    starts.forEach((start, job) => settings[job]!.push(`${prefix}${name}_start = ${start}u;`));
  }
  const cases = settings.map(
    (lines, job) => `${job === jobs.length - 1 ? 'default' : `case ${job}u`}: { ${lines.join(' ')} }`,
  );
  return `fn ${prefix}begin(job: u32) {\nswitch job {\n${cases.join('\n')}\n}\n}`;
}

/** Statements that hand workgroup number `at` to its job. */
function dispatchText(codes: readonly Code[]): string {
  let next = 0;
  const ranges = codes.map(({ kernel, jobs }, c) => {
    const [x, y, z] = kernel.workgroups;
    const first = next;
    const each = x * y * z;
    next += each * jobs.length;
    const place = first === 0 ? 'at' : `(at - ${first}u)`;
    const begin = jobs.length === 1 ? '' : `k${c}_begin(${place} / ${each}u); `;
    const i = jobs.length === 1 ? place : `(${place} % ${each}u)`;
    const inner = `${y === 1 && z === 1 ? i : `${i} % ${x}u`}, ${y === 1 && z === 1 ? '0u' : z === 1 ? `${i} / ${x}u` : `${i} / ${x}u % ${y}u`}, ${z === 1 ? '0u' : `${i} / ${x * y}u`}`;
    return { first, text: `${begin}k${c}_run(vec3u(${inner}), lane);` };
  });
  const tree = (from: number, to: number): string => {
    if (to - from === 1) return ranges[from]!.text;
    const middle = (from + to) >> 1;
    return `if (at < ${ranges[middle]!.first}u) {\n${tree(from, middle)}\n} else {\n${tree(middle, to)}\n}`;
  };
  return tree(0, ranges.length);
}
