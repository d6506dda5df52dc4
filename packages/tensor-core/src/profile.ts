/**
 * What a device did and how long it took: sums for each kernel, and a trace that Chrome's and Perfetto's viewers open.
 *
 * Targets measure; everything that can be said of the measurements is said here, so that it can be tested without a GPU.
 */

/** What a dispatch is and does. */
export interface Work {
  /** Op and shapes; dispatches of one label are added up. */
  readonly label: string;
  /** Multiplications and additions; 0 where nobody counts. */
  readonly flops: number;
  /** Bytes of everything that it binds, each once: what it moves at least, where it touches all of it. */
  readonly bytes: number;
}

/** What the adapter does at best, measured on it: multiply-adds in registers, and a plain copy. */
export interface Ceilings {
  readonly gflopPerSecond: number;
  /** Read and written. */
  readonly gbPerSecond: number;
}

/** All dispatches of one label. Rates are 0 where there is nothing to divide. */
export interface KernelProfile {
  readonly label: string;
  readonly count: number;
  readonly milliseconds: number;
  readonly bytes: number;
  readonly flops: number;
  readonly gbPerSecond: number;
  readonly gflopPerSecond: number;
  /** Of the time of all kernels, from 0 to 1. */
  readonly share: number;
  /** The larger of its two rates, each as a part of its ceiling; caches may lift it over 1. Absent without ceilings. */
  readonly ceilingShare?: number;
}

/** An event of Chrome's trace format: `X` is an interval, `M` names a track. Times are microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, string | number>>;
}

/** The JSON that chrome://tracing and ui.perfetto.dev open. */
export interface ChromeTrace {
  readonly displayTimeUnit: 'ms';
  readonly traceEvents: readonly TraceEvent[];
}

export interface ProfileReport {
  /** For people: what was measured. */
  readonly device: string;
  /** Whether each kernel was timed, or only whole runs of programs. */
  readonly timing: 'kernels' | 'runs';
  /** What the numbers cannot tell. */
  readonly notes: readonly string[];
  /** Runs of programs. */
  readonly runs: number;
  readonly dispatches: number;
  /** All kernels together, or all runs. */
  readonly milliseconds: number;
  /** The host's part: to encode and to submit. */
  readonly hostMilliseconds: number;
  readonly ceilings?: Ceilings;
  /** The longest first. */
  readonly kernels: readonly KernelProfile[];
  readonly trace: ChromeTrace;
}

/** What a target notes of its runs. */
export interface Profiler {
  /** Forgets what was noted, and notes every run from now on. */
  start(): void;
  /** Notes no further run. */
  stop(): void;
  /** Of the runs noted so far, once they are done. */
  report(): Promise<ProfileReport>;
}

/** A dispatch and its time, in milliseconds of the device's own clock. */
export interface TimedWork {
  readonly work: Work;
  readonly begin: number;
  readonly end: number;
}

/** One run of a program. */
export interface TimedRun {
  /** When the host began to encode it and when it was submitted, by `performance.now()`. */
  readonly began: number;
  readonly submitted: number;
  readonly dispatches: readonly TimedWork[];
}

/** Dispatches that the trace shows; sums go on. */
const MOST_EVENTS = 100_000;

const HOST = { pid: 1, tid: 1 };
const DEVICE = { pid: 1, tid: 2 };

/** Adds up runs as they come. */
export class ProfileRecorder {
  readonly #kernels = new Map<string, { work: Work; count: number; milliseconds: number }>();
  #traced: TimedRun[] = [];
  #tracedEvents = 0;
  #runs = 0;
  #dispatches = 0;
  #milliseconds = 0;
  #hostMilliseconds = 0;

