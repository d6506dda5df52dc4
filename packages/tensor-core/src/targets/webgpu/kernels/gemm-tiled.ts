/**
 * Products for real GPUs: a workgroup keeps a tile of sums in registers, a block an invocation, and brings the operands
 * through workgroup memory, one slice of k ahead in registers.
 *
 * In workgroup memory an operand is rows of vec4, each four rows (columns) of the product at one k: invocations read
 * them whole, write them whole, and neighbours read neighbours. 32 invocations are 4 by 8 blocks, which read few. Where an
 * operand runs along k in memory its rows there are padded by one vec4, so that invocations that write one k each write
 * to different banks.
 *
 * What the operands are is left to sources: a matrix, or the patches of an image that a convolution multiplies.
 */
import { type Emitter, type Epilogue, type Operand } from '../kernel.ts';
import { emitPartSums } from './gemm-parts.ts';
import { type Source } from './gemm-source.ts';
import { type ProductShape, type Tiling } from './gemm-tilings.ts';
import { ceilDiv, gridOf, lines, list, runOf, scratch, Store } from './tiles.ts';

/** Where a product's elements are stored. */
export interface Target {
  readonly out: Operand;
  /** The u32 expression of an element's index in the output; the arguments are u32 expressions. */
  at(z: string, row: string, column: string): string;
  /** True where four columns from a multiple of 4 on are four neighbours that begin at a multiple of 4. */
  readonly vectors: boolean;
  readonly epilogue?: Epilogue;
}

/** Batches are told apart by `z`. */
export interface TiledSpec extends ProductShape {
  readonly label: string;
  /** Its outer axis is m. */
  readonly a: Source;
  /** Its outer axis is n. */
  readonly b: Source;
  readonly target: Target;
  readonly flops: number;
}

/** Emits the product; in parts of k that another kernel adds, in order, where the tiling says so. */
export function emitTiled(emitter: Emitter, spec: TiledSpec, tiling: Tiling): void {
  const { m, n, k, batches, target } = spec;
  const chunk = ceilDiv(ceilDiv(k, tiling.parts), tiling.bk) * tiling.bk;
  const parts = ceilDiv(k, chunk);
  if (parts === 1) return emitTiles(emitter, spec, tiling, chunk, 1);
  const sums = scratch(emitter, [parts, batches, m, n], `${spec.label}, in parts`);
  const inParts: Target = {
    out: sums,
    at: (z, row, column) => `((part * ${batches}u + ${z}) * ${m}u + ${row}) * ${n}u + ${column}`,
    vectors: n % 4 === 0,
  };
  emitTiles(emitter, { ...spec, target: inParts }, tiling, chunk, parts);
  emitPartSums(emitter, { label: spec.label, sums, parts, batches, m, n, target });
}

