/** Times runs of programs on the CPU; what the runtime spends on each operator stays its own. */
import { type Profiler, ProfileRecorder, type ProfileReport } from '../../profile.ts';

const NOTE =
  'On the CPU a program is one call of ONNX Runtime: whole runs were timed, and there are no times, bytes or FLOPs of single kernels, and no ceilings.';

export class RunProfiler implements Profiler {
  readonly #device: string;
  #recorder = new ProfileRecorder();
  #recording = false;

  /** @param device for people: what is measured */
  constructor(device: string) {
    this.#device = device;
  }

  start(): void {
    this.#recorder = new ProfileRecorder();
    this.#recording = true;
  }

  stop(): void {
    this.#recording = false;
  }

  /** A run that is over. @param began by `performance.now()` @param called when the runtime was called */
  ran(label: string, began: number, called: number): void {
    if (!this.#recording) return;
    const run = { work: { label, flops: 0, bytes: 0 }, begin: called, end: performance.now() };
    this.#recorder.add({ began, submitted: called, dispatches: [run] });
  }

  async report(): Promise<ProfileReport> {
    return this.#recorder.report(this.#device, 'runs', [NOTE]);
  }
}
