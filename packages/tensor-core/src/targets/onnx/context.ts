/**
 * What every lowering works with: the model under construction, and where each graph node's value stands in it.
 *
 * A value of [N, C, H, W] may stand in two layouts: plain (row-major) and blocked (layout.ts). It is converted when
 * somebody asks for the layout that it does not have, at most once.
 */
import { type DType } from '../../dtype.ts';
import { type Node } from '../../graph/node.ts';
import { sameShape, sizeOf } from '../../shape.ts';
import { elementType, ModelBuilder, NCHWC } from './builder.ts';

/** A value that the host computes before each run. */
export interface HostValue {
  readonly node: Node;
  readonly name: string;
}

export class LoweringContext {
  readonly builder = new ModelBuilder();
  /** Channels of a block, or 0 where the runtime has no blocked kernels. */
  readonly block: number;
  readonly hostValues: HostValue[] = [];
  readonly #plain = new Map<Node, string>();
  readonly #blocked = new Map<Node, string>();

  constructor(block: number) {
    this.block = block;
  }

  /** True for [N, C, H, W] with whole blocks of channels. */
  canBlock(shape: readonly number[]): boolean {
    return this.block > 0 && shape.length === 4 && shape[1]! % this.block === 0 && sizeOf(shape) > 0;
  }

  setPlain(node: Node, value: string): void {
    this.#plain.set(node, value);
  }

  setBlocked(node: Node, value: string): void {
    this.#blocked.set(node, value);
  }

  /** True where the value exists in blocks, so that using it there costs nothing. */
  isBlocked(node: Node): boolean {
    return this.#blocked.has(node);
  }

  isPlain(node: Node): boolean {
    return this.#plain.has(node);
  }

  /** The node's value in row-major order. */
  plain(node: Node): string {
    const held = this.#plain.get(node);
    if (held !== undefined) return held;
    const channels = node.shape[1]!;
    const value = this.#wide(node, this.#blocked.get(node)!, (wide) =>
      this.builder.node('ReorderOutput', [wide], { channels }, NCHWC),
    );
    this.#plain.set(node, value);
    return value;
  }

  /** The node's value in blocks; its shape must satisfy `canBlock`. */
  blocked(node: Node): string {
    const held = this.#blocked.get(node);
    if (held !== undefined) return held;
    const value = this.#wide(node, this.plain(node), (wide) =>
      this.builder.node('ReorderInput', [wide], {}, NCHWC),
    );
    this.#blocked.set(node, value);
    return value;
  }

  /** The runtime reorders 32 bits only: a value of 16 goes there and back. */
  #wide({ dtype }: Node, value: string, reorder: (wide: string) => string): string {
    if (dtype !== 'float16') return reorder(value);
    const cast = (x: string, to: DType): string => this.builder.node('Cast', [x], { to: elementType[to] });
    return cast(reorder(cast(value, 'float32')), 'float16');
  }

  reshape(value: string, shape: readonly number[]): string {
    return this.builder.reshape(value, shape);
  }

  transpose(value: string, perm: readonly number[]): string {
    return this.builder.node('Transpose', [value], { perm });
  }

  /**
   * Lowers an elementwise op in the layout that its operands have: blocked where one of full shape is, and the others
   * are of full shape, scalar or one value per (sample and) channel.
   */
  elementwise(node: Node, emit: (operands: readonly string[]) => string): void {
    const { shape, inputs } = node;
    const isFull = (input: Node): boolean => sameShape(input.shape, shape);
    const inBlocks =
      this.canBlock(shape) &&
      inputs.some((input) => isFull(input) && this.isBlocked(input)) &&
      inputs.every((input) => isFull(input) || perChannel(input.shape) !== undefined);
    if (!inBlocks) {
      this.setPlain(node, emit(inputs.map((input) => this.plain(input))));
      return;
    }
    const [n, c, h, w] = shape as [number, number, number, number];
    const mixed = inputs.some((input) => !isFull(input) && sizeOf(input.shape) !== 1);
    const view = [n, c / this.block, h * w, this.block];
    const operands = inputs.map((input) => {
      if (isFull(input)) return mixed ? this.reshape(this.blocked(input), view) : this.blocked(input);
      const value = this.plain(input);
      if (sizeOf(input.shape) === 1) return value;
      const [samples, channels] = perChannel(input.shape)!;
      return this.reshape(
        value,
        channels === 1 ? [samples, 1, 1, 1] : [samples, c / this.block, 1, this.block],
      );
    });
    const result = emit(operands);
    this.setBlocked(node, mixed ? this.reshape(result, shape) : result);
  }
}

/** True for a shape that broadcasts to [N, C, H, W] with one number per sample and channel, or fewer. */
export function isPerChannel(shape: readonly number[]): boolean {
  return perChannel(shape) !== undefined;
}

/** [samples, channels] of a shape that broadcasts to [N, C, H, W] from [N | 1, C | 1, 1, 1]. */
function perChannel(shape: readonly number[]): readonly [number, number] | undefined {
  if (shape.length > 4) return undefined;
  const full = [...Array.from({ length: 4 - shape.length }, () => 1), ...shape];
  return full[2] === 1 && full[3] === 1 ? [full[0]!, full[1]!] : undefined;
}

/** Writes one graph node into the model. */
export type Lowering = (node: Node, context: LoweringContext) => void;
