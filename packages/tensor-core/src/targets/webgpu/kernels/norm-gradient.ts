/**
 * The sums that all three gradients of GroupNorm (Wu & He 2018) are made of, in one pass: with A = Σ g and B = Σ g · x̂
 * per sample and channel, dLoss/dbias = Σ_n A, dLoss/dweight = Σ_n B, and the means of h and h · x̂ with h = g · weight
 * over a group are those of weight · A and weight · B over its channels.
 */
import { type Emitter, type Kernel, type Operand, type Prologue } from '../kernel.ts';
import { emitReduction } from './reduce-core.ts';
import { type Pass, passCode, rowCode, RUN, type Term, treeCode, treeMemory } from './reduce-lanes.ts';
import { positionCode, reduceGroups, splitOf, type Spread, spreadOf, workgroupGrid } from './reduce-plan.ts';

export interface NormGradientSums {
  /** [N, C, spatial], both. */
  readonly x: Prologue;
  /** dLoss/dy. */
  readonly g: Prologue;
  /** float32 [N · groups, 2], from `emitNormStatistics`. */
  readonly statistics: Operand;
  /** [C]; without it no means of groups are wanted. */
  readonly weight?: Prologue;
  readonly n: number;
  readonly c: number;
  readonly spatial: number;
  readonly groups: number;
  /**
   * float32 [N, C, 2]: A and B of each sample's channel. With `weight` [N, C + groups, 2]: behind the channels of each
   * sample the means of h and of h · x̂ over its groups.
   */
  readonly out: Operand;
}

/** Lanes of a software adapter's workgroup, a group each. */
const SOFTWARE_LANES = 8;
/** Fewer groups than these leave a CPU's cores idle: channels are then summed apart. */
const FEW_GROUPS = 32;
/** Channels of a group that one workgroup sums. */
const MOST_CHANNELS = 64;

const terms: readonly Term[] = [
  { name: 'sum_g', op: 'sum', type: 'f32', value: 'g' },
  { name: 'sum_gx', op: 'sum', type: 'f32', value: 'g * normalized' },
];

export function emitNormGradientSums(emitter: Emitter, sums: NormGradientSums): void {
  const { weight, n, c, spatial, groups } = sums;
  const { software } = emitter.capabilities;
  const channels = reduceGroups([n * c, spatial], [1]);
  if (channels.outputs === 0) return;
  const { parts } = splitOf(channels, spreadOf(channels, emitter.capabilities), software);
  const isTogether = parts === 1 && (software ? n * groups >= FEW_GROUPS : c / groups <= MOST_CHANNELS);
  if (weight && isTogether) {
    emitter.emit(software ? laneKernel(sums, weight) : workgroupKernel(emitter, sums, weight));
    return;
  }
  emitReduction(emitter, {
    label: labelOf(sums),
    shape: [n * c, spatial],
    axes: [1],
    ...inputsOf(sums),
    ...passOf(sums),
    storeReads: {},
    writes: { out: sums.out },
    storeCode: '',
    store: (row) => storeChannel(sums, row),
  });
  if (weight) emitGroupMeans(emitter, sums, weight);
}

function labelOf({ n, c, spatial }: NormGradientSums): string {
  return `sums of GroupNorm's gradient ${n}×${c}×${spatial}`;
}

/** What is read, and the functions that read it. */
function inputsOf(
  { x, g, statistics }: NormGradientSums,
  weight?: Prologue,
): Pick<Kernel, 'reads'> & { code: string } {
  const codes = new Set([x.code, g.code, ...(weight ? [weight.code] : [])]);
  return { reads: { ...x.reads, ...g.reads, ...weight?.reads, statistics }, code: [...codes].join('\n') };
}

function passOf({ x, g, c, spatial, groups }: NormGradientSums): Pass {
  const perGroup = (c / groups) * spatial;
  return {
    element: (i) =>
      `let g = ${g.load(i)}; let group = statistics_at() + 2u * (${i} / ${perGroup}u); let normalized = (${x.load(i)} - statistics[group]) * statistics[group + 1u];`,
    terms,
  };
}

/** Statements that store both sums of a channel. @param row a u32 expression: the sample times C, plus the channel */
function storeChannel({ weight, c, groups }: NormGradientSums, row: string): string {
  const place = weight ? `(${row} + ${row} / ${c}u * ${groups}u)` : row;
  return `out[out_at() + 2u * ${place}] = sum_g; out[out_at() + 2u * ${place} + 1u] = sum_gx;`;
}

/** Statements that store both means of a group. @param group a u32 expression: the sample times G, plus the group */
function storeGroup(
  { c, groups, spatial }: NormGradientSums,
  group: string,
  [h, hx]: readonly [string, string],
): string {
  const place = `(${group} + (${group} / ${groups}u + 1u) * ${c}u)`;
  const count = (c / groups) * spatial;
  return `out[out_at() + 2u * ${place}] = ${h} / ${count}.0; out[out_at() + 2u * ${place} + 1u] = ${hx} / ${count}.0;`;
}

