/** What the kernels suite multiplies: products of matrices, and convolutions in their three directions. */

export interface MatmulCase {
  readonly op: 'matmul';
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** A square convolution with padding that keeps the size at stride 1. */
export interface ConvCase {
  readonly op: 'forward' | 'input gradient' | 'weight gradient';
  readonly name: string;
  readonly batch: number;
  readonly channelsIn: number;
  readonly channelsOut: number;
  /** Of the input: height and width. */
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
}

export type KernelCase = MatmulCase | ConvCase;

type Layer = readonly [channelsIn: number, channelsOut: number, size: number, kernel: number, stride: number];

const DIRECTIONS = ['forward', 'input gradient', 'weight gradient'] as const;

function matmul(m: number, n: number, k: number): MatmulCase {
  return { op: 'matmul', name: `matmul ${m}×${k} · ${k}×${n}`, m, n, k };
}

function convolutions(batch: number, [channelsIn, channelsOut, size, kernel, stride]: Layer): ConvCase[] {
  const shape = `${batch}×${channelsIn}→${channelsOut}×${size}×${size}, ${kernel}×${kernel}`;
  const strided = stride === 1 ? '' : `, stride ${stride}`;
  return DIRECTIONS.map((op) => ({
    op,
    name: `conv ${shape}${strided}, ${op}`,
    batch,
    channelsIn,
    channelsOut,
    size,
    kernel,
    stride,
  }));
}

/** What a machine without a GPU computes in a moment: a large product, a time embedding, a residual block's layer. */
export const SMALL_CASES: readonly KernelCase[] = [
  matmul(512, 512, 512),
  matmul(64, 512, 128),
  ...convolutions(8, [64, 64, 32, 3, 1]),
];

/** What a GPU is for: a product that fills it, and the U-Net that CIFAR-10 is trained with, at batch 128. */
export const LARGE_CASES: readonly KernelCase[] = [
  matmul(4096, 4096, 4096),
  matmul(128, 512, 128),
  ...(
    [
      [3, 128, 32, 3, 1],
      [128, 128, 32, 3, 1],
      [128, 128, 32, 3, 2],
      [256, 256, 16, 3, 1],
      [512, 256, 16, 1, 1],
      [256, 256, 8, 3, 1],
      [256, 256, 4, 3, 1],
    ] satisfies Layer[]
  ).flatMap((layer) => convolutions(128, layer)),
];

/** Height and width of a convolution's output. */
export function outputSize({ size, kernel, stride }: ConvCase): number {
  return Math.floor((size + 2 * Math.floor(kernel / 2) - kernel) / stride) + 1;
}

/** Multiplications and additions. */
export function flopsOf(given: KernelCase): number {
  if (given.op === 'matmul') return 2 * given.m * given.n * given.k;
  const { batch, channelsIn, channelsOut, kernel } = given;
  return 2 * batch * channelsIn * channelsOut * kernel ** 2 * outputSize(given) ** 2;
}
