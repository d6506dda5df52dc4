/** Softmax and its logarithm along any axis, and softmax's gradient: reductions of a row, then a pass that writes it. */
import { type Shape } from '../../../shape.ts';
import { type Emitter, type Epilogue, type Operand, type Prologue } from '../kernel.ts';
import { stored } from './reduce.ts';
import { type Pass, passCode, rowCode, RUN, treeCode, treeMemory } from './reduce-lanes.ts';
import { positionCode, reduceGroups, spreadOf, workgroupGrid } from './reduce-plan.ts';

export interface Softmax {
  readonly input: Prologue;
  readonly axis: number;
  /** x − log Σ exp(x) in place of exp(x) / Σ exp(x). */
  readonly log: boolean;
  /** Of the input's shape. */
  readonly out: Operand;
  readonly epilogue?: Epilogue;
}

/** The largest element is subtracted before the exponentials, which thus never overflow. */
export function emitSoftmax(emitter: Emitter, { input, axis, log, out, epilogue }: Softmax): void {
  const element = (i: string): string => `let x = ${input.load(i)};`;
  emitRows(emitter, {
    label: `${log ? 'logSoftmax' : 'softmax'} of ${input.shape.join('×')} along ${axis}`,
    shape: input.shape,
    axis,
    reads: { ...input.reads, ...epilogue?.reads },
    code: epilogue ? `${input.code}\n${epilogue.code}` : input.code,
    passes: [
      { element, terms: [{ name: 'largest', op: 'max', type: 'f32', value: 'x' }] },
      { element, terms: [{ name: 'total', op: 'sum', type: 'f32', value: 'exp(x - largest)' }] },
    ],
    between: log ? 'let shift = largest + log(total);' : 'let inverse = 1.0 / total;',
    element,
    value: log ? 'x - shift' : 'exp(x - largest) * inverse',
    out,
    epilogue,
  });
}

export interface SoftmaxGradient {
  /** softmax(x). */
  readonly y: Prologue;
  /** dLoss/dy. */
  readonly g: Prologue;
  readonly axis: number;
  readonly out: Operand;
  readonly epilogue?: Epilogue;
}

/** dLoss/dx = y · (g − Σ g · y) along the axis. */
export function emitSoftmaxGradient(emitter: Emitter, { y, g, axis, out, epilogue }: SoftmaxGradient): void {
  const element = (i: string): string => `let y = ${y.load(i)}; let g = ${g.load(i)};`;
  emitRows(emitter, {
    label: `gradient of softmax of ${y.shape.join('×')} along ${axis}`,
    shape: y.shape,
    axis,
    reads: { ...y.reads, ...g.reads, ...epilogue?.reads },
    code: [...new Set([y.code, g.code, epilogue?.code ?? ''])].join('\n'),
    passes: [{ element, terms: [{ name: 'total', op: 'sum', type: 'f32', value: 'g * y' }] }],
    between: '',
    element,
    value: 'y * (g - total)',
    out,
    epilogue,
  });
}

/** Passes over each row, one after another, and what is written of it then. */
interface Rows {
  readonly label: string;
  readonly shape: Shape;
  readonly axis: number;
  readonly reads: Readonly<Record<string, Operand>>;
  readonly code: string;
  readonly passes: readonly Pass[];
  /** Statements after the passes. */
  readonly between: string;
  /** Declares what `value` is made of. */
  readonly element: (i: string) => string;
  readonly value: string;
  readonly out: Operand;
  readonly epilogue: Epilogue | undefined;
}

function emitRows(emitter: Emitter, rows: Rows): void {
  const { shape, axis, passes, out, epilogue } = rows;
  const groups = reduceGroups(shape, [axis]);
  const { outputs, length } = groups;
  if (outputs * length === 0) return;
  const spread = spreadOf(groups, emitter.capabilities);
  const grid = workgroupGrid(Math.ceil(outputs / spread.width));
  const lines = [
    rows.code,
    positionCode('row_position', groups.kept),
    positionCode('element_position', groups.reduced),
    RUN,
    ...rowCode(spread, `(${grid.index})`, outputs),
    '  let begin = lane;',
    `  let end = ${length}u;`,
    `  const step = ${spread.lanes}u;`,
    '  let base = row_position(row);',
    ...passes.flatMap((pass) => [...passCode(pass, length), ...treeCode(pass.terms, spread)]),
    rows.between && `  ${rows.between}`,
    `  if (wanted >= ${outputs}u) { return; }`,
    '  for (var at = begin; at < end; at += step) {',
    '    let i = base + element_position(at);',
    `    ${rows.element('i')}`,
    `    let result = ${rows.value};`,
    `    out[out_at() + i] = ${stored('result', 'i', out, epilogue)};`,
    '  }',
    '}',
  ];
  emitter.emit({
    label: rows.label,
    body: lines.filter((line) => line !== '').join('\n'),
    reads: rows.reads,
    writes: { out },
    invocations: spread.width * spread.lanes,
    shared: treeMemory(
      passes.flatMap(({ terms }) => terms),
      spread,
    ),
    workgroups: grid.workgroups,
    flops: 4 * outputs * length,
  });
}
