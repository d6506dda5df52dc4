/**
 * A convolution and its input gradient as one thing: sums over taps.
 *
 * Position p of an axis reads the source at `p · stride + offset + tap · step`. Forward, stride and dilation are those of
 * the convolution. Backward, input pixels that differ by a multiple of the stride read the same taps, so that the input
 * gradient of a strided convolution is stride² gradients of stride 1, each of some of the pixels and some of the taps.
 */
import { type ConvAttrs } from '../../../ops/conv2d.ts';

/** Shapes of a convolution of x [n, c, h, width] with w [o, c / groups, kh, kw] into [n, o, outH, outW]. */
export interface ConvShape {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly width: number;
  readonly o: number;
  readonly kh: number;
  readonly kw: number;
  readonly outH: number;
  readonly outW: number;
  readonly attrs: ConvAttrs;
}

/** The taps along one axis. */
export interface TapAxis {
  readonly taps: number;
  readonly stride: number;
  /** What position 0 reads at tap 0; negative: outside. */
  readonly offset: number;
  readonly step: number;
  /** Extent of the source; what is read outside is 0. */
  readonly source: number;
  /** How many positions there are, and where they lie in the output. */
  readonly positions: number;
  readonly outStart: number;
  readonly outStep: number;
  /** The kernel's element of tap 0, and from a tap to the next. */
  readonly kernelStart: number;
  readonly kernelStep: number;
}

/** Extents along the kernel's axis 0 (vertical) or 1 (horizontal). */
function extents(
  shape: ConvShape,
  axis: 0 | 1,
): { size: number; out: number; kernel: number; stride: number; dilation: number; padding: number } {
  const { stride, dilation, padding } = shape.attrs;
  return {
    size: axis === 0 ? shape.h : shape.width,
    out: axis === 0 ? shape.outH : shape.outW,
    kernel: axis === 0 ? shape.kh : shape.kw,
    stride: stride[axis]!,
    dilation: dilation[axis]!,
    padding: padding[axis]!,
  };
}

/** The taps of the convolution itself. */
export function forwardTaps(shape: ConvShape, axis: 0 | 1): TapAxis {
  const { size, out, kernel, stride, dilation, padding } = extents(shape, axis);
  return {
    taps: kernel,
    stride,
    offset: -padding,
    step: dilation,
    source: size,
    positions: out,
    outStart: 0,
    outStep: 1,
    kernelStart: 0,
    kernelStep: 1,
  };
}

/** The taps of its input gradient, one for each remainder of pixels by the stride. */
export function gradientTaps(shape: ConvShape, axis: 0 | 1): TapAxis[] {
  const { size, out, kernel, stride, dilation, padding } = extents(shape, axis);
  const phases: TapAxis[] = [];
  for (let phase = 0; phase < Math.min(stride, size); phase++) {
    // Pixel p is read by output (p + padding - tap · dilation) / stride, where that is whole.
    const taps = Array.from({ length: kernel }, (_, tap) => tap).filter(
      (tap) => (phase + padding - tap * dilation) % stride === 0,
    );
    const kernelStart = taps[0] ?? 0;
    const kernelStep = taps.length > 1 ? taps[1]! - kernelStart : 1;
    phases.push({
      taps: taps.length,
      stride: 1,
      offset: taps.length > 0 ? (phase + padding - kernelStart * dilation) / stride : 0,
      step: taps.length > 1 ? (-kernelStep * dilation) / stride : 0,
      source: out,
      positions: Math.ceil((size - phase) / stride),
      outStart: phase,
      outStep: stride,
      kernelStart,
      kernelStep,
    });
  }
  return phases;
}

/** True where no position reads outside. @param positions more than there are, where blocks stand over the edge */
export function staysInside({ taps, stride, offset, step, source }: TapAxis, positions: number): boolean {
  const ends = [0, positions - 1].flatMap((p) =>
    [0, taps - 1].map((tap) => p * stride + offset + tap * step),
  );
  return Math.min(...ends) >= 0 && Math.max(...ends) < source;
}
