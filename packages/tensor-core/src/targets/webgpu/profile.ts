/**
 * Times kernels on a GPU: while it records, every dispatch is a compute pass of its own between two timestamps.
 *
 * That costs the overlap of kernels that do not wait for each other, so sums are a little longer than what runs take when
 * nobody looks. Where the device has no timestamps, whole runs are timed by the host.
 */
import {
  type Ceilings,
  type Profiler,
  ProfileRecorder,
  type ProfileReport,
  type Work,
} from '../../profile.ts';
import { adapterLine } from './adapters.ts';
import { measureCeilings } from './ceilings.ts';
import { type Gpu } from './gpu.ts';

/** Dispatches in a query set: WebGPU allows 4096 queries, and each takes two. */
const IN_A_SET = 2048;
const BYTES_EACH = 16;

const MAP_READ = 0x0001;
const COPY_SRC = 0x0004;
const COPY_DST = 0x0008;
const QUERY_RESOLVE = 0x0200;

/** One run that is timed, from before it is encoded. */
export interface Sample {
  /** The pass that dispatch `i` has for itself; undefined where it needs none. */
  pass(i: number): GPUComputePassDescriptor | undefined;
  /** After the last pass. */
  resolve(encoder: GPUCommandEncoder): void;
  /** After the submit. */
  submitted(): void;
}

/** Queries for so many dispatches, and where their answers go. */
interface Slot {
  readonly sets: readonly GPUQuerySet[];
  readonly resolved: GPUBuffer;
  readonly staging: GPUBuffer;
  readonly capacity: number;
}

export class GpuProfiler implements Profiler {
  readonly #gpu: Gpu;
  readonly #free: Slot[] = [];
  readonly #pending = new Set<Promise<void>>();
  #recorder = new ProfileRecorder();
  #recording = false;
  #ceilings: Promise<Ceilings> | undefined;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  start(): void {
    this.#recorder = new ProfileRecorder();
    this.#recording = true;
  }

  stop(): void {
    this.#recording = false;
  }

  /** A run that is about to be encoded, where it is to be timed. */
  begin(dispatches: readonly Work[]): Sample | undefined {
    if (!this.#recording || dispatches.length === 0) return undefined;
    // Nothing else of theirs should live as long as the report.
    const work = dispatches.map(({ label, flops, bytes }): Work => ({ label, flops, bytes }));
    return this.#gpu.features.timestamps ? this.#byTimestamps(work) : this.#byTheHost(work);
  }

  async report(): Promise<ProfileReport> {
    const recorder = this.#recorder;
    await Promise.all(this.#pending);
    this.#gpu.check();
    this.#ceilings ??= measureCeilings(this.#gpu);
    const ceilings = await this.#ceilings;
    this.#gpu.check();
    const device = adapterLine(this.#gpu.adapter);
    if (this.#gpu.features.timestamps) return recorder.report(device, 'kernels', [], ceilings);
    const note =
      'This adapter has no timestamps (timestamp-query): whole runs were timed, from the submit to the end of the queue, and no kernel.';
    return recorder.report(device, 'runs', [note], ceilings);
  }

  #byTimestamps(work: readonly Work[]): Sample {
    const slot = this.#take(work.length);
    const recorder = this.#recorder;
    const began = performance.now();
    const bytes = work.length * BYTES_EACH;
    return {
      pass: (i) => ({
        timestampWrites: {
          querySet: slot.sets[Math.floor(i / IN_A_SET)]!,
          beginningOfPassWriteIndex: 2 * (i % IN_A_SET),
          endOfPassWriteIndex: 2 * (i % IN_A_SET) + 1,
        },
      }),
      resolve: (encoder) => {
        slot.sets.forEach((set, k) => {
          const count = Math.min(IN_A_SET, work.length - k * IN_A_SET);
          if (count > 0) encoder.resolveQuerySet(set, 0, 2 * count, slot.resolved, k * IN_A_SET * BYTES_EACH);
        });
        encoder.copyBufferToBuffer(slot.resolved, 0, slot.staging, 0, bytes);
      },
      submitted: () => {
        const submitted = performance.now();
        this.#await(
          slot.staging.mapAsync(MAP_READ).then(() => {
            const times = new BigUint64Array(slot.staging.getMappedRange(0, bytes).slice(0));
            slot.staging.unmap();
            this.#free.push(slot);
            // Nanoseconds since the device's own beginning, past what a number holds exactly.
            const first = times[0]!;
            const origin = Number(first / 1_000_000n);
            const at = (i: number): number => origin + Number(times[i]! - first) / 1e6;
            const timed = work.map((one, i) => ({ work: one, begin: at(2 * i), end: at(2 * i + 1) }));
            recorder.add({ began, submitted, dispatches: timed });
          }),
        );
      },
    };
  }

  #byTheHost(work: readonly Work[]): Sample {
    const recorder = this.#recorder;
    const began = performance.now();
    return {
      pass: () => undefined,
      resolve: () => undefined,
      submitted: () => {
        const submitted = performance.now();
        const total: Work = {
          label: `run of ${work.length} kernels`,
          flops: work.reduce((sum, { flops }) => sum + flops, 0),
          bytes: work.reduce((sum, { bytes }) => sum + bytes, 0),
        };
        this.#await(
          this.#gpu.device.queue.onSubmittedWorkDone().then(() => {
            const run = { work: total, begin: submitted, end: performance.now() };
            recorder.add({ began, submitted, dispatches: [run] });
          }),
        );
      },
    };
  }

  /** A device that is lost or closed answers no more: `report` says so, and the run itself does. */
  #await(answer: Promise<void>): void {
    const settled = answer
      .catch(() => undefined)
      .finally(() => {
        this.#pending.delete(settled);
      });
    this.#pending.add(settled);
  }

  #take(dispatches: number): Slot {
    const held = this.#free.findIndex(({ capacity }) => capacity >= dispatches);
    if (held >= 0) return this.#free.splice(held, 1)[0]!;
    const { device } = this.#gpu;
    const sets = Array.from({ length: Math.ceil(dispatches / IN_A_SET) }, (_, k) =>
      device.createQuerySet({
        type: 'timestamp',
        count: 2 * Math.min(IN_A_SET, dispatches - k * IN_A_SET),
        label: 'profile',
      }),
    );
    const size = dispatches * BYTES_EACH;
    const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC, label: 'profile' });
    const staging = device.createBuffer({ size, usage: COPY_DST | MAP_READ, label: 'profile' });
    return { sets, resolved, staging, capacity: dispatches };
  }
}
