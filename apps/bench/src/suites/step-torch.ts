/** PyTorch beside us: a Python process that takes the same training step whenever it is asked to. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What PyTorch computes in: `f32` with TF32 off, `tf32` on, `f16` by autocast with loss scaling. */
export type TorchMode = 'f32' | 'tf32' | 'f16';

/** What the Python side is told about the step. */
export interface TorchSettings {
  readonly device: 'cpu' | 'cuda';
  readonly mode: TorchMode;
  readonly model: Readonly<Record<string, unknown>>;
  /** [B, C, H, W] */
  readonly shape: readonly number[];
  readonly threads: number;
  readonly learningRate: number;
}

export interface TorchStepper {
  readonly version: string;
  readonly parameters: number;
  /** Takes one step; its milliseconds. */
  step(): Promise<number>;
  close(): void;
}

/** Where the script lies, from sources and from dist alike. */
const SCRIPTS = ['../../assets/step.py', '../assets/step.py'];

/**
 * Starts PyTorch.
 *
 * @param python the interpreter
 * @returns the stepper, or why there is none, in words
 */
export async function startTorch(python: string, settings: TorchSettings): Promise<TorchStepper | string> {
  const script = SCRIPTS.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) =>
    existsSync(path),
  );
  if (script === undefined) return 'its script is missing from this installation';
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => (complaint = (complaint + text.toString()).slice(-2000)));
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = new Promise<undefined>((resolve) => child.once('error', () => resolve(undefined)));
  const answer = async <T>(): Promise<T | undefined> => {
    const line = await Promise.race([lines.next(), failed]);
    return line === undefined || line.done === true ? undefined : (JSON.parse(line.value) as T);
  };
  child.stdin.write(`${JSON.stringify(settings)}\n`);
  const hello = await answer<{ torch: string; parameters: number } | { unavailable: string }>();
  if (!hello) {
    const last = complaint.trim().split('\n').at(-1) ?? '';
    return `${python} cannot run PyTorch and diffusers${last === '' ? '' : ` (${last})`}`;
  }
  if ('unavailable' in hello) {
    child.stdin.end();
    return hello.unavailable;
  }
  return {
    version: hello.torch,
    parameters: hello.parameters,
    async step() {
      child.stdin.write('step\n');
      const result = await answer<{ milliseconds: number }>();
      if (!result) throw new Error(`PyTorch stopped during a step: ${complaint.trim()}`);
      return result.milliseconds;
    },
    close: () => child.stdin.end(),
  };
}
