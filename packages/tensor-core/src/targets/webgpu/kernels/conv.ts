/** 2-D convolutions and their gradients: which kernels there are for a shape, and which is taken untuned. */
import { type Emitter, type Epilogue, type Operand, type Variant } from '../kernel.ts';
import { convLaneShapes, emitConvLanes } from './conv-lanes.ts';
import { type ImagePart, imageParts } from './conv-images.ts';
import { type TapConv } from './conv-target.ts';
import { type ConvShape, forwardTaps, gradientTaps } from './conv-taps.ts';
import { emitConvTiled } from './conv-tiled.ts';
import { type ConvWeightGradientSpec, emitWeightSum, weightLabel } from './conv-weight.ts';
import { emitConvWeightDirect } from './conv-weight-direct.ts';
import { emitConvWeightLanes, weightBlocks } from './conv-weight-lanes.ts';
import { emitConvWeightTiled } from './conv-weight-tiled.ts';
import { tilingsFor } from './gemm-tilings.ts';
import { emitMatmul } from './matmul.ts';
import { epilogueFrom, scratch, unitsOf } from './tiles.ts';

export { type ConvShape } from './conv-taps.ts';
export { type ConvWeightGradientSpec } from './conv-weight.ts';

/** Output channels of a group under which a tile is mostly empty. */
const THIN = 8;

/** Elements of a group's weight gradient under which a tile is mostly empty. */
const THIN_PRODUCT = 64;

/** Output channels of a group under which lanes along them are mostly idle. */
const FEW_LANES = 3;

/** Pixels from which on an image is a matrix of its own. */
const LEAST_PIXELS = 64;

export interface ConvSpec extends ConvShape {
  /** [n, c, h, width], f32 or f16. */
  readonly x: Operand;
  /** [o, c / groups, kh, kw], at any offset. */
  readonly w: Operand;
  /** [o] */
  readonly bias?: Operand;
  /** [n, o, outH, outW] */
  readonly out: Operand;
  readonly epilogue?: Epilogue;
}

/**
 * Emits out = epilogue(conv2d(x, w) + bias), summed in f32. Images over what a binding may hold are taken in parts; what
 * the epilogue reads is not. So are those of the gradients.
 */
export function emitConv2d(emitter: Emitter, spec: ConvSpec): void {
  const parts = imageParts(spec.n, [spec.x, spec.out], emitter.capabilities);
  if (parts.length > 1) {
    for (const part of parts) {
      const { start, out } = part.output(spec.out);
      emitConv2d(emitter, {
        ...spec,
        n: part.n,
        x: part.of(spec.x),
        out,
        ...epilogueFrom(spec.epilogue, start),
      });
    }
    return;
  }
  const { x, w, bias, out, n, c, o, kh, kw, outH, outW, attrs } = spec;
  const { groups } = attrs;
  const epilogue = bias ? withBias(bias, spec) : spec.epilogue;
  if (isPointwise(spec)) {
    emitMatmul(emitter, {
      a: w,
      b: x,
      out,
      transposeA: false,
      transposeB: false,
      m: o / groups,
      n: outH * outW,
      k: c / groups,
      batch: pointwiseBatch(spec, c),
      ...(epilogue && { epilogue }),
    });
    return;
  }
  emitTaps(emitter, `conv2d ${keyOf(spec)} ${x.value.dtype}`, {
    op: 'conv2d',
    x,
    w,
    n,
    kh,
    kw,
    groups,
    cIn: c / groups,
    cOut: o / groups,
    transposed: false,
    rows: forwardTaps(spec, 0),
    columns: forwardTaps(spec, 1),
    out,
    outH,
    outW,
    ...(epilogue && { epilogue }),
  });
}

export interface ConvInputGradientSpec extends ConvShape {
  /** dLoss/dy [n, o, outH, outW] */
  readonly g: Operand;
  readonly w: Operand;
  /** [n, c, h, width] */
  readonly out: Operand;
  readonly epilogue?: Epilogue;
}

/** Emits out = epilogue(dLoss/dx), summed in f32. */
export function emitConvInputGradient(emitter: Emitter, spec: ConvInputGradientSpec): void {
  const parts = imageParts(spec.n, [spec.g, spec.out], emitter.capabilities);
  if (parts.length > 1) {
    for (const part of parts) {
      const { start, out } = part.output(spec.out);
      const epilogued = epilogueFrom(spec.epilogue, start);
      emitConvInputGradient(emitter, { ...spec, n: part.n, g: part.of(spec.g), out, ...epilogued });
    }
    return;
  }
  const { g, w, out, n, c, h, width, o, kh, kw, attrs, epilogue } = spec;
  const { groups } = attrs;
  if (isPointwise(spec)) {
    emitMatmul(emitter, {
      a: w,
      b: g,
      out,
      transposeA: true,
      transposeB: false,
      m: c / groups,
      n: h * width,
      k: o / groups,
      batch: pointwiseBatch(spec, o),
      ...(epilogue && { epilogue }),
    });
    return;
  }
  for (const rows of gradientTaps(spec, 0)) {
    for (const columns of gradientTaps(spec, 1)) {
      const phase = `${rows.outStart}.${columns.outStart}`;
      emitTaps(emitter, `conv2d input gradient ${keyOf(spec)} phase ${phase} ${g.value.dtype}`, {
        op: 'conv2d input gradient',
        x: g,
        w,
        n,
        kh,
        kw,
        groups,
        cIn: o / groups,
        cOut: c / groups,
        transposed: true,
        rows,
        columns,
        out,
        outH: h,
        outW: width,
        ...(epilogue && { epilogue }),
      });
    }
  }
}

