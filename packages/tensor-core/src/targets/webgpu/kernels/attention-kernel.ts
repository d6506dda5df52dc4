/**
 * The one loop that attention and all of its gradients are: every row of one side goes over all rows of the other.
 *
 * With scores s = scale · a · x of an own row a and a streamed row x, a weight follows from the score, and the result is
 * the sum of weight · streamed row. No score is ever stored (Dao et al. 2022, FlashAttention; Dao 2023, section 3.1).
 *
 * An invocation holds some own rows in registers (or, of long rows, its share of one), and the workgroup brings in the
 * other side by tiles.
 */
import { canBeVectors } from '../assemble.ts';
import { type Kernel, type Operand, type SharedArray } from '../kernel.ts';
import { type AttentionLoop, type AttentionSpread, type Side } from './attention-plan.ts';
import { workgroupGrid } from './reduce-plan.ts';
import { inFours } from './tiles.ts';

/** Up to here loops over a row are written out. */
const UNROLLED = 16;

/** What the pieces of code below share. */
interface Plan extends AttentionLoop, AttentionSpread {
  readonly vectors: ReadonlySet<string>;
}

/** @param alignment bytes that the start of a binding is a multiple of */
export function attentionKernel(loop: AttentionLoop, spread: AttentionSpread, alignment: number): Kernel {
  const { own, streams, statistics, sum, lseOut, batch, rows, columns, depth } = loop;
  const sides = [...own, ...streams].filter((side) => side !== undefined);
  const reads: Record<string, Operand> = {};
  for (const { name, operand } of sides) reads[name] = operand;
  if (statistics) {
    reads['lse'] = statistics.lse;
    if (statistics.delta) reads['delta'] = statistics.delta;
  }
  const writes: Record<string, Operand> = {};
  if (sum) writes['out'] = sum.out;
  if (lseOut) writes['lse_out'] = lseOut;
  const inVectors = [...sides.map(({ name, operand }) => [name, operand] as const), ...Object.entries(writes)]
    .filter(([name]) => name !== 'lse_out' && (name !== 'out' || inFours(loop.epilogue)))
    .filter(([, operand]) => depth % 4 === 0 && canBeVectors(operand, alignment))
    .map(([name]) => name);
  const plan: Plan = { ...loop, ...spread, vectors: new Set(inVectors) };
  const blocks = Math.ceil(rows / (spread.width * spread.rowsEach));
  const grid = workgroupGrid(blocks * batch);
  return {
    label: loop.label,
    body: bodyOf(plan, blocks, grid.index).join('\n'),
    invocations: spread.width * spread.lanes,
    shared: sharedMemory(plan),
    reads,
    writes,
    vectors: inVectors,
    workgroups: grid.workgroups,
    flops: 2 * batch * rows * columns * depth * (own.length + (sum ? 1 : 0)),
  };
}

