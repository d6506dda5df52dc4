/**
 * How fast matrices multiply and images convolve, on every adapter of this machine and beside other libraries that run
 * in Node. All take turns, so that a machine that slows down slows all.
 */
import { type AdapterDescription, type Device, openDevice, webgpuAdapters } from '@immiscible/tensor-core';
import { flopsOf, type KernelCase, LARGE_CASES, SMALL_CASES } from './kernels-cases.ts';
import { measureCeiling } from './kernels-ceiling.ts';
import { prepareOurs, type Runner } from './kernels-ours.ts';
import { findPeers, INSTALL } from './kernels-peers.ts';
import { median } from './median.ts';

export interface KernelsBenchOptions {
  /** Devices of tensor-core; default: `cpu`, and every adapter that WebGPU finds, hardware first. */
  readonly devices?: readonly string[];
  /** A product of 4096 and the layers of CIFAR-10's U-Net at batch 128 instead of what any machine can do. */
  readonly large?: boolean;
  /** default 5 */
  readonly rounds?: number;
  /** A folder whose node_modules may have the peers, or false for none; default: the current one. */
  readonly peers?: string | false;
  readonly onProgress?: (text: string) => void;
}

/** Who was measured. */
export interface KernelsColumn {
  readonly name: string;
  readonly description: string;
  /** GFLOP/s of a kernel of fused multiply-adds alone; null where none was measured. */
  readonly ceiling: number | null;
}

export interface KernelsRow {
  readonly name: string;
  readonly flops: number;
  /** Median GFLOP/s by column; a text: why there are none. */
  readonly gflops: Readonly<Record<string, number | string>>;
}

export interface KernelsBenchReport {
  readonly suite: 'kernels';
  readonly node: string;
  readonly rounds: number;
  readonly columns: readonly KernelsColumn[];
  readonly rows: readonly KernelsRow[];
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
}

/** A turn lasts about this long, in milliseconds, and computes at least once. */
const TURN = 60;

/** Whoever takes longer for one computation gets one turn. */
const SLOW = 1000;

interface Contestant extends KernelsColumn {
  readonly prepare: (given: KernelCase) => Promise<Runner | string>;
  close(): Promise<void>;
}

/** Measures the kernels. @throws DeviceError for a device that there is not */
export async function runKernelsBench(options: KernelsBenchOptions = {}): Promise<KernelsBenchReport> {
  const { large = false, rounds = 5, peers = '.', onProgress } = options;
  const skipped: string[] = [];
  const contestants: Contestant[] = [];
  try {
    const adapters = await webgpuAdapters();
    if (adapters.length === 0) {
      skipped.push(
        'WebGPU: there is no adapter on this machine; install a driver for its GPU (or lavapipe, for tests)',
      );
    } else if (adapters.every(({ software }) => software)) {
      skipped.push('a GPU: the only adapters are CPUs that play one');
    }
    for (const name of options.devices ?? ['cpu', ...adapters.map((adapter) => adapter.name)]) {
      onProgress?.(`opening ${name}`);
      contestants.push(await ours(name, adapters));
    }
    if (large) skipped.push('peers: with --large only we compute');
    else if (peers !== false) contestants.push(...(await theirs(peers, skipped)));
    const rows: KernelsRow[] = [];
    for (const given of large ? LARGE_CASES : SMALL_CASES) {
      onProgress?.(given.name);
      rows.push(await measure(given, contestants, rounds));
    }
    const columns = contestants.map(({ name, description, ceiling }) => ({ name, description, ceiling }));
    return { suite: 'kernels', node: process.versions.node, rounds, columns, rows, skipped };
  } finally {
    for (const contestant of contestants) await contestant.close();
  }
}

async function ours(name: string, adapters: readonly AdapterDescription[]): Promise<Contestant> {
  const device: Device = await openDevice(name);
  const adapter = adapters.find((one) => device.description.includes(one.name));
  const ceiling = device.name === 'webgpu' && adapter ? await measureCeiling(adapter.name) : null;
  return {
    name: device.name === 'webgpu' ? name : 'cpu',
    description: device.description,
    ceiling,
    prepare: (given) => prepareOurs(device, given),
    close: () => device.dispose(),
  };
}

async function theirs(folder: string, skipped: string[]): Promise<Contestant[]> {
  const { peers, missing } = await findPeers(folder);
  skipped.push(...missing);
  if (missing.length > 0) skipped.push(`to have all peers: ${INSTALL}`);
  return peers.map((peer) => ({
    name: peer.name,
    description: `${peer.name} ${peer.version}`,
    ceiling: null,
    prepare: (given) => peer.prepare(given),
    close: () => Promise.resolve(),
  }));
}

async function measure(
  given: KernelCase,
  contestants: readonly Contestant[],
  rounds: number,
): Promise<KernelsRow> {
  const flops = flopsOf(given);
  const turns: { name: string; runner: Runner; count: number; rounds: number; times: number[] }[] = [];
  const gflops: Record<string, number | string> = {};
  for (const { name, prepare } of contestants) {
    try {
      const runner = await prepare(given);
      if (typeof runner === 'string') {
        gflops[name] = runner;
        continue;
      }
      await runner.run(1);
      const once = await timed(runner, 1);
      const count = Math.max(1, Math.ceil(TURN / once));
      turns.push({ name, runner, count, rounds: once > SLOW ? 1 : rounds, times: [] });
    } catch (error) {
      gflops[name] = error instanceof Error ? error.message : String(error);
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const turn of turns) {
      if (round < turn.rounds) turn.times.push((await timed(turn.runner, turn.count)) / turn.count);
    }
  }
  for (const { name, runner, times } of turns) {
    gflops[name] = flops / median(times) / 1e6;
    await runner.close();
  }
  return { name: given.name, flops, gflops };
}

async function timed(runner: Runner, count: number): Promise<number> {
  const start = performance.now();
  await runner.run(count);
  return performance.now() - start;
}
