import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inputNode } from '../../graph/node.ts';
import { buildGraph } from '../../graph/program.ts';
import { add, matmul } from '../../ops/index.ts';
import { scalar } from '../../ops/shared.ts';
import { type OnnxBuffer, type OnnxProgram } from './program.ts';
import { OnnxTarget } from './target.ts';

let target: OnnxTarget;
let program: OnnxProgram;
const x = inputNode({ shape: [4], dtype: 'float32' });

beforeAll(async () => {
  target = await OnnxTarget.open({ threads: 1 });
  const { graph } = buildGraph([x], [add(x, scalar(1))]);
  program = (await target.compile(graph, { donated: [0] })) as OnnxProgram;
});
afterAll(async () => {
  await program.dispose();
  await target.dispose();
});

async function step(buffer: OnnxBuffer): Promise<OnnxBuffer> {
  const [next] = await program.run([buffer]);
  return next as OnnxBuffer;
}

/** A value that the program made. */
async function made(): Promise<OnnxBuffer> {
  return step(target.upload(new Float32Array(4), x) as OnnxBuffer);
}

describe('memory of donated inputs', () => {
  it('holds the output of the run after the next', async () => {
    const first = await made();
    const memory = first.array;
    const second = await step(first);
    expect(second.array).not.toBe(memory);
    expect((await step(second)).array).toBe(memory);
  });

  it('is left alone where somebody has read it', async () => {
    const first = await made();
    const memory = await first.read();
    expect((await step(await step(first))).array).not.toBe(memory);
  });

  it('is left alone where another run is reading it', async () => {
    const first = await made();
    const memory = first.array;
    first.retain();
    expect((await step(await step(first))).array).not.toBe(memory);
  });

  it('is left alone where it is an input twice', async () => {
    const y = inputNode({ shape: [2, 2], dtype: 'float32' });
    const z = inputNode({ shape: [2, 2], dtype: 'float32' });
    const { graph } = buildGraph([y, z], [matmul(y, z)]);
    const product = (await target.compile(graph, { donated: [0] })) as OnnxProgram;
    const run = async (a: OnnxBuffer, b: OnnxBuffer): Promise<OnnxBuffer> =>
      (await product.run([a, b]))[0] as OnnxBuffer;
    const ones = target.upload(new Float32Array(4).fill(1), y) as OnnxBuffer;
    const first = await run(target.upload(new Float32Array(4).fill(1), y) as OnnxBuffer, ones);
    const memory = first.array;
    const second = await run(first, first);
    expect([...second.array]).toEqual([8, 8, 8, 8]);
    expect((await run(second, ones)).array).not.toBe(memory);
    await product.dispose();
  });
});
