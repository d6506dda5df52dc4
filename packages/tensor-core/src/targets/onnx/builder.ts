/**
 * Writes an ONNX model piece by piece: nodes, constants, attributes, each under a unique name.
 *
 * Equal constants are stored once, and equal nodes are computed once: lowerings of different ops share what they
 * have in common (the statistics of a norm, a reordered weight) by asking for it again.
 */
import { type DType, elementBytes, type HostArray } from '../../dtype.ts';
import {
  type AttributeProto,
  encodeModel,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './schema.ts';

/** ONNX's TensorProto.DataType. */
export const elementType: Record<DType | 'int64', number> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};

export type AttributeValue = number | { float: number } | string | readonly number[];

/** The version of ONNX's own operators. */
const OPSET = 18;
/** Contrib ops that ONNX Runtime's CPU provider has. */
export const CONTRIB = 'com.microsoft';
/** ONNX Runtime's channel-blocked ops (see layout.ts). */
export const NCHWC = 'com.microsoft.nchwc';

function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === 'number') return { name, i: value, type: 2 };
  if (typeof value === 'string') return { name, s: new TextEncoder().encode(value), type: 3 };
  if ('float' in value) return { name, f: value.float, type: 1 };
  return { name, ints: value, type: 7 };
}

export class ModelBuilder {
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #computed = new Set<string>();
  readonly #known = new Map<string, readonly string[]>();
  /** Outputs of reshapes: the value that they show. */
  readonly #reshaped = new Map<string, string>();
  readonly #constants = new Map<string, readonly TensorProto[]>();
  /** Values that are outputs: what the nodes call them, and what the model calls them. */
  readonly #renamed = new Map<string, string>();
  #next = 0;

  get nodeCount(): number {
    return this.#needed().length;
  }

  #fresh(): string {
    return `v${this.#next++}`;
  }

  input(name: string, dtype: DType, shape: readonly number[]): void {
    this.#inputs.push(valueInfo(name, dtype, shape));
  }

  /** Makes `value` an output of the model under `name`. */
  output(name: string, value: string, dtype: DType, shape: readonly number[]): void {
    const computed = this.#computed.has(value);
    if (computed && !this.#renamed.has(value)) this.#renamed.set(value, name);
    else
      this.#nodes.push({
        input: [value],
        output: [name],
        name,
        opType: 'Identity',
        domain: '',
        attribute: [],
      });
    this.#outputs.push(valueInfo(name, dtype, shape));
  }

  /** One node with one output; its value's name. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = '',
  ): string {
    return this.nodes(1, opType, inputs, attributes, domain)[0]!;
  }

  /** One node with several outputs; their names. */
  nodes(
    count: number,
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = '',
  ): readonly string[] {
    const key = `${domain}:${opType}:${count}(${inputs.join()})${JSON.stringify(attributes)}`;
    const held = this.#known.get(key);
    if (held) return held;
    const output = Array.from({ length: count }, () => this.#fresh());
    const list = Object.entries(attributes).map(([name, value]) => attribute(name, value));
    this.#nodes.push({ input: inputs, output, name: output[0]!, opType, domain, attribute: list });
    this.#known.set(key, output);
    for (const value of output) this.#computed.add(value);
    return output;
  }

  /** The same elements under another shape. A reshape of a reshape goes back to where the elements came from. */
  reshape(value: string, shape: readonly number[]): string {
    const source = this.#reshaped.get(value) ?? value;
    const result = this.node('Reshape', [source, this.ints(shape)]);
    this.#reshaped.set(result, source);
    return result;
  }

  /** The nodes that outputs need: what a lowering asked for and nobody used is left out. */
  #needed(): NodeProto[] {
    const wanted = new Set([...this.#renamed.keys(), ...this.#outputs.map(({ name }) => name)]);
    const kept = this.#nodes.toReversed().filter(({ input, output }) => {
      const used = output.some((value) => wanted.has(value));
      if (used) for (const value of input) wanted.add(value);
      return used;
    });
    return kept.toReversed();
  }

  /** A one-dimensional int64 constant: shapes, axes, indices. */
  ints(values: readonly number[]): string {
    return this.#constant(
      'int64',
      [values.length],
      new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
    );
  }

  /** A float32 scalar. */
  float(value: number): string {
    return this.#constant('float32', [], new Uint8Array(Float32Array.of(value).buffer));
  }

  /** A float32 constant of `shape` filled with `value`. */
  filled(shape: readonly number[], value: number): string {
    const size = shape.reduce((product, d) => product * d, 1);
    return this.#constant('float32', shape, new Uint8Array(new Float32Array(size).fill(value).buffer));
  }

  constant(dtype: DType, shape: readonly number[], data: HostArray): string {
    return this.#constant(
      dtype,
      shape,
      new Uint8Array(data.buffer, data.byteOffset, data.length * elementBytes(dtype)),
    );
  }

  #constant(dtype: DType | 'int64', dims: readonly number[], rawData: Uint8Array): string {
    const key = `${dtype}[${dims.join()}]`;
    const alike = this.#constants.get(key) ?? [];
    const held = alike.find((other) => sameBytes(other.rawData, rawData));
    if (held) return held.name;
    const constant = { name: this.#fresh(), dims, dataType: elementType[dtype], rawData };
    this.#initializers.push(constant);
    this.#constants.set(key, [...alike, constant]);
    return constant.name;
  }

  /** The bytes of the model. */
  encode(): Uint8Array {
    const nodes = this.#needed();
    const used = new Set(nodes.flatMap(({ input }) => input));
    const domains = new Set(['', ...nodes.map(({ domain }) => domain)]);
    return encodeModel({
      irVersion: 10,
      producerName: 'immiscible',
      opsetImport: [...domains].map((domain) => ({ domain, version: domain === '' ? OPSET : 1 })),
      graph: {
        name: 'step',
        node: nodes.map((node) => ({
          ...node,
          input: node.input.map((value) => this.#renamed.get(value) ?? value),
          output: node.output.map((value) => this.#renamed.get(value) ?? value),
        })),
        initializer: this.#initializers.filter(({ name }) => used.has(name)),
        input: this.#inputs,
        output: this.#outputs,
      },
    });
  }
}

function valueInfo(name: string, dtype: DType, shape: readonly number[]): ValueInfoProto {
  const dim = shape.map((dimValue) => ({ dimValue }));
  return { name, type: { tensorType: { elemType: elementType[dtype], shape: { dim } } } };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
