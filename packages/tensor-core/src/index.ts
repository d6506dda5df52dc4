export { type DType, type HostArray } from './dtype.ts';
export {
  DTypeError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  FormatError,
  ShapeError,
  TensorError,
  UnsupportedOpError,
} from './errors.ts';
export { fromFloat16, toFloat16 } from './float16.ts';
export { type Shape } from './shape.ts';
export { full, type Operand, Tensor, tensor } from './tensor.ts';
export { disposeTree, leavesOf, mapTree, type Tree } from './tree.ts';
export {
  abs,
  add,
  arange,
  avgPool2d,
  concat,
  conv2d,
  cos,
  div,
  dropout,
  embedding,
  equal,
  erf,
  exp,
  gather,
  gelu,
  greater,
  groupNorm,
  layerNorm,
  less,
  linear,
  log,
  logSoftmax,
  matmul,
  maximum,
  maxPool2d,
  minimum,
  mul,
  neg,
  ones,
  pow,
  randomUniform,
  reciprocal,
  relu,
  resizeBilinear,
  scaledDotProductAttention,
  sigmoid,
  sign,
  silu,
  sin,
  softmax,
  sqrt,
  square,
  stack,
  stopGradient,
  sub,
  tanh,
  upsampleNearest2d,
  where,
  zeros,
} from './functions.ts';
export { exportOnnx } from './export.ts';
export { grad, valueAndGrad } from './gradient.ts';
export { type CompiledFunction, type CompileOptions, type TreeRecord } from './compile.ts';
export { type CompileProgress, type TuneMode, type TuningState } from './targets/target.ts';
export { Device, type DeviceName, type DeviceOptions, openDevice } from './device.ts';
export {
  type Ceilings,
  type ChromeTrace,
  type KernelProfile,
  type ProfileReport,
  type TraceEvent,
} from './profile.ts';
export { printGraph } from './graph/print.ts';
export {
  encodeSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  widen,
  writeSafetensors,
} from './io/safetensors.ts';
export { readTorchCheckpoint, type TorchCheckpointOptions } from './io/torch-checkpoint.ts';
export {
  type AdapterDescription,
  adapterLine,
  automaticAdapter,
  webgpuAdapters,
} from './targets/webgpu/adapters.ts';
