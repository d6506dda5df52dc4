/**
 * Other tensor libraries that run in Node: TensorFlow.js on WebAssembly and in plain JavaScript, jax-js on WebAssembly.
 *
 * None is a dependency: whoever wants them beside us installs them in a folder and names it. They are loaded from there,
 * and described here only as far as they are called.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConvCase, type KernelCase, outputSize } from './kernels-cases.ts';
import { type Runner } from './kernels-ours.ts';

/** A library, ready to compute, or why it is not. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** @returns why not, where it cannot compute that */
  prepare(given: KernelCase): Promise<Runner | string>;
}

interface TfTensor {
  data(): Promise<unknown>;
  dispose(): void;
}

type TfFunction = (x: TfTensor) => TfTensor;

interface TensorFlow {
  readonly version_core: string;
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  randomNormal(shape: readonly number[]): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
  conv2d(x: TfTensor, w: TfTensor, stride: number, padding: number): TfTensor;
  grad(f: TfFunction): (x: TfTensor, cotangent: TfTensor) => TfTensor;
}

interface TensorFlowWasm {
  setWasmPaths(folder: string): void;
}

interface JaxArray {
  readonly ref: JaxArray;
  mul(other: JaxArray): JaxArray;
  sum(): JaxArray;
  data(): Promise<unknown>;
  dispose(): void;
}

type JaxFunction = (...args: JaxArray[]) => JaxArray;

interface Jax {
  init(...devices: string[]): Promise<readonly string[]>;
  defaultDevice(name: string): unknown;
  jit(f: JaxFunction): JaxFunction & { dispose(): void };
  grad(f: JaxFunction): JaxFunction;
  readonly numpy: { matmul(a: JaxArray, b: JaxArray): JaxArray };
  readonly random: { key(seed: number): JaxArray; normal(key: JaxArray, shape: readonly number[]): JaxArray };
  readonly lax: {
    conv(
      x: JaxArray,
      w: JaxArray,
      strides: readonly number[],
      padding: readonly (readonly number[])[],
    ): JaxArray;
  };
}

const TENSORFLOW = '@tensorflow/tfjs';
const TENSORFLOW_WASM = '@tensorflow/tfjs-backend-wasm';
const JAX = '@jax-js/jax';

/** How to have them all. */
export const INSTALL = `npm install ${TENSORFLOW} ${TENSORFLOW_WASM} ${JAX}`;

/**
 * The peers that are installed, and what is not.
 *
 * @param folder whose node_modules, or those above it, may have them
 */
export async function findPeers(folder: string): Promise<{ peers: Peer[]; missing: string[] }> {
  const require = createRequire(path.join(path.resolve(folder), 'package.json'));
  const peers: Peer[] = [];
  const missing: string[] = [];
  for (const [name, open] of [
    ['tfjs wasm', openTensorFlowWasm],
    ['tfjs cpu', openTensorFlowCpu],
    ['jax-js wasm', openJax],
  ] as const) {
    try {
      peers.push(await open(name, require));
    } catch (error) {
      missing.push(`${name}: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`);
    }
  }
  return { peers, missing };
}

/** Loads a module of the folder. */
async function load<T>(require: NodeJS.Require, name: string): Promise<T> {
  return (await import(pathToFileURL(require.resolve(name)).href)) as T;
}

async function openTensorFlowWasm(name: string, require: NodeJS.Require): Promise<Peer> {
  const tf = await openTensorFlow(require);
  const wasm = await load<TensorFlowWasm & { readonly default?: TensorFlowWasm }>(require, TENSORFLOW_WASM);
  (wasm.default ?? wasm).setWasmPaths(`${path.dirname(require.resolve(TENSORFLOW_WASM))}/`);
  return tensorFlowPeer(name, tf, 'wasm');
}

async function openTensorFlowCpu(name: string, require: NodeJS.Require): Promise<Peer> {
  return tensorFlowPeer(name, await openTensorFlow(require), 'cpu');
}

/** The whole package: the core by itself has no gradients. */
async function openTensorFlow(require: NodeJS.Require): Promise<TensorFlow> {
  const tf = await load<TensorFlow & { readonly default?: TensorFlow }>(require, TENSORFLOW);
  return tf.default ?? tf;
}