/** Lines over j, the vectors of a row that a lane holds: written out where they are few. */
function each(n: number, line: (j: string) => string): string[] {
  if (n <= UNROLLED) return Array.from({ length: n }, (_, j) => line(`${j}u`));
  return [`for (var j = 0u; j < ${n}u; j++) {`, line('j'), '}'];
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function bodyOf(plan: Plan, blocks: number, index: string): string[] {
  const { width, lanes, rowsEach, rows, batch, own, sum, held, tile, columns } = plan;
  const sides = [...own, ...plan.streams].filter((side) => side !== undefined);
  const vector = `array<vec4<f32>, ${held}>`;
  return [
    ...sides.flatMap((side) => loadCode(side, plan)),
    ...(plan.epilogue ? [plan.epilogue.code] : []),
    'fn run(workgroup: vec3u, invocation: u32) {',
    `let block = ${index};`,
    `let b = min(block / ${blocks}u, ${batch - 1}u);`,
    `let lane = ${lanes === 1 ? '0u' : `invocation % ${lanes}u`};`,
    `let first = (block % ${blocks}u) * ${width * rowsEach}u + invocation / ${lanes}u;`,
    ...range(rowsEach).flatMap((r) => [
      `let row${r} = b * ${rows}u + min(first + ${r * width}u, ${rows - 1}u);`,
      ...own.flatMap((side, n) => [
        `var own${n}_${r}: ${vector};`,
        ...each(
          held,
          (j) =>
            `own${n}_${r}[${j}] = load_${side!.name}(row${r}, ${j} * ${lanes}u + lane)${n === 0 ? ` * f32(${plan.scale})` : ''};`,
        ),
      ]),
      ...(sum ? [`var sum_${r}: ${vector};`] : []),
      ...statisticsCode(plan, r),
    ]),
    `for (var start = 0u; start < ${columns}u; start += ${tile}u) {`,
    ...tileCode(plan),
    `for (var at = 0u; at < min(${tile}u, ${columns}u - start); at += ${plan.chunk}u) {`,
    'let column = start + at;',
    ...chunkCode(plan),
    '}',
    '}',
    ...range(rowsEach).flatMap((r) => storeCode(plan, r)),
    '}',
  ];
}

/** `load_x(row, j)`: the j-th vector of a row, 0 beyond its end. */
function loadCode({ name, operand }: Side, { depth, held, lanes, vectors }: Plan): string[] {
  const beyond =
    held * lanes > Math.ceil(depth / 4) ? `if (j >= ${Math.ceil(depth / 4)}u) { return vec4<f32>(); }` : '';
  if (vectors.has(name)) {
    const value = `vec4<f32>(${name}[${name}_at() + row * ${depth / 4}u + j])`;
    return [`fn load_${name}(row: u32, j: u32) -> vec4<f32> { ${beyond} return ${value}; }`];
  }
  const element = (c: number): string => {
    const value = `f32(${name}[${name}_at() + min(i + ${c}u, ${operand.size - 1}u)])`;
    return c === 0 ? value : `select(0.0, ${value}, 4u * j + ${c}u < ${depth}u)`;
  };
  return [
    `fn load_${name}(row: u32, j: u32) -> vec4<f32> { ${beyond}`,
    `let i = row * ${depth}u + 4u * j;`,
    `return vec4<f32>(${range(4).map(element).join(', ')}); }`,
  ];
}

/** Workgroup memory: tiles of the streams, what is known of their rows, and parts of products. */
function sharedMemory(plan: Plan): Record<string, SharedArray> {
  const { streams, statistics, tile, held, lanes, width, chunk, rowsEach, own } = plan;
  const arrays: Record<string, SharedArray> = {};
  streams.forEach((_, n) => (arrays[`tile${n}`] = { type: 'vec4f', size: tile * held * lanes }));
  if (statistics?.of === 'streamed') arrays['known'] = { type: 'vec2f', size: tile };
  if (lanes > 1) arrays['parts'] = { type: 'f32', size: width * lanes * chunk * rowsEach * own.length };
  return arrays;
}

function statisticsCode({ weight, statistics }: Plan, r: number): string[] {
  // Below all scores; −∞ has no literal.
  if (weight === 'online') return [`var largest_${r} = -3.0e38;`, `var total_${r} = 0.0;`];
  if (statistics?.of !== 'own') return [];
  return [
    `let lse_${r} = lse[lse_at() + row${r}];`,
    ...(statistics.delta ? [`let delta_${r} = delta[delta_at() + row${r}];`] : []),
  ];
}

/** Brings in the next tile. */
function tileCode({ streams, statistics, columns, tile, held, lanes, width }: Plan): string[] {
  const row = (key: string): string => `b * ${columns}u + min(start + ${key}, ${columns - 1}u)`;
  const known =
    statistics?.of === 'streamed'
      ? [
          `for (var t = invocation; t < ${tile}u; t += ${width * lanes}u) {`,
          `let from_row = ${row('t')};`,
          `known[t] = vec2<f32>(lse[lse_at() + from_row], ${statistics.delta ? 'delta[delta_at() + from_row]' : '0.0'});`,
          '}',
        ]
      : [];
  return [
    'workgroupBarrier();',
    `for (var t = invocation; t < ${tile * held * lanes}u; t += ${width * lanes}u) {`,
    `let from_row = ${row(`t / ${held * lanes}u`)};`,
    ...streams.map((side, n) => `tile${n}[t] = load_${side!.name}(from_row, t % ${held * lanes}u);`),
    '}',
    ...known,
    'workgroupBarrier();',
  ];
}

/** Some streamed rows against all own ones: products, weights, sums. */
function chunkCode(plan: Plan): string[] {
  const { chunk, rowsEach, lanes, own, sum, held, columns, statistics } = plan;
  const cs = range(chunk);
  const rs = range(rowsEach);
  const masked = columns % chunk !== 0;
  return [
    ...own.flatMap((_, n) => [
      ...rs.flatMap((r) => cs.map((c) => `var product${n}_${r}_${c} = 0.0;`)),
      ...each(held, (j) =>
        [
          '{',
          ...cs.map((c) => `let x${c} = ${streamed(plan, n, c, j)};`),
          ...rs.flatMap((r) =>
            cs.map((c) => accumulated(`product${n}_${r}_${c}`, `own${n}_${r}[${j}]`, `x${c}`)),
          ),
          '}',
        ].join(' '),
      ),
    ]),
    ...(lanes > 1 ? joinCode(plan) : []),
    ...(statistics?.of === 'streamed' ? cs.map((c) => `let known${c} = known[at + ${c}u];`) : []),
    ...rs.flatMap((r) => weightCode(plan, r, masked)),
    ...(sum
      ? each(held, (j) =>
          [
            '{',
            ...cs.map((c) => `let x${c} = ${streamed(plan, sum.stream, c, j)};`),
            ...rs.flatMap((r) =>
              cs.map((c) => `sum_${r}[${j}] = fma(vec4<f32>(weight_${r}_${c}), x${c}, sum_${r}[${j}]);`),
            ),
            '}',
          ].join(' '),
        )
      : []),
  ];
}

/** The j-th vector of the c-th row of the chunk. */
function streamed({ held, lanes }: Plan, n: number, c: number, j: string): string {
  return `tile${n}[(at + ${c}u) * ${held * lanes}u + ${j} * ${lanes}u + lane]`;
}

/** sum += a · x, as four fused additions. */
function accumulated(sum: string, a: string, x: string): string {
  const nested = ['x', 'y', 'z', 'w'].reduce((inner, d) => `fma(${a}.${d}, ${x}.${d}, ${inner})`, sum);
  return `${sum} = ${nested};`;
}

/** Products of lanes that share a row are added up. */
function joinCode({ own, rowsEach, chunk, lanes, width }: Plan): string[] {
  const names = own.flatMap((_, n) =>
    range(rowsEach).flatMap((r) => range(chunk).map((c) => `product${n}_${r}_${c}`)),
  );
  const threads = width * lanes;
  const part = (i: number, lane: number): string => `parts[${i * threads}u + invocation - lane + ${lane}u]`;
  return [
    ...names.map((name, i) => `parts[${i * threads}u + invocation] = ${name};`),
    'workgroupBarrier();',
    ...names.map(
      (name, i) =>
        `${name} = ${range(lanes)
          .map((lane) => part(i, lane))
          .join(' + ')};`,
    ),
    'workgroupBarrier();',
  ];
}

function weightCode(
  { weight, statistics, chunk, columns, sum, held }: Plan,
  r: number,
  masked: boolean,
): string[] {
  const cs = range(chunk);
  const inside = (c: number): string => `column + ${c}u < ${columns}u`;
  if (weight === 'online') {
    return [
      ...(masked
        ? cs.map((c) => `product0_${r}_${c} = select(-3.0e38, product0_${r}_${c}, ${inside(c)});`)
        : []),
      `let next_${r} = ${cs.reduce((most, c) => `max(${most}, product0_${r}_${c})`, `largest_${r}`)};`,
      `let shrink_${r} = exp(largest_${r} - next_${r});`,
      `largest_${r} = next_${r};`,
      ...cs.map((c) => `let weight_${r}_${c} = exp(product0_${r}_${c} - next_${r});`),
      `total_${r} = total_${r} * shrink_${r} + (${cs.map((c) => `weight_${r}_${c}`).join(' + ')});`,
      ...(sum ? each(held, (j) => `sum_${r}[${j}] *= shrink_${r};`) : []),
    ];
  }
  const own = statistics?.of === 'own';
  return cs.map((c) => {
    const p = `exp(product0_${r}_${c} - ${own ? `lse_${r}` : `known${c}.x`})`;
    const w =
      weight === 'probability' ? p : `${p} * (product1_${r}_${c} - ${own ? `delta_${r}` : `known${c}.y`})`;
    return `let weight_${r}_${c} = ${masked ? `select(0.0, ${w}, ${inside(c)})` : w};`;
  });
}

function storeCode(plan: Plan, r: number): string[] {
  const { weight, sum, lseOut, rows, width, batch, held, lanes, depth, scale, vectors, epilogue } = plan;
  const placed = (i: string): string => epilogue?.place?.at(i) ?? i;
  const half = sum?.out.value.dtype === 'float16';
  const factor = weight === 'online' ? ` / total_${r}` : weight === 'gradient' ? ` * f32(${scale})` : '';
  const element = (c: number): string => {
    const value = half ? `f16(value[${c}])` : `value[${c}]`;
    return `if (4u * v + ${c}u < ${depth}u) { out[out_at() + ${placed(`row${r} * ${depth}u + 4u * v + ${c}u`)}] = ${value}; }`;
  };
  const whole = half ? 'vec4<f16>(value)' : 'value';
  const write = vectors.has('out')
    ? `if (v < ${depth / 4}u) { out[out_at() + ${placed(`(row${r} * ${depth}u + 4u * v)`)} / 4u] = ${whole}; }`
    : range(4).map(element).join(' ');
  return [
    `if (block / u32(${Math.ceil(rows / (width * plan.rowsEach))}) < ${batch}u && first + ${r * width}u < ${rows}u) {`,
    ...(sum
      ? each(
          held,
          (j) => `{ let v = ${j} * ${lanes}u + lane; let value = sum_${r}[${j}]${factor}; ${write} }`,
        )
      : []),
    ...(lseOut
      ? [`if (lane == 0u) { lse_out[lse_out_at() + row${r}] = largest_${r} + log(total_${r}); }`]
      : []),
    '}',
  ];
}
