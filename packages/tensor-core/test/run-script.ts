/** Runs a module in a Node process of its own, on this package's sources. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/**
 * What the module printed. It resolves imports as a file in the package's folder would.
 *
 * @param flags for Node
 * @throws an Error with the process's standard error where it fails or does not end within 50 seconds
 */
export async function runScript(source: string, flags: readonly string[] = []): Promise<string> {
  const options = [
    '--conditions=@immiscible/source',
    '--import',
    tsx,
    '--input-type=module',
    '--eval',
    source,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, ...options], {
    cwd: root,
    timeout: 50_000,
  });
  return stdout;
}