  add(run: TimedRun): void {
    this.#runs += 1;
    this.#dispatches += run.dispatches.length;
    this.#hostMilliseconds += run.submitted - run.began;
    for (const { work, begin, end } of run.dispatches) {
      const milliseconds = Math.max(0, end - begin);
      this.#milliseconds += milliseconds;
      const kernel = this.#kernels.get(work.label);
      if (!kernel) {
        this.#kernels.set(work.label, { work, count: 1, milliseconds });
        continue;
      }
      kernel.count += 1;
      kernel.milliseconds += milliseconds;
      kernel.work = {
        label: work.label,
        flops: kernel.work.flops + work.flops,
        bytes: kernel.work.bytes + work.bytes,
      };
    }
    if (this.#tracedEvents + run.dispatches.length > MOST_EVENTS) return;
    this.#tracedEvents += run.dispatches.length + 1;
    this.#traced.push(run);
  }

  report(
    device: string,
    timing: ProfileReport['timing'],
    notes: readonly string[],
    ceilings?: Ceilings,
  ): ProfileReport {
    const left = this.#runs - this.#traced.length;
    const cut = left === 0 ? [] : [`The trace leaves out ${left} of ${this.#runs} runs; the sums do not.`];
    const kernels = [...this.#kernels.values()]
      .sort((a, b) => b.milliseconds - a.milliseconds)
      .map((kernel) => kernelProfile(kernel, this.#milliseconds, ceilings));
    return {
      device,
      timing,
      notes: [...notes, ...cut],
      runs: this.#runs,
      dispatches: this.#dispatches,
      milliseconds: this.#milliseconds,
      hostMilliseconds: this.#hostMilliseconds,
      ...(ceilings && { ceilings }),
      kernels,
      trace: chromeTrace(device, this.#traced),
    };
  }
}

function kernelProfile(
  { work, count, milliseconds }: { work: Work; count: number; milliseconds: number },
  total: number,
  ceilings: Ceilings | undefined,
): KernelProfile {
  const perSecond = (amount: number): number => (milliseconds > 0 ? amount / milliseconds / 1e6 : 0);
  const [gbPerSecond, gflopPerSecond] = [perSecond(work.bytes), perSecond(work.flops)];
  return {
    ...work,
    count,
    milliseconds,
    gbPerSecond,
    gflopPerSecond,
    share: total > 0 ? milliseconds / total : 0,
    ...(ceilings && {
      ceilingShare: Math.max(gflopPerSecond / ceilings.gflopPerSecond, gbPerSecond / ceilings.gbPerSecond),
    }),
  };
}

/**
 * Runs as two tracks, the host's and the device's. The clocks of the two are set against each other so that no kernel
 * begins before it was submitted; by more they may still differ.
 */
function chromeTrace(device: string, runs: readonly TimedRun[]): ChromeTrace {
  let origin = Infinity;
  let shift = -Infinity;
  for (const { began, submitted, dispatches } of runs) {
    origin = Math.min(origin, began);
    if (dispatches[0]) shift = Math.max(shift, submitted - dispatches[0].begin);
  }
  const interval = (
    track: typeof HOST,
    name: string,
    [begin, end]: readonly [number, number],
    args: TraceEvent['args'],
  ): TraceEvent => ({
    name,
    ph: 'X',
    ...track,
    ts: microseconds(begin - origin),
    dur: microseconds(Math.max(0, end - begin)),
    args,
  });
  const named = (kind: string, track: typeof HOST, name: string): TraceEvent => ({
    name: kind,
    ph: 'M',
    ...track,
    args: { name },
  });
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      named('process_name', HOST, device),
      named('thread_name', HOST, 'host: encode and submit'),
      named('thread_name', DEVICE, 'device: kernels'),
      ...runs.flatMap(({ began, submitted, dispatches }, run) => [
        interval(HOST, 'submit', [began, submitted], { run, dispatches: dispatches.length }),
        ...dispatches.map(({ work, begin, end }) =>
          interval(DEVICE, work.label, [begin + shift, end + shift], {
            run,
            flops: work.flops,
            bytes: work.bytes,
          }),
        ),
      ]),
    ],
  };
}

/** Milliseconds as microseconds, to the nanosecond. */
function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1e6) / 1e3;
}
