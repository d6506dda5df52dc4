/** What a person wants to know of the machine's WebGPU adapters. */
import { type AdapterDescription, automaticAdapter } from '@immiscible/tensor-core';
import { bytes, count } from './format.ts';

/** The features and limits that programs are made for, in a line. */
export function adapterAbilities({ software, features, limits }: AdapterDescription): string {
  const has = (feature: string, name: string): string => `${features.includes(feature) ? '' : 'no '}${name}`;
  const limit = (name: string): number => limits[name] ?? 0;
  return [
    ...(software ? ['software'] : []),
    has('shader-f16', 'f16'),
    has('subgroups', 'subgroups'),
    has('timestamp-query', 'timestamps'),
    `${bytes(limit('maxStorageBufferBindingSize'))} a binding`,
    `${bytes(limit('maxBufferSize'))} a buffer`,
    `${count(limit('maxStorageBuffersPerShaderStage'))} buffers a kernel`,
    `${bytes(limit('maxComputeWorkgroupStorageSize'))} and ${count(limit('maxComputeInvocationsPerWorkgroup'))} invocations a workgroup`,
  ].join(', ');
}

/** What `openDevice('auto')` takes, and why. */
export function automaticDevice(adapters: readonly AdapterDescription[]): {
  readonly device: string;
  readonly reason: string;
} {
  const gpu = automaticAdapter(adapters);
  if (gpu) {
    const others = adapters.filter(({ software }) => !software).length - 1;
    return { device: gpu.name, reason: others > 0 ? 'the first hardware adapter' : 'a hardware adapter' };
  }
  if (adapters.length === 0) return { device: 'cpu', reason: 'WebGPU finds no adapter' };
  return {
    device: 'cpu',
    reason: 'no adapter is hardware; --device webgpu:software takes the other, which is slower than the CPU',
  };
}