async function tensorFlowPeer(name: string, tf: TensorFlow, backend: string): Promise<Peer> {
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} cannot start`);
  const prepare = async (given: KernelCase): Promise<Runner | string> => {
    if (given.op === 'weight gradient' && backend === 'cpu') return 'takes more than a minute a call';
    await tf.setBackend(backend);
    await tf.ready();
    const inputs: TfTensor[] = [];
    const normal = (shape: readonly number[]): TfTensor => {
      const made = tf.randomNormal(shape);
      inputs.push(made);
      return made;
    };
    const compute = tensorFlowCase(tf, given, normal);
    return {
      async run(count) {
        await tf.setBackend(backend);
        for (let i = 0; i < count; i++) {
          const result = compute();
          await result.data();
          result.dispose();
        }
      },
      close() {
        for (const input of inputs) input.dispose();
        return Promise.resolve();
      },
    };
  };
  return { name, version: tf.version_core, prepare };
}

/** TensorFlow's convolutions want channels last. */
function tensorFlowCase(
  tf: TensorFlow,
  given: KernelCase,
  normal: (shape: readonly number[]) => TfTensor,
): () => TfTensor {
  if (given.op === 'matmul') {
    const a = normal([given.m, given.k]);
    const b = normal([given.k, given.n]);
    return () => tf.matMul(a, b);
  }
  const { batch, channelsIn, channelsOut, size, kernel, stride } = given;
  const padding = Math.floor(kernel / 2);
  const x = normal([batch, size, size, channelsIn]);
  const w = normal([kernel, kernel, channelsIn, channelsOut]);
  if (given.op === 'forward') return () => tf.conv2d(x, w, stride, padding);
  const g = normal([batch, outputSize(given), outputSize(given), channelsOut]);
  if (given.op === 'input gradient') {
    const gradient = tf.grad((v) => tf.conv2d(v, w, stride, padding));
    return () => gradient(x, g);
  }
  const gradient = tf.grad((v) => tf.conv2d(x, v, stride, padding));
  return () => gradient(w, g);
}

async function openJax(name: string, require: NodeJS.Require): Promise<Peer> {
  const jax = await load<Jax>(require, JAX);
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  // Its package.json is not among its exports.
  const file = path.join(path.dirname(require.resolve(JAX)), '../package.json');
  const { version } = JSON.parse(await readFile(file, 'utf8')) as { version: string };
  const prepare = (given: KernelCase): Promise<Runner | string> => {
    const normal = (shape: readonly number[]): JaxArray => jax.random.normal(jax.random.key(1), shape);
    const [f, inputs] = jaxCase(jax, given, normal);
    const compiled = jax.jit(f);
    return Promise.resolve({
      async run(count) {
        for (let i = 0; i < count; i++) await compiled(...inputs.map((input) => input.ref)).data();
      },
      close() {
        for (const input of inputs) input.dispose();
        compiled.dispose();
        return Promise.resolve();
      },
    });
  };
  return { name, version, prepare };
}

/** jax-js counts references: an argument is spent by the call, `ref` is another. */
function jaxCase(
  jax: Jax,
  given: KernelCase,
  normal: (shape: readonly number[]) => JaxArray,
): [JaxFunction, JaxArray[]] {
  if (given.op === 'matmul') {
    return [(a, b) => jax.numpy.matmul(a, b), [normal([given.m, given.k]), normal([given.k, given.n])]];
  }
  const { x, w, y } = jaxShapes(given);
  const padding = Math.floor(given.kernel / 2);
  const conv = (image: JaxArray, weight: JaxArray): JaxArray =>
    jax.lax.conv(
      image,
      weight,
      [given.stride, given.stride],
      [
        [padding, padding],
        [padding, padding],
      ],
    );
  if (given.op === 'forward') return [(image, weight) => conv(image, weight), [normal(x), normal(w)]];
  const isInput = given.op === 'input gradient';
  const f: JaxFunction = (at, other, g) =>
    jax.grad((v) => (isInput ? conv(v, other.ref) : conv(other.ref, v)).mul(g.ref).sum())(at);
  return [f, isInput ? [normal(x), normal(w), normal(y)] : [normal(w), normal(x), normal(y)]];
}

function jaxShapes(given: ConvCase): { x: number[]; w: number[]; y: number[] } {
  const { batch, channelsIn, channelsOut, size, kernel } = given;
  const out = outputSize(given);
  return {
    x: [batch, channelsIn, size, size],
    w: [channelsOut, channelsIn, kernel, kernel],
    y: [batch, channelsOut, out, out],
  };
}
