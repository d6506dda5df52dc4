/** The kernels suite on a device of tensor-core. */
import { streamNormal } from '@immiscible/random';
import {
  conv2d,
  type Device,
  disposeTree,
  grad,
  matmul,
  tensor,
  type Tensor,
  type TreeRecord,
  zeros,
} from '@immiscible/tensor-core';
import { type ConvCase, type KernelCase, outputSize } from './kernels-cases.ts';

/** Something that can be timed: computes `count` times, and waits for the last. */
export interface Runner {
  run(count: number): Promise<void>;
  close(): Promise<void>;
}

function random(shape: number[], stream: number): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  streamNormal(1, stream, data);
  return tensor(data, shape);
}

/** The inputs of a case, and what is computed from them. */
function traced(given: KernelCase): { inputs: Record<string, Tensor>; f: (inputs: TreeRecord) => Tensor } {
  if (given.op === 'matmul') {
    const { m, n, k } = given;
    return {
      inputs: { a: random([m, k], 0), b: random([k, n], 1) },
      f: ({ a, b }) => matmul(a as Tensor, b as Tensor),
    };
  }
  const { batch, channelsIn, channelsOut, size, kernel, stride } = given;
  const options = { stride, padding: Math.floor(kernel / 2) };
  const shapes = shapesOf(given);
  if (given.op === 'forward') {
    const inputs = { x: random(shapes.x, 0), w: random(shapes.w, 1) };
    return { inputs, f: ({ x, w }) => conv2d(x as Tensor, w as Tensor, options) };
  }
  if (given.op === 'input gradient') {
    const inputs = { w: random(shapes.w, 1), g: random(shapes.y, 2) };
    return {
      inputs,
      f: ({ w, g }) =>
        grad((x: Tensor) =>
          conv2d(x, w as Tensor, options)
            .mul(g as Tensor)
            .sum(),
        )(zeros([batch, channelsIn, size, size])),
    };
  }
  const inputs = { x: random(shapes.x, 0), g: random(shapes.y, 2) };
  return {
    inputs,
    f: ({ x, g }) =>
      grad((w: Tensor) =>
        conv2d(x as Tensor, w, options)
          .mul(g as Tensor)
          .sum(),
      )(zeros([channelsOut, channelsIn, kernel, kernel])),
  };
}

function shapesOf(given: ConvCase): { x: number[]; w: number[]; y: number[] } {
  const { batch, channelsIn, channelsOut, size, kernel } = given;
  const out = outputSize(given);
  return {
    x: [batch, channelsIn, size, size],
    w: [channelsOut, channelsIn, kernel, kernel],
    y: [batch, channelsOut, out, out],
  };
}

/** Compiles a case. What it reads stays on the device, and of the result one element is read back. */
export async function prepareOurs(device: Device, given: KernelCase): Promise<Runner> {
  const { inputs, f } = traced(given);
  const held = await device.put(inputs);
  const compiled = device.compile((record: TreeRecord) => {
    const result = f(record);
    const corner = result.shape.map(() => 1);
    return {
      result,
      done: result.slice(
        corner.map(() => 0),
        corner,
      ),
    };
  });
  return {
    async run(count) {
      for (let i = 0; i < count; i++) {
        const outputs = await compiled(held);
        if (i === count - 1) await outputs.done.data();
        disposeTree(outputs);
      }
    },
    async close() {
      await compiled.dispose();
      disposeTree(held);
    },
  };
}
