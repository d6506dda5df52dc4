/** Starts `children/train.ts` on the sources, and reads what it prints. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { type RunConfig } from '../src/config.ts';
import { temporaryFolder } from './tiny.ts';

/** One line of the child's. */
export interface ChildLine {
  readonly step?: number;
  readonly loss?: number;
  readonly name?: string;
  readonly message?: string;
}

export interface ChildResult {
  readonly lines: readonly ChildLine[];
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

const root = join(import.meta.dirname, '..');
const script = join(import.meta.dirname, 'children', 'train.ts');

/**
 * Trains in another process until it ends.
 *
 * @param options.onLine is told every line at once, and may kill the child
 * @param options.fileBlocks the largest file that the child may write, in blocks of 512 bytes
 */
export async function trainInChild(
  folder: string,
  config: RunConfig,
  options: { onLine?: (line: ChildLine, child: ChildProcess) => void; fileBlocks?: number } = {},
): Promise<ChildResult> {
  const file = join(await temporaryFolder(), 'config.json');
  await writeFile(file, JSON.stringify(config));
  const node = [process.execPath, '--conditions=@immiscible/source', '--import', 'tsx', script, folder, file];
  const { fileBlocks, onLine } = options;
  const [command, ...args] =
    fileBlocks === undefined ? node : ['sh', '-c', `ulimit -f ${fileBlocks} && exec "$0" "$@"`, ...node];
  const child = spawn(command!, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    // What tsx keeps of its work would fall under the limit on files too.
    env: { ...process.env, TSX_DISABLE_CACHE: '1' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const lines: ChildLine[] = [];
  const ended = new Promise<Pick<ChildResult, 'code' | 'signal'>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  for await (const text of createInterface(child.stdout)) {
    const line = JSON.parse(text) as ChildLine;
    lines.push(line);
    onLine?.(line, child);
  }
  return { lines, stderr, ...(await ended) };
}
