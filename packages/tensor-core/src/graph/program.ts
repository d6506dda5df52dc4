/**
 * From nodes to something that runs: simplify, collect what the graph captures, hand it to a target.
 *
 * Tensors that exist already and are merely used (closures, eager handles) become inputs fed on every run.
 */
import { TensorError } from '../errors.ts';
import {
  type Buffer,
  type Graph,
  type Program,
  type ProgramOptions,
  type Target,
} from '../targets/target.ts';
import { type Node, topologicalOrder } from './node.ts';
import { simplify } from './simplify.ts';
import { type Storage } from './storage.ts';
import { separate } from './take-apart.ts';

/** The graph that computes `outputs` from `inputs`, and the concrete values that it uses beside them. */
export function buildGraph(
  inputs: readonly Node[],
  outputs: readonly Node[],
): { graph: Graph; captured: Storage[] } {
  const given = new Set(inputs);
  const results = separate(simplify(outputs));
  const nodes = topologicalOrder(results);
  const data: Node[] = [];
  for (const node of nodes) {
    if (node.op === 'data') data.push(node);
    else if (node.op === 'input' && !given.has(node)) {
      throw new TensorError(
        'compile: the function uses a tensor of another trace; pass it in as an argument instead of keeping it outside',
      );
    }
  }
  return {
    graph: { inputs: [...inputs, ...data], outputs: results, nodes },
    captured: data.map((node) => node.storage!),
  };
}

/** What a function without results compiles to. */
const nothing: Program = { run: () => Promise.resolve([]), report: {}, dispose: () => Promise.resolve() };

/** A compiled graph with the buffers that it holds for itself. */
export class BoundProgram {
  readonly #program: Program;
  readonly #target: Target;
  readonly #captured: readonly Storage[];

  private constructor(program: Program, target: Target, captured: readonly Storage[]) {
    this.#program = program;
    this.#target = target;
    this.#captured = captured;
  }

  static async compile(
    target: Target,
    inputs: readonly Node[],
    outputs: readonly Node[],
    options: ProgramOptions = { donated: [] },
  ): Promise<BoundProgram> {
    if (outputs.length === 0) return new BoundProgram(nothing, target, []);
    const { graph, captured } = buildGraph(inputs, outputs);
    return new BoundProgram(await target.compile(graph, options), target, captured);
  }

  get report(): Program['report'] {
    return this.#program.report;
  }

  /**
   * Runs once.
   *
   * @param take gives the inputs, in the order in which they were compiled. It is called right before the target gets
   * them, so that nobody can dispose or donate them in between
   */
  async run(take: () => readonly Buffer[]): Promise<Buffer[]> {
    const captured = await Promise.all(this.#captured.map((storage) => storage.on(this.#target)));
    for (const storage of this.#captured) storage.check();
    return this.#program.run([...take(), ...captured]);
  }

  dispose(): Promise<void> {
    return this.#program.dispose();
  }
}
