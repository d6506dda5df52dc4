/** What tests of ops run on: the CPU with either layout, and the GPU that the CPU plays. */
import { OnnxTarget } from '../src/targets/onnx/target.ts';
import { type Target } from '../src/targets/target.ts';
import { openGpu } from '../src/targets/webgpu/gpu.ts';
import { WebGpuTarget } from '../src/targets/webgpu/target.ts';
import { softwareGpu } from './webgpu.ts';

export interface Machine {
  readonly name: string;
  /** Functions of a GPU may be off by more, and its conversions to float16 go to either neighbour. */
  readonly gpu: boolean;
  readonly skipped: boolean;
  readonly open: () => Promise<Target>;
}

const gpu = await softwareGpu();

export const cpu: Machine = {
  name: 'on the CPU, blocked convolutions',
  gpu: false,
  skipped: false,
  open: () => OnnxTarget.open({ threads: 2 }),
};

export const plainCpu: Machine = {
  name: 'on the CPU, plain convolutions',
  gpu: false,
  skipped: false,
  open: () => OnnxTarget.open({ threads: 2, block: 0 }),
};

export const webgpu: Machine = {
  name: `on WebGPU${gpu.reason}`,
  gpu: true,
  skipped: !gpu.available,
  open: async () => new WebGpuTarget(await openGpu('webgpu:software')),
};
