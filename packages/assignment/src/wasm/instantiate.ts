/**
 * From the base64 of a generated file to a running kernel: synchronously, because `assignNoiseSync` is, and alike in
 * Node and browsers (which allow a synchronous compilation of this size on their main thread too). Where there is no
 * WebAssembly SIMD the caller gets nothing and runs the plain TypeScript twin.
 */

/** A compiled module: it can be posted to a worker. */
export interface KernelModule {
  readonly [Symbol.toStringTag]?: string;
}

/** What every kernel has beside its own functions. */
export interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
}

/** The part of the global WebAssembly that is used here: its types come with those of browsers only. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => KernelModule;
  readonly Instance: new (module: KernelModule) => { readonly exports: unknown };
  validate(bytes: Uint8Array): boolean;
}

/** `() → v128` that returns a splat of 0: valid exactly where SIMD is. */
const SIMD_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b], // one type: () → v128
  ...[0x03, 0x02, 0x01, 0x00], // one function of that type
  ...[0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x0b], // i32.const 0, i8x16.splat
);

const PAGE_BYTES = 0x10000;
const modules = new Map<string, KernelModule | undefined>();

/**
 * The compiled module of a kernel, made once.
 *
 * @param base64 the constant of a generated file
 * @returns undefined where the engine has no WebAssembly, no SIMD, or may not compile (a content security policy)
 */
export function kernelModule(base64: string): KernelModule | undefined {
  if (!modules.has(base64)) modules.set(base64, compile(base64));
  return modules.get(base64);
}

/**
 * A new instance of a kernel with a memory of its own.
 *
 * @typeParam K the functions that the kernel exports
 * @returns undefined where {@link kernelModule} is
 */
export function instantiateKernel<K extends Kernel>(base64: string): K | undefined {
  const module = kernelModule(base64);
  const engine = wasmEngine();
  return module && engine && (new engine.Instance(module).exports as K);
}

/**
 * Makes a kernel's memory at least so many bytes long. Views of the memory made before are then empty.
 *
 * @throws RangeError when the engine has no more memory to give
 */
export function ensureMemory({ memory }: Kernel, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
}

function wasmEngine(): Engine | undefined {
  return (globalThis as { readonly WebAssembly?: Engine }).WebAssembly;
}

function compile(base64: string): KernelModule | undefined {
  const engine = wasmEngine();
  if (!engine?.validate(SIMD_PROBE)) return undefined;
  try {
    return new engine.Module(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
  } catch {
    return undefined; // forbidden by a content security policy; a generated file itself always compiles (its test)
  }
}
