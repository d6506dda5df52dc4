/** The kernels of `sum` and `max`, and of several of them over the same elements. */
import { ShapeError } from '../../../errors.ts';
import { formatShape, sameShape, sizeOf } from '../../../shape.ts';
import { type Emitter, type Epilogue, type Operand, type Prologue } from '../kernel.ts';
import { emitReduction } from './reduce-core.ts';
import { type ReduceOp, reduceType } from './reduce-lanes.ts';

/** One result of a pass over the elements. */
export interface ReduceTerm {
  readonly op: ReduceOp;
  readonly input: Prologue;
  /** Row-major over the kept axes. */
  readonly out: Operand;
  readonly epilogue?: Epilogue;
}

/** An expression of `out`'s element type. @param v an expression of the type that `dtype` is computed in */
export function stored(v: string, i: string, out: Operand, epilogue: Epilogue | undefined): string {
  if (epilogue) return epilogue.apply(v, i);
  return out.value.dtype === 'float16' ? `f16(${v})` : v;
}

/**
 * Reduces `inputs`, all of one shape, over `axes`. Floats of any width are added in float32, which stays within 1e-6 of
 * the sum of absolute values; integers wrap around.
 *
 * @throws ShapeError where the inputs have different shapes, or a maximum is over nothing
 */
export function emitReduce(
  emitter: Emitter,
  { inputs, axes }: { readonly inputs: readonly ReduceTerm[]; readonly axes: readonly number[] },
): void {
  const shape = inputs[0]!.input.shape;
  for (const { op, input } of inputs) {
    if (!sameShape(input.shape, shape)) {
      throw new ShapeError(
        `${op}: one pass reduces inputs of one shape, got ${formatShape(shape)} and ${formatShape(input.shape)}; reduce them apart`,
      );
    }
    if (op === 'max' && sizeOf(axes.map((axis) => shape[axis]!)) === 0)
      throw new ShapeError(`max: ${formatShape(shape)} has no elements along ${formatShape(axes)}`);
  }
  const reads: Record<string, Operand> = {};
  const writes: Record<string, Operand> = {};
  const storeReads: Record<string, Operand> = {};
  inputs.forEach(({ input, out, epilogue }, t) => {
    Object.assign(reads, input.reads);
    Object.assign(storeReads, epilogue?.reads);
    writes[`out${t}`] = out;
  });
  const lines = (texts: readonly (string | undefined)[]): string => [...new Set(texts)].join('\n');
  emitReduction(emitter, {
    label: `${inputs.map(({ op }) => op).join(' and ')} of ${shape.join('×')} over ${formatShape(axes)}`,
    shape,
    axes,
    reads,
    code: lines(inputs.map(({ input }) => input.code)),
    element: (i) => inputs.map(({ input }, t) => `let x${t} = ${input.load(i)};`).join(' '),
    terms: inputs.map(({ op, input }, t) => ({
      name: `result${t}`,
      op,
      type: reduceType(input.dtype),
      value: `x${t}`,
    })),
    storeReads,
    writes,
    storeCode: lines(inputs.map(({ epilogue }) => epilogue?.code)),
    store: (row) =>
      inputs
        .map(
          ({ out, epilogue }, t) =>
            `out${t}[out${t}_at() + ${row}] = ${stored(`result${t}`, row, out, epilogue)};`,
        )
        .join(' '),
  });
}
