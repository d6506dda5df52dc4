import { type AdapterDescription } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { adapterAbilities, automaticDevice } from './adapters.ts';

function adapter(name: string, software: boolean): AdapterDescription {
  return {
    name,
    backend: 'vulkan',
    vendor: '',
    architecture: '',
    device: '',
    description: '',
    software,
    features: ['shader-f16', 'timestamp-query'],
    limits: {
      maxStorageBufferBindingSize: 2 ** 27,
      maxBufferSize: 2 ** 32,
      maxStorageBuffersPerShaderStage: 16,
      maxComputeWorkgroupStorageSize: 32768,
      maxComputeInvocationsPerWorkgroup: 1024,
    },
  };
}

const [lavapipe, small, large] = [
  adapter('llvmpipe', true),
  adapter('small GPU', false),
  adapter('large GPU', false),
];

describe('automaticDevice', () => {
  it.each<[string, AdapterDescription[], string, RegExp]>([
    ['nothing', [], 'cpu', /finds no adapter/],
    ['software alone', [lavapipe], 'cpu', /no adapter is hardware; --device webgpu:software/],
    ['hardware behind software', [lavapipe, small], 'small GPU', /^a hardware adapter$/],
    ['two GPUs', [large, small], 'large GPU', /^the first hardware adapter$/],
  ])('of %s', (_, adapters, device, reason) => {
    expect(automaticDevice(adapters)).toEqual({ device, reason: expect.stringMatching(reason) as string });
  });
});

describe('adapterAbilities', () => {
  it('says what is there and what is not', () => {
    expect(adapterAbilities(lavapipe)).toMatch(
      /^software, f16, no subgroups, timestamps, 128 MiB a binding, 4\.0 GiB a buffer, 16 buffers a kernel, 32 KiB and 1,024 invocations a workgroup$/,
    );
    expect(adapterAbilities(small)).toMatch(/^f16/);
  });
});
