/** Images in parts, where all of them together are more than a binding may hold. */
import { type Capabilities, type Operand } from '../kernel.ts';
import { unitsOf, unitsThatFit } from './tiles.ts';

/** Some of the images. */
export interface ImagePart {
  readonly n: number;
  /** Their part of an operand. */
  of(operand: Operand): Operand;
  /** Their part of the output, and its first element. */
  output(out: Operand): { out: Operand; start: number };
}

/** Images in parts that fit into bindings. */
export function imageParts(n: number, operands: readonly Operand[], capabilities: Capabilities): ImagePart[] {
  const most = unitsThatFit(n, operands, capabilities);
  return Array.from({ length: Math.ceil(n / most) }, (_, i) => {
    const first = i * most;
    const count = Math.min(most, n - first);
    const of = (operand: Operand): Operand => unitsOf(operand, n, first, count);
    return { n: count, of, output: (out) => ({ out: of(out), start: (first * out.size) / n }) };
  });
}
