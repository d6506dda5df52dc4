import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineOp, inputNode, type Node, opNames } from '../../graph/node.ts';
import { buildGraph } from '../../graph/program.ts';
import { simplify } from '../../graph/simplify.ts';
import { DeviceError, UnsupportedOpError, type HostArray } from '../../index.ts';
import { add, attentionOps, identity, matmul, randomUniform, silu, stopGradient } from '../../ops/index.ts';
import { loweredOps, lowerGraph } from './lower.ts';
import { type OnnxProgram } from './program.ts';
import { OnnxTarget } from './target.ts';

const ops = opNames();
const mystery = defineOp({ name: 'mystery', infer: ([x]) => x! });

let target: OnnxTarget;
beforeAll(async () => {
  target = await OnnxTarget.open({ threads: 1 });
});
afterAll(() => target.dispose());

function compile(inputs: readonly Node[], outputs: readonly Node[]): Promise<OnnxProgram> {
  const { graph } = buildGraph(inputs, outputs);
  return target.compile(graph, { donated: [] }) as Promise<OnnxProgram>;
}

describe('the CPU target', () => {
  it('runs every op: in the model, taken apart, on the host, or not at all because none reaches it', () => {
    const elsewhere = ops.filter((op) => !loweredOps.includes(op) && !attentionOps.includes(op));
    expect(elsewhere).toEqual(['stopGradient', 'randomUniform']);
    expect(loweredOps.filter((op) => !ops.includes(op))).toEqual([]);
    const x = inputNode({ shape: [2], dtype: 'float32' });
    expect(simplify([stopGradient(x)])).toEqual([x]);
    const key = inputNode({ shape: [3, 2], dtype: 'int32' });
    const { graph } = buildGraph([key], [randomUniform(key, [3, 4])]);
    expect(lowerGraph(graph, 0).hostValues.map(({ name }) => name)).toEqual(['h0']);
  });

  it('names an op that it cannot run', async () => {
    const x = inputNode({ shape: [2], dtype: 'float32' });
    const compiled = compile([x], [add(mystery([x], {}), x)]);
    await expect(compiled).rejects.toThrow(UnsupportedOpError);
    await expect(compiled).rejects.toThrow('mystery: the CPU target has no lowering for this op');
  });

  it('names itself where the runtime refuses a program', async () => {
    // What op definitions would have refused, built by hand.
    const x = inputNode({ shape: [2, 2], dtype: 'bool' });
    const product: Node = { ...matmul(input2(), input2()), inputs: [x, x], dtype: 'bool' };
    await expect(compile([x], [product])).rejects.toThrow(DeviceError);
    await expect(compile([x], [product])).rejects.toThrow(
      /^cpu: ONNX Runtime did not take the program: .*MatMul/,
    );
  });

  it('computes the same in plain layout', async () => {
    const plain = await OnnxTarget.open({ threads: 1, block: 0 });
    expect(plain.description).toMatch(/plain layout$/);
    const x = inputNode({ shape: [3], dtype: 'float32' });
    const graph = buildGraph([x], [silu(x)]).graph;
    const results: HostArray[] = [];
    for (const t of [target, plain]) {
      const program = await t.compile(graph, { donated: [] });
      const [y] = await program.run([t.upload(Float32Array.of(-1, 0, 2), x)]);
      results.push(await y!.read());
      await program.dispose();
    }
    expect(results[0]).toEqual(results[1]);
    await plain.dispose();
  });

  it('counts what is alive', async () => {
    const x = inputNode({ shape: [4], dtype: 'float32' });
    const program = await compile([x], [identity(x), add(x, x)]);
    const before = target.live();
    const more = (count: number): typeof before => ({
      count: before.count + count,
      bytes: before.bytes + 16 * count,
    });
    const given = target.upload(new Float32Array(4), x);
    expect(target.live()).toEqual(more(1));
    const results = await program.run([given]);
    expect(target.live()).toEqual(more(3));
    for (const buffer of [given, ...results]) {
      buffer.dispose();
      buffer.dispose();
    }
    expect(target.live()).toEqual(before);
    await expect(given.read()).rejects.toThrow(/this buffer was disposed/);
    await program.dispose();
    await expect(program.run([])).rejects.toThrow(/this program was disposed/);
  });

  it('refuses work after it was disposed', async () => {
    const gone = await OnnxTarget.open({ threads: 1 });
    await gone.dispose();
    const x = inputNode({ shape: [1], dtype: 'float32' });
    expect(() => gone.compile(buildGraph([x], [x]).graph, { donated: [] })).toThrow(
      /this device was disposed/,
    );
  });
});

function input2(): Node {
  return inputNode({ shape: [2, 2], dtype: 'float32' });
}