function emitTiles(
  emitter: Emitter,
  { label, m, n, k, batches, a, b, target, flops }: TiledSpec,
  { bm, bn, bk, tm, tn, buffers, unroll }: Tiling,
  chunk: number,
  parts: number,
): void {
  const invocations = (bm / tm) * (bn / tn);
  const grid = gridOf(ceilDiv(n, bn), ceilDiv(m, bm), batches * parts);
  const store = new Store(target.out, target.epilogue);
  const [A, B] = [
    new Slice('a', a, { tile: bm, extent: m, bk, k: parts > 1 && k % chunk !== 0 ? NaN : k, invocations }),
    new Slice('b', b, { tile: bn, extent: n, bk, k: parts > 1 && k % chunk !== 0 ? NaN : k, invocations }),
  ];
  const [lanesM, lanesN] = [bm / tm, bn / tn];
  const [vecsM, vecsN] = [tm / 4, tn / 4];

  const step = (kk: string): string => `{
      ${lines(vecsM, (i) => `let a${i} = slice_a[half_a + ${kk} * ${A.stride}u + ty + ${i * lanesM}u];`)}
      ${lines(vecsN, (i) => `let b${i} = slice_b[half_b + ${kk} * ${B.stride}u + tx + ${i * lanesN}u];`)}
      ${lines(tm, (r) => lines(vecsN, (i) => `sum${r}_${i} = fma(vec4f(a${r >> 2}[${r & 3}]), b${i}, sum${r}_${i});`))}
    }`;
  const multiply = `for (var kk = 0u; kk < ${bk}u; kk += ${unroll}u) {
      ${lines(unroll, (i) => step(`(kk + ${i}u)`))}
    }`;
  const halves = (which: string): string =>
    `let half_a = ${buffers === 1 ? '0u' : `${which} * ${A.size}u`}; let half_b = ${buffers === 1 ? '0u' : `${which} * ${B.size}u`};`;
  const load = (from: string): string => `{ let k0 = ${from};\n${A.load()}\n${B.load()} }`;
  const single = `${load('k_begin')}
  for (var k_at = k_begin; k_at < k_end; k_at += ${bk}u) {
    ${halves('0u')}
    workgroupBarrier();
    ${A.store()}
    ${B.store()}
    workgroupBarrier();
    if (k_at + ${bk}u < k_end) ${load(`k_at + ${bk}u`)}
    ${multiply}
  }`;
  const double = `var half = 0u;
  ${load('k_begin')}
  { ${halves('half')}
    ${A.store()}
    ${B.store()} }
  workgroupBarrier();
  for (var k_at = k_begin; k_at < k_end; k_at += ${bk}u) {
    let more = k_at + ${bk}u < k_end;
    if (more) ${load(`k_at + ${bk}u`)}
    { ${halves('half')}
    ${multiply} }
    half = 1u - half;
    if (more) { ${halves('half')}
      ${A.store()}
      ${B.store()} }
    workgroupBarrier();
  }`;

  const columns = B.adjacent;
  const vectors = target.vectors && columns;
  const rowOf = (r: number): string => A.outer(`(ty + ${(r >> 2) * lanesM}u)`, r & 3, 'row0');
  const storeSums = (r: number): string =>
    lines(vecsN, (i) => {
      const q = `(tx + ${i * lanesN}u)`;
      if (vectors) {
        const body = `{ let at = ${target.at('z', 'row', 'column')}; ${store.vector(`sum${r}_${i}`, 'at')} }`;
        return `{ let column = ${B.outer(q, 0, 'column0')}; ${n % bn === 0 ? body : `if (column < ${n}u) ${body}`} }`;
      }
      return lines(4, (j) => {
        const body = `{ let at = ${target.at('z', 'row', 'column')}; ${store.scalar(`sum${r}_${i}[${j}]`, 'at')} }`;
        return `{ let column = ${B.outer(q, j, 'column0')}; ${n % bn === 0 ? body : `if (column < ${n}u) ${body}`} }`;
      });
    });

  emitter.emit({
    label,
    body: `${store.code}
${a.code}
${b.code}
${runOf(grid)}
  let z = ${parts === 1 ? 'tile.z' : `tile.z % ${batches}u`};
  let part = ${parts === 1 ? '0u' : `tile.z / ${batches}u`};
  let k_begin = part * ${chunk}u;
  let k_end = min(k_begin + ${chunk}u, ${k}u);
  let row0 = tile.y * ${bm}u;
  let column0 = tile.x * ${bn}u;
  let band = lane / 32u;
  let tx = band % ${lanesN / 8}u * 8u + lane % 8u;
  let ty = band / ${lanesN / 8}u * 4u + lane / 8u % 4u;
  ${A.begin('row0')}
  ${B.begin('column0')}
  ${lines(tm, (r) => lines(vecsN, (i) => `var sum${r}_${i} = vec4f();`))}
  ${buffers === 1 ? single : double}
  ${lines(tm, (r) => `{ let row = ${rowOf(r)};\n${m % bm === 0 ? storeSums(r) : `if (row < ${m}u) {\n${storeSums(r)}\n}`} }`)}
}`,
    reads: { ...a.reads, ...b.reads, ...store.reads },
    writes: { y: target.out },
    vectors: [...a.vectors, ...b.vectors, ...(vectors ? ['y'] : [])],
    invocations,
    shared: {
      slice_a: { type: 'vec4f', size: buffers * A.size },
      slice_b: { type: 'vec4f', size: buffers * B.size },
    },
    workgroups: grid.workgroups,
    flops,
  });
}

