import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { DeviceError } from '../../errors.ts';
import {
  type AdapterChoice,
  type AdapterDescription,
  adapterLine,
  chooseAdapter,
  describeAdapter,
  webgpuAdapters,
} from './adapters.ts';

function adapter(name: string, more: Partial<AdapterDescription> = {}): { description: AdapterDescription } {
  const description: AdapterDescription = {
    name,
    backend: 'vulkan',
    vendor: '',
    architecture: '',
    device: '',
    description: '',
    software: false,
    features: [],
    limits: {},
    ...more,
  };
  return { description };
}

const lavapipe = adapter('llvmpipe (LLVM 15.0.6, 256 bits)', { software: true });
const nvidia = adapter('NVIDIA H200', { description: 'NVIDIA: 570.1' });
const radeon = adapter('AMD Radeon 780M', { device: 'RADV PHOENIX' });

describe('webgpuAdapters', () => {
  it('lists what Dawn itself finds', async () => {
    const script =
      "const { create } = await import('webgpu'); const gpu = create([]); const a = await gpu.requestAdapter({ powerPreference: 'high-performance' }); console.log(JSON.stringify(a ? a.info.device : null));";
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
    });
    const found = JSON.parse(stdout) as string | null;
    const adapters = await webgpuAdapters();
    if (found === null) expect(adapters).toEqual([]);
    else expect(adapters.map(({ device }) => device)).toContain(found);
    for (const { name, features, limits } of adapters) {
      expect(name).not.toBe('');
      expect(features).toEqual([...features].sort());
      expect(limits['maxStorageBuffersPerShaderStage']).toBeGreaterThanOrEqual(8);
    }
  });
});

describe('chooseAdapter', () => {
  it.each<[AdapterChoice, { description: AdapterDescription }]>([
    ['hardware', nvidia],
    ['software', lavapipe],
    [{ name: 'radeon' }, radeon],
    [{ name: 'phoenix' }, radeon],
    [{ name: '570' }, nvidia],
    [{ name: 'LLVMPIPE' }, lavapipe],
  ])('takes for %o the first that fits', (choice, chosen) => {
    expect(chooseAdapter([lavapipe, nvidia, radeon], choice)).toBe(chosen);
  });

  it.each<[AdapterChoice, RegExp]>([
    [
      'hardware',
      /no hardware WebGPU adapter; there is "llvmpipe .*" \(software\)\. Install a driver for the GPU .*"cpu"/,
    ],
    [{ name: 'H200' }, /no WebGPU adapter whose name holds "H200"; there is "llvmpipe .*Use part of one/],
    [{ name: ' ' }, /whose name holds " "/],
  ])('refuses %o where only lavapipe is, and tells so', (choice, message) => {
    expect(() => chooseAdapter([lavapipe], choice)).toThrow(DeviceError);
    expect(() => chooseAdapter([lavapipe], choice)).toThrow(message);
  });

  it('tells of several, and of none', () => {
    expect(() => chooseAdapter([nvidia, radeon], 'software')).toThrow(
      /no software WebGPU adapter; there are "NVIDIA H200", "AMD Radeon 780M"\. Install one \(on Linux lavapipe/,
    );
    expect(() => chooseAdapter([], 'hardware')).toThrow(/WebGPU finds none at all/);
  });
});

describe('adapterLine', () => {
  it('tells name, interface and driver, each once', () => {
    expect(adapterLine(nvidia.description)).toBe('NVIDIA H200, vulkan, NVIDIA: 570.1');
    expect(adapterLine(adapter('Apple M2', { backend: '', description: 'Apple M2' }).description)).toBe(
      'Apple M2',
    );
  });
});

describe('describeAdapter', () => {
  /** As Chromium shows SwiftShader where it does not call it a fallback. */
  const swiftShader = {
    info: {
      vendor: 'google',
      architecture: 'swiftshader',
      device: '',
      description: '',
      isFallbackAdapter: false,
    },
    features: new Set(['timestamp-query', 'bgra8unorm-storage']),
    limits: { maxBufferSize: 2 ** 28 },
  } as unknown as GPUAdapter;

  it('makes a name where nobody tells one, and knows software by it', () => {
    expect(describeAdapter(swiftShader, '', '')).toMatchObject({
      name: 'google swiftshader',
      software: true,
      features: ['bgra8unorm-storage', 'timestamp-query'],
      limits: { maxBufferSize: 2 ** 28 },
    });
  });
});
