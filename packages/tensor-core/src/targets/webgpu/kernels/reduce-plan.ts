/**
 * How a reduction is spread over a device: which elements make an output, how many lanes share one, and in how many
 * passes. Softmax and the norms share rows out in the same way.
 */
import { type Shape } from '../../../shape.ts';
import { type Capabilities } from '../kernel.ts';

/** Axes that lie side by side in memory: `extent` elements, `stride` apart. */
interface Run {
  readonly extent: number;
  readonly stride: number;
}

/** A shape with its reduced axes, neighbours of one kind merged and extents of 1 dropped; outermost first. */
export interface ReduceGroups {
  readonly kept: readonly Run[];
  readonly reduced: readonly Run[];
  /** Outputs. */
  readonly outputs: number;
  /** Elements of an output. */
  readonly length: number;
}

/** A power of two, at least `n`. */
function powerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, n)));
}

export function reduceGroups(shape: Shape, axes: readonly number[]): ReduceGroups {
  const kept: Run[] = [];
  const reduced: Run[] = [];
  let stride = 1;
  let last: Run[] | undefined;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    if (extent === 1) continue;
    const runs = axes.includes(axis) ? reduced : kept;
    const inner = runs === last ? runs.shift() : undefined;
    runs.unshift(inner ? { extent: extent * inner.extent, stride: inner.stride } : { extent, stride });
    last = runs;
    stride *= extent;
  }
  const count = (runs: readonly Run[]): number => runs.reduce((product, { extent }) => product * extent, 1);
  return { kept, reduced, outputs: count(kept), length: count(reduced) };
}

/** WGSL of `fn name(i: u32) -> u32`: where the i-th of the elements that `runs` span lies. */
export function positionCode(name: string, runs: readonly Run[]): string {
  const lines = [`fn ${name}(i: u32) -> u32 {`];
  const outer = runs[0];
  if (runs.length <= 1) {
    lines.push(outer ? `  return i * ${outer.stride}u;` : '  return 0u;', '}');
    return lines.join('\n');
  }
  lines.push('  var rest = i;', '  var at = 0u;');
  for (const { extent, stride } of runs.slice(1).reverse()) {
    lines.push(`  at += (rest % ${extent}u) * ${stride}u;`, `  rest /= ${extent}u;`);
  }
  lines.push(`  return at + rest * ${outer!.stride}u;`, '}');
  return lines.join('\n');
}

/** Which lane of which workgroup does what. */
export interface Spread {
  /** Outputs of a workgroup. */
  readonly width: number;
  /** Lanes that share an output, a power of two; their results meet in workgroup memory. */
  readonly lanes: number;
  /** True where neighbouring invocations share an output, false where they have neighbouring outputs. */
  readonly lanesFirst: boolean;
}

/** Outputs that lie side by side in memory. */
function adjacentOutputs({ kept }: ReduceGroups): number {
  const inner = kept.at(-1);
  return inner?.stride === 1 ? inner.extent : 1;
}

/** Lanes of a workgroup without barriers: on software adapters, a few of the CPU's vectors. */
const SOFTWARE_WORKGROUP = 32;
/** What a lane should have to do at least. */
const ELEMENTS_PER_LANE = 4;

/** Workgroups of 256, neighbours reading neighbours; without barriers one lane an output. */
export function spreadOf(groups: ReduceGroups, { software, workgroupInvocations }: Capabilities): Spread {
  const adjacent = adjacentOutputs(groups);
  const lanesFirst = adjacent === 1;
  if (software) return { width: SOFTWARE_WORKGROUP, lanes: 1, lanesFirst };
  const invocations = Math.min(256, workgroupInvocations);
  const wanted = powerOfTwo(groups.length / ELEMENTS_PER_LANE);
  const lanes = Math.min(wanted, lanesFirst ? invocations : invocations / Math.min(32, powerOfTwo(adjacent)));
  return { width: invocations / lanes, lanes, lanesFirst };
}

/** How the elements of an output are cut into parts that are summed apart. */
export interface Split {
  readonly parts: number;
  /** Elements of a part that lie one after another; undefined: part p has elements p, p + parts, … */
  readonly chunk: number | undefined;
}

/** More elements than these in one running sum would cost digits. */
const LONGEST_SUM = 8192;
/** Workgroups that fill a large GPU, and lanes that fill the cores behind a software adapter. */
const FULL_GPU = 1024;
const FULL_CPU = 512;
/** Fewer elements than these are not worth a second dispatch. */
const WORTH_SPLITTING = { gpu: 64, software: 512 };

/** Few outputs of many elements are summed in parts by as many lanes as keep the device busy. */
export function splitOf(
  groups: ReduceGroups,
  { width, lanes, lanesFirst }: Spread,
  software: boolean,
): Split {
  const { outputs, length } = groups;
  const each = length / lanes;
  const worth = software ? WORTH_SPLITTING.software : WORTH_SPLITTING.gpu;
  if (each <= worth) return { parts: 1, chunk: length };
  const busy = software ? FULL_CPU / outputs : FULL_GPU / Math.ceil(outputs / width);
  const least = Math.ceil(each / LONGEST_SUM);
  const wanted = Math.max(least, Math.min(Math.ceil(busy), Math.floor(each / (worth / 4))));
  if (wanted <= 1) return { parts: 1, chunk: length };
  if (software && lanesFirst) return { parts: Math.ceil(wanted / 8) * 8, chunk: undefined };
  const chunk = Math.ceil(length / wanted / lanes) * lanes;
  return { parts: Math.ceil(length / chunk), chunk };
}

/** Workgroups for `count` of them, and the WGSL of a workgroup's number: no dimension may exceed 65,535. */
export function workgroupGrid(count: number): {
  readonly workgroups: readonly [number, number, number];
  /** An expression over `workgroup: vec3<u32>`, the builtin `workgroup_id`. */
  readonly index: string;
} {
  const x = Math.min(count, 65_535);
  const y = Math.ceil(count / x);
  return { workgroups: [x, y, 1], index: y === 1 ? 'workgroup.x' : `workgroup.y * ${x}u + workgroup.x` };
}
