/**
 * The channel-blocked layout of ONNX Runtime's fast kernels (domain `com.microsoft.nchwc`).
 *
 * [N, C, H, W] stands in memory as [N, C/b, H, W, b]: the b channels of a block lie together, one vector register
 * wide. The runtime's own optimizer uses it where weights are constants; here the graph asks for it by name. b depends
 * on the processor (16 with AVX-512, 8 with AVX2, …) and is found by asking: reordering [1, 4, 1, 1] fills up a block.
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { ModelBuilder, NCHWC } from './builder.ts';

let known: Promise<number> | undefined;

/** Channels of a block on this machine; 0 where the runtime has no blocked kernels. */
export function blockSize(): Promise<number> {
  known ??= probe();
  return known;
}

async function probe(): Promise<number> {
  const builder = new ModelBuilder();
  builder.input('x', 'float32', [1, 4, 1, 1]);
  const blocked = builder.node('ReorderInput', ['x'], {}, NCHWC);
  builder.output('y', blocked, 'float32', []);
  try {
    const session = await InferenceSession.create(builder.encode(), { logSeverityLevel: 4 });
    const { y } = await session.run({ x: new OrtTensor('float32', new Float32Array(4), [1, 4, 1, 1]) });
    await session.release();
    return y?.dims[1] ?? 0;
  } catch {
    return 0;
  }
}