interface SliceShape {
  /** Rows (columns) of the product in a tile. */
  readonly tile: number;
  /** Rows (columns) of the product. */
  readonly extent: number;
  /** Of a slice. */
  readonly bk: number;
  /** Of the product; NaN: whatever divides, does not. */
  readonly k: number;
  readonly invocations: number;
}

/** How invocations bring one operand's slice of k: in units of four outer elements at one k. */
class Slice {
  /** vec4 between a k and the next in workgroup memory. */
  readonly stride: number;
  /** vec4 of the slice. */
  readonly size: number;
  /** Four components are four neighbours of the product. */
  readonly adjacent: boolean;
  readonly #name: string;
  readonly #source: Source;
  readonly #shape: SliceShape;
  readonly #units: number;
  /** Units of an invocation. */
  readonly #each: number;

  constructor(name: string, source: Source, shape: SliceShape) {
    const quads = shape.tile / 4;
    this.#name = name;
    this.#source = source;
    this.#shape = shape;
    this.adjacent = source.along !== 'outer' || source.width === 4;
    this.stride = quads + (source.along === 'k' ? 1 : 0);
    this.size = this.stride * shape.bk;
    this.#units = quads * shape.bk;
    this.#each = ceilDiv(this.#units, shape.invocations);
  }

  /** A u32 expression: which row (column) of the product component `j` of the vec4 `q` is. */
  outer(q: string, j: number, from: string): string {
    return this.adjacent
      ? `(${from} + ${q} * 4u + ${j}u)`
      : `(${from} + ${q} + ${(j * this.#shape.tile) / 4}u)`;
  }

  /** Statements before the loop over k. */
  begin(from: string): string {
    const { bk, tile, invocations } = this.#shape;
    const quads = tile / 4;
    const name = this.#name;
    const alongK = this.#source.along === 'k';
    const width = this.#source.width;
    return [
      this.#source.begin,
      ...Array.from({ length: this.#each }, (_, i) => {
        const unit = `(lane + ${i * invocations}u)`;
        return `let ${name}_k${i} = ${alongK ? `${unit} % ${bk}u` : `${unit} / ${quads}u`};
  let ${name}_q${i} = ${alongK ? `${unit} / ${bk}u` : `${unit} % ${quads}u`};
  var ${name}_next${i} = vec4f();
  ${lines(width === 4 ? 1 : 4, (j) => {
    const outer = `${name}_outer${i}_${j}`;
    return `let ${outer} = ${this.outer(`${name}_q${i}`, j, from)};\n${this.#source.slot(outer)}`;
  })}`;
      }),
    ].join('\n  ');
  }

  /** Statements that read the slice at `k0` into registers. */
  load(): string {
    const { extent, tile, k, bk } = this.#shape;
    const name = this.#name;
    const source = this.#source;
    const units = lines(this.#each, (i) => {
      const inK = k % bk === 0 ? [] : [`k < k_end`];
      const zero = source.width === 4 ? 'vec4f()' : '0f';
      const one = (j: number): string => {
        const outer = `${name}_outer${i}_${j}`;
        const conditions = [...inK, ...(extent % tile === 0 ? [] : [`${outer} < ${extent}u`])];
        const value = source.load(outer, 'k');
        return conditions.length === 0 ? value : `select(${zero}, ${value}, ${conditions.join(' && ')})`;
      };
      return this.#guarded(
        i,
        `{ let k = k0 + ${name}_k${i}; ${name}_next${i} = ${source.width === 4 ? one(0) : `vec4f(${list(4, one)})`}; }`,
      );
    });
    return `{ ${source.step('k0')}\n${units} }`;
  }

  /** Statements that write what was read to workgroup memory, from `half_{name}` on. */
  store(): string {
    const name = this.#name;
    return lines(this.#each, (i) =>
      this.#guarded(
        i,
        `{ slice_${name}[half_${name} + ${name}_k${i} * ${this.stride}u + ${name}_q${i}] = ${name}_next${i}; }`,
      ),
    );
  }

  #guarded(i: number, body: string): string {
    const { invocations } = this.#shape;
    return (i + 1) * invocations <= this.#units
      ? body
      : `if (lane + ${i * invocations}u < ${this.#units}u) ${body}`;
  }
}
