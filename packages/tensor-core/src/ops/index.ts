export * from './elementwise.ts';
export * from './movement.ts';
export * from './reduce.ts';
export { matmul, type MatmulAttrs } from './matmul.ts';
export {
  conv2d,
  type ConvAttrs,
  type ConvInputGradientAttrs,
  type ConvOptions,
  type ConvWeightGradientAttrs,
} from './conv2d.ts';
export { avgPool2d, upsampleNearest2d } from './pool.ts';
export { maxPool2d, type PoolAttrs, poolOps } from './max-pool.ts';
export { resizeBilinear, type ResizeOptions } from './resize.ts';
export { logSoftmax, softmax } from './softmax.ts';
export { type AttentionAttrs, attentionOps, scaledDotProductAttention } from './attention.ts';
export { groupNorm, type GroupNormAttrs, layerNorm } from './norm.ts';
export { embedding, gather } from './gather.ts';
export { dropout, type RandomAttrs, randomUniform } from './random.ts';
