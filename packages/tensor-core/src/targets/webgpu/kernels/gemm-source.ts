/** Where a tiled product reads an operand from. */
import { type Capabilities, type Kernel } from '../kernel.ts';
import { type MatmulSpec } from './gemm.ts';
import { asF32, batchStart, inVectors } from './tiles.ts';

/** An operand as a matrix of its outer axis (rows or columns of the product) and k. */
export interface Source {
  readonly reads: Kernel['reads'];
  readonly vectors: readonly string[];
  /** Functions that the statements call. */
  readonly code: string;
  /** The axis along which neighbours are neighbours in memory. */
  readonly along: 'k' | 'outer';
  /** 4: `load` gives a vec4f, four neighbours along the outer axis. */
  readonly width: 1 | 4;
  /** Statements, once, before `slot`; may use `z`. */
  readonly begin: string;
  /** Statements, once for every element of the outer axis that an invocation reads: `outer` names its index. */
  slot(outer: string): string;
  /** Statements, once a slice; `k0` is its first k. */
  step(k0: string): string;
  /** An f32 or vec4f expression; indices may be out of bounds, the value then does not matter. */
  load(outer: string, k: string): string;
}

/** One operand of a matrix product. */
export function matrixSource(name: 'a' | 'b', spec: MatmulSpec, capabilities: Capabilities): Source {
  const { m, n, k, batch, transposeA, transposeB } = spec;
  const operand = spec[name];
  const extent = name === 'a' ? m : n;
  const along = (name === 'a' ? transposeA : !transposeB) ? 'outer' : 'k';
  const width = along === 'outer' && inVectors(operand, capabilities, [...batch[name], extent]) ? 4 : 1;
  const { dtype } = operand.value;
  return {
    reads: { [name]: operand },
    vectors: width === 4 ? [name] : [],
    code: '',
    along,
    width,
    begin: `let ${name}_from = ${batchStart(batch.shape, batch[name], 'z')};`,
    slot: () => '',
    step: () => '',
    load: (outer, at) => {
      const index =
        along === 'outer'
          ? `${name}_from + ${at} * ${extent}u + ${outer}`
          : `${name}_from + ${outer} * ${k}u + ${at}`;
      const element =
        width === 4 ? `${name}[${name}_at() + (${index}) / 4u]` : `${name}[${name}_at() + ${index}]`;
      return asF32(element, dtype, width);
    },
  };
}