/** Emits out = epilogue(dLoss/dw), summed in f32 and in a fixed order. */
export function emitConvWeightGradient(emitter: Emitter, spec: ConvWeightGradientSpec): void {
  const images = imageParts(spec.n, [spec.x, spec.g], emitter.capabilities);
  if (images.length > 1) return emitWeightParts(emitter, spec, images);
  const { n, c, o, kh, kw, outH, outW, attrs, x } = spec;
  const { capabilities } = emitter;
  const m = o / attrs.groups;
  const product = { m, n: (c / attrs.groups) * kh * kw, k: n * outH * outW, batches: attrs.groups };
  const direct: Variant = { name: 'direct', emit: () => emitConvWeightDirect(emitter, spec) };
  const blocked: Variant[] = capabilities.software
    ? weightBlocks(spec).map((block) => ({
        name: `lanes ${block.width}x${block.channels}x${block.rows}x${block.columns}`,
        emit: () => emitConvWeightLanes(emitter, spec, block),
      }))
    : tilingsFor(product, capabilities).map((tiling) => ({
        name: `tiled ${tiling.name}`,
        emit: () => emitConvWeightTiled(emitter, spec, tiling),
      }));
  const isThin = capabilities.software ? m < FEW_LANES : m * product.n < THIN_PRODUCT;
  const [first, ...others] = isThin ? [direct, ...blocked] : [...blocked, direct];
  if (first) emitter.choose(`conv2d weight gradient ${keyOf(spec)} ${x.value.dtype}`, [first, ...others]);
}

/** A weight gradient for some images after the other, and their sum. */
function emitWeightParts(emitter: Emitter, spec: ConvWeightGradientSpec, images: readonly ImagePart[]): void {
  const { x, g, out, c, h, width, o, kh, kw, outH, outW, attrs } = spec;
  const shape = { c, h, width, o, kh, kw, outH, outW, attrs };
  const sums = scratch(emitter, [images.length, out.size], `${weightLabel(spec)}, in parts`);
  images.forEach((part, i) => {
    const partial = unitsOf(sums, images.length, i, 1);
    emitConvWeightGradient(emitter, { ...shape, n: part.n, x: part.of(x), g: part.of(g), out: partial });
  });
  emitWeightSum(emitter, spec, sums, images.length);
}

function emitTaps(emitter: Emitter, key: string, conv: TapConv): void {
  const { capabilities } = emitter;
  const lanes: Variant[] = convLaneShapes(conv, capabilities.software).map((shape) => ({
    name: `lanes ${shape.rows}x${shape.width}`,
    emit: () => emitConvLanes(emitter, conv, shape),
  }));
  const { n, rows, columns, cIn, cOut, groups } = conv;
  const k = rows.taps * columns.taps * cIn;
  const isTileable = !capabilities.software && k > 0;
  const product = { m: cOut, n: n * rows.positions * columns.positions, k, batches: groups };
  const tiled: Variant[] = isTileable
    ? tilingsFor(product, capabilities).map((tiling) => ({
        name: `tiled ${tiling.name}`,
        emit: () => emitConvTiled(emitter, conv, tiling),
      }))
    : [];
  const [first, ...others] = cOut < THIN ? [...lanes, ...tiled] : [...tiled, ...lanes];
  if (first) emitter.choose(key, [first, ...others]);
}

/**
 * A kernel of one element that moves over every pixel: a product of matrices, an image and a group each. Small images
 * are better off together.
 */
function isPointwise({ kh, kw, h, width, attrs: { stride, padding } }: ConvShape): boolean {
  const isPlain = stride.every((s) => s === 1) && padding.every((p) => p === 0);
  return kh * kw === 1 && isPlain && h * width >= LEAST_PIXELS;
}

function pointwiseBatch(
  { n, c, o, h, width, attrs: { groups } }: ConvShape,
  channels: number,
): { shape: number[]; a: number[]; b: number[] } {
  const size = channels * h * width;
  return { shape: [n, groups], a: [0, (c / groups) * (o / groups)], b: [size, size / groups] };
}

/** The epilogue after the bias of the output's channel is added. */
function withBias(bias: Operand, { outH, outW, o, out, epilogue }: ConvSpec): Epilogue {
  const finish =
    epilogue?.apply.bind(epilogue) ?? ((v: string) => (out.value.dtype === 'float16' ? `f16(${v})` : v));
  return {
    reads: { ...epilogue?.reads, bias },
    code: epilogue?.code ?? '',
    apply: (v, i) => finish(`(${v} + f32(bias[bias_at() + ${i} / ${outH * outW}u % ${o}u]))`, i),
  };
}

function keyOf({
  n,
  c,
  h,
  width,
  o,
  kh,
  kw,
  attrs: { stride, padding, dilation, groups },
}: ConvShape): string {
  return [
    `${n}x${c}x${h}x${width}`,
    `${o}x${kh}x${kw}`,
    `s${stride.join('x')}`,
    `p${padding.join('x')}`,
    `d${dilation.join('x')}`,
    `g${groups}`,
  ].join(' ');
}
