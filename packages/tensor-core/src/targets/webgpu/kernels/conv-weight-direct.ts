/**
 * Weight gradients of thin groups (depthwise): a workgroup sums one tap's products over a part of the pixels.
 *
 * There is nothing that a tile could share. Software adapters get one tap an invocation instead: a barrier costs more
 * than the reads it saves.
 */
import { type Emitter } from '../kernel.ts';
import {
  type ConvWeightGradientSpec,
  emitWeightSum,
  weightFlops,
  weightLabel,
  weightSize,
} from './conv-weight.ts';
import { asF32, ceilDiv, gridOf, runOf, scratch } from './tiles.ts';

const INVOCATIONS = 128;

/** Lanes of a software adapter. */
const LANES = 8;

/** Pixels that an invocation adds, about. */
const PIXELS = 64;

/** Parts of a sum that a second kernel adds, at most. */
const MOST_PARTS = 64;

export function emitConvWeightDirect(emitter: Emitter, spec: ConvWeightGradientSpec): void {
  const { x, g, n, c, h, width, o, kh, kw, outH, outW, attrs } = spec;
  const { stride, dilation, padding, groups } = attrs;
  const { software } = emitter.capabilities;
  const total = weightSize(spec);
  const pixels = n * outH * outW;
  const step = software ? 1 : INVOCATIONS;
  const parts = Math.min(MOST_PARTS, ceilDiv(pixels, software ? PIXELS * 16 : PIXELS * INVOCATIONS));
  const chunk = ceilDiv(pixels, parts);
  const sums = scratch(emitter, [parts, total], `${weightLabel(spec)}, in parts`);
  const grid = gridOf(software ? ceilDiv(total, LANES) : total, parts, 1);
  const inWorkgroup = `sums_of[lane] = sum;
  for (var half = ${INVOCATIONS / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums_of[lane] += sums_of[lane + half]; }
  }
  if (lane != 0u) { return; }
  sum = sums_of[0];`;
  emitter.emit({
    label: weightLabel(spec),
    body: `${runOf(grid)}
  let index = ${software ? `tile.x * ${LANES}u + lane` : 'tile.x'};
  let within = min(index, ${total - 1}u);
  let dx = i32(within % ${kw}u * ${dilation[1]}u) - ${padding[1]};
  let dy = i32(within / ${kw}u % ${kh}u * ${dilation[0]}u) - ${padding[0]};
  let channel_out = within / ${(kh * kw * c) / groups}u;
  let channel_in = channel_out / ${o / groups}u * ${c / groups}u + within / ${kh * kw}u % ${c / groups}u;
  let last = min((tile.y + 1u) * ${chunk}u, ${pixels}u);
  var sum = 0f;
  for (var pixel = tile.y * ${chunk}u + ${software ? '0u' : 'lane'}; pixel < last; pixel += ${step}u) {
    let image = pixel / ${outH * outW}u;
    let row = i32(pixel / ${outW}u % ${outH}u * ${stride[0]}u) + dy;
    let column = i32(pixel % ${outW}u * ${stride[1]}u) + dx;
    let inside = u32(row) < ${h}u && u32(column) < ${width}u;
    let at = ((image * ${c}u + channel_in) * ${h}u + u32(row)) * ${width}u + u32(column);
    let v = select(0f, ${asF32('x[x_at() + select(0u, at, inside)]', x.value.dtype)}, inside);
    sum = fma(v, ${asF32(`g[g_at() + (image * ${o}u + channel_out) * ${outH * outW}u + pixel % ${outH * outW}u]`, g.value.dtype)}, sum);
  }
  ${software ? `if (index >= ${total}u) { return; }` : inWorkgroup}
  sums[sums_at() + tile.y * ${total}u + index] = sum;
}`,
    reads: { x, g },
    writes: { sums },
    invocations: software ? LANES : INVOCATIONS,
    ...(!software && { shared: { sums_of: { type: 'f32', size: INVOCATIONS } } }),
    workgroups: grid.workgroups,
    flops: weightFlops(spec),
  });
  emitWeightSum(emitter, spec, sums, parts);
}
