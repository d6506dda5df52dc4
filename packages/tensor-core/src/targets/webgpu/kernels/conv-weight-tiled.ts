/**
 * Weight gradients as products of matrices that nobody writes down: rows are output channels, columns the input channels
 * and taps, k the pixels of all images. k is long and the output small, so tilings cut k in parts.
 */
import { type Emitter } from '../kernel.ts';
import { type ConvWeightGradientSpec, weightFlops, weightLabel } from './conv-weight.ts';
import { type Source } from './gemm-source.ts';
import { emitTiled } from './gemm-tiled.ts';
import { type Tiling } from './gemm-tilings.ts';
import { asF32, inVectors } from './tiles.ts';

export function emitConvWeightTiled(emitter: Emitter, spec: ConvWeightGradientSpec, tiling: Tiling): void {
  const { n: images, c, o, kh, kw, outH, outW, attrs, out, epilogue } = spec;
  const m = o / attrs.groups;
  const n = (c / attrs.groups) * kh * kw;
  emitTiled(
    emitter,
    {
      label: weightLabel(spec),
      m,
      n,
      k: images * outH * outW,
      batches: attrs.groups,
      a: gradientSource(spec),
      b: patchSource(spec),
      target: {
        out,
        at: (z, row, column) => `(${z} * ${m}u + ${row}) * ${n}u + ${column}`,
        vectors: inVectors(out, emitter.capabilities, [n]),
        ...(epilogue && { epilogue }),
      },
      flops: weightFlops(spec),
    },
    tiling,
  );
}

/** dLoss/dy: outer is the output channel of the group, k the pixel. */
function gradientSource({ g, o, outH, outW, attrs: { groups } }: ConvWeightGradientSpec): Source {
  const pixels = outH * outW;
  return {
    reads: { g },
    vectors: [],
    code: '',
    along: 'k',
    width: 1,
    begin: '',
    slot: () => '',
    step: () => '',
    load: (outer, k) =>
      asF32(
        `g[g_at() + (${k} / ${pixels}u * ${o}u + z * ${o / groups}u + ${outer}) * ${pixels}u + ${k} % ${pixels}u]`,
        g.value.dtype,
      ),
  };
}

/** What a tap reads for a pixel: outer counts taps within input channels of the group. */
function patchSource({ x, c, h, width, kh, kw, outH, outW, attrs }: ConvWeightGradientSpec): Source {
  const { stride, dilation, padding, groups } = attrs;
  return {
    reads: { x },
    vectors: [],
    code: `fn x_or_0(channel: u32, dy: i32, dx: i32, k: u32) -> f32 {
  let row = i32(k / ${outW}u % ${outH}u * ${stride[0]}u) + dy;
  let column = i32(k % ${outW}u * ${stride[1]}u) + dx;
  let inside = u32(row) < ${h}u && u32(column) < ${width}u;
  let at = ((k / ${outH * outW}u * ${c}u + channel) * ${h}u + u32(row)) * ${width}u + u32(column);
  return select(0f, ${asF32('x[x_at() + select(0u, at, inside)]', x.value.dtype)}, inside);
}`,
    along: 'k',
    width: 1,
    begin: '',
    slot: (outer) => `let ${outer}_channel = z * ${c / groups}u + ${outer} / ${kh * kw}u;
  let ${outer}_dy = i32(${outer} / ${kw}u % ${kh}u * ${dilation[0]}u) - ${padding[0]};
  let ${outer}_dx = i32(${outer} % ${kw}u * ${dilation[1]}u) - ${padding[1]};`,
    step: () => '',
    load: (outer, k) => `x_or_0(${outer}_channel, ${outer}_dy, ${outer}_dx, ${k})`,
  };
}