/** A lane goes over all of a group: without barriers. */
function laneKernel(sums: NormGradientSums, weight: Prologue): Kernel {
  const { n, c, spatial, groups, out } = sums;
  const perGroup = c / groups;
  const spread: Spread = { width: SOFTWARE_LANES, lanes: 1, lanesFirst: true };
  const total = n * groups;
  const grid = workgroupGrid(Math.ceil(total / spread.width));
  const { reads, code } = inputsOf(sums, weight);
  const lines = [
    code,
    'fn element_position(i: u32) -> u32 { return i; }',
    RUN,
    ...rowCode(spread, `(${grid.index})`, total),
    `  if (wanted >= ${total}u) { return; }`,
    '  let begin = 0u;',
    `  let end = ${spatial}u;`,
    '  const step = 1u;',
    '  var h = 0.0;',
    '  var hx = 0.0;',
    `  for (var k = 0u; k < ${perGroup}u; k++) {`,
    `  let channel = row * ${perGroup}u + k;`,
    `  let base = channel * ${spatial}u;`,
    ...passCode(passOf(sums), spatial),
    `  ${storeChannel(sums, 'channel')}`,
    `  let weight = ${weight.load(`(channel % ${c}u)`)};`,
    '  h += weight * sum_g;',
    '  hx += weight * sum_gx;',
    '  }',
    `  ${storeGroup(sums, 'row', ['h', 'hx'])}`,
    '}',
  ];
  return {
    label: labelOf(sums),
    body: lines.join('\n'),
    reads,
    writes: { out },
    invocations: spread.width,
    workgroups: grid.workgroups,
    flops: 2 * n * c * spatial,
  };
}

/** A workgroup has all channels of some groups, and lanes for each of them. */
function workgroupKernel(emitter: Emitter, sums: NormGradientSums, weight: Prologue): Kernel {
  const { n, c, spatial, groups, out } = sums;
  const perGroup = c / groups;
  const invocations = Math.min(256, emitter.capabilities.workgroupInvocations);
  const { lanes: wanted } = spreadOf(reduceGroups([n * c, spatial], [1]), emitter.capabilities);
  const lanes = Math.min(wanted, 2 ** Math.floor(Math.log2(invocations / perGroup)));
  const width = perGroup * Math.min(n * groups, Math.floor(invocations / (perGroup * lanes)));
  const spread: Spread = { width, lanes, lanesFirst: true };
  const grid = workgroupGrid(Math.ceil((n * c) / width));
  const { reads, code } = inputsOf(sums, weight);
  const lines = [
    code,
    positionCode('element_position', [{ extent: spatial, stride: 1 }]),
    RUN,
    ...rowCode(spread, `(${grid.index})`, n * c),
    '  let begin = lane;',
    `  let end = ${spatial}u;`,
    `  const step = ${lanes}u;`,
    `  let base = row * ${spatial}u;`,
    ...passCode(passOf(sums), spatial),
    ...treeCode(terms, spread),
    `  let place = invocation / ${lanes}u;`,
    '  if (lane == 0u) {',
    `    let weight = ${weight.load(`(row % ${c}u)`)};`,
    '    weighted[place] = vec2f(weight * sum_g, weight * sum_gx);',
    `    if (wanted < ${n * c}u) { ${storeChannel(sums, 'row')} }`,
    '  }',
    '  workgroupBarrier();',
    `  if (lane == 0u && place % ${perGroup}u == 0u && wanted < ${n * c}u) {`,
    '    var mean = vec2f();',
    `    for (var k = 0u; k < ${perGroup}u; k++) { mean += weighted[place + k]; }`,
    `    ${storeGroup(sums, `(row / ${perGroup}u)`, ['mean.x', 'mean.y'])}`,
    '  }',
    '}',
  ];
  return {
    label: labelOf(sums),
    body: lines.join('\n'),
    reads,
    writes: { out },
    invocations: width * lanes,
    shared: { ...treeMemory(terms, spread), weighted: { type: 'vec2f', size: width } },
    workgroups: grid.workgroups,
    flops: 2 * n * c * spatial,
  };
}

/** The means of groups from the sums of channels, which are there. */
function emitGroupMeans(emitter: Emitter, sums: NormGradientSums, weight: Prologue): void {
  const { n, c, groups, out } = sums;
  const perGroup = c / groups;
  emitReduction(emitter, {
    label: `means of GroupNorm's gradient ${n}×${groups}×${perGroup}`,
    shape: [n * groups, perGroup],
    axes: [1],
    reads: { ...weight.reads, held: out },
    code: weight.code,
    element: (i) =>
      `let channel = ${i} % ${c}u; let at = 2u * (${i} + ${i} / ${c}u * ${groups}u); let w = ${weight.load('channel')};`,
    terms: [
      { name: 'h', op: 'sum', type: 'f32', value: 'w * held[held_at() + at]' },
      { name: 'hx', op: 'sum', type: 'f32', value: 'w * held[held_at() + at + 1u]' },
    ],
    storeReads: {},
    writes: { out },
    storeCode: '',
    store: (row) => storeGroup(sums, row, ['h', 'hx']),
  });
}
