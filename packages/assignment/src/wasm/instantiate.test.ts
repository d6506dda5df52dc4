import { afterEach, expect, it, vi } from 'vitest';
import { distanceWasm } from './distance.generated.ts';
import { ensureMemory, instantiateKernel, type Kernel, kernelModule } from './instantiate.ts';

interface Distance extends Kernel {
  heapBase(): number;
}

afterEach(() => vi.unstubAllGlobals());

it('compiles a module once and gives every caller an instance of its own', () => {
  expect(kernelModule(distanceWasm)).toBe(kernelModule(distanceWasm));
  const one = instantiateKernel<Distance>(distanceWasm)!;
  const other = instantiateKernel<Distance>(distanceWasm)!;
  expect(one.heapBase()).toBeGreaterThan(0);
  expect(one.memory).not.toBe(other.memory);
});

it('grows a memory to what is needed, and not beyond', () => {
  const kernel = instantiateKernel<Distance>(distanceWasm)!;
  ensureMemory(kernel, 100_000);
  expect(kernel.memory.buffer.byteLength).toBe(2 * 65536);
  ensureMemory(kernel, 1000);
  expect(kernel.memory.buffer.byteLength).toBe(2 * 65536);
});

it.each([
  ['without WebAssembly', undefined],
  ['without SIMD', { ...wasm(), validate: () => false }],
  [
    'where compiling is forbidden',
    {
      ...wasm(),
      Module: class {
        constructor() {
          throw new EvalError('violates the content security policy');
        }
      },
    },
  ],
])('gives nothing %s', async (_, engine) => {
  vi.stubGlobal('WebAssembly', engine);
  vi.resetModules();
  const fresh = await import('./instantiate.ts');
  expect(fresh.kernelModule(distanceWasm)).toBeUndefined();
  expect(fresh.instantiateKernel(distanceWasm)).toBeUndefined();
});

/** The engine's own, as an object that can be spread. */
function wasm(): { validate(bytes: Uint8Array): boolean } {
  const engine = (globalThis as unknown as { WebAssembly: { validate(bytes: Uint8Array): boolean } })
    .WebAssembly;
  return { validate: (bytes) => engine.validate(bytes) };
}
