/**
 * The folder of a run: `config.json` and `environment.json`, written before the first step, `log.jsonl`, `checkpoints/`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Device } from '@immiscible/tensor-core';
import { writeFileAtomic } from './atomic.ts';
import { parseRunConfig, type RunConfig } from './config.ts';
import { CheckpointError } from './errors.ts';

/** What a result was made with. */
export interface Environment {
  readonly device: string;
  readonly processor: string;
  readonly node: string;
  readonly platform: string;
  /** of the packages that decide numbers */
  readonly versions: Readonly<Record<string, string>>;
}

const OWN_NAME = '@immiscible/trainer';
const BELOW = ['tensor-core', 'models', 'schedulers', 'assignment', 'datasets', 'metrics-fid', 'random'];
const require = createRequire(import.meta.url);

/** The version in a package's manifest, which packages do not export: it is looked for where Node looks for packages. */
function versionOf(name: string): string {
  const manifests =
    name === OWN_NAME
      ? [fileURLToPath(new URL('../package.json', import.meta.url))]
      : (require.resolve.paths(name) ?? []).map((folder) => join(folder, name, 'package.json'));
  const found = manifests.find((path) => existsSync(path));
  return found ? (JSON.parse(readFileSync(found, 'utf8')) as { version: string }).version : 'unknown';
}

/** Describes this machine and these packages. */
export function describeEnvironment(device: Device): Environment {
  return {
    device: `${device.name}: ${device.description}`,
    processor: cpus()[0]?.model ?? 'unknown',
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    versions: Object.fromEntries(
      [OWN_NAME, ...BELOW.map((name) => `@immiscible/${name}`)].map((name) => [name, versionOf(name)]),
    ),
  };
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}

/** True where `folder` holds a run. */
export function isRun(folder: string): Promise<boolean> {
  return exists(join(folder, 'config.json'));
}

/**
 * Makes the folder of a new run.
 *
 * @throws CheckpointError where there is a run already
 */
export async function createRunDir(
  folder: string,
  config: RunConfig,
  environment: Environment,
): Promise<void> {
  if (await isRun(folder)) {
    throw new CheckpointError(`${folder} holds a run already; resume it, or give this one another name`);
  }
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, 'environment.json'), `${JSON.stringify(environment, null, 2)}\n`);
  await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

/** The config of the run in `folder`. @throws CheckpointError, ConfigError */
export async function readRunConfig(folder: string): Promise<RunConfig> {
  const path = join(folder, 'config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new CheckpointError(`${folder} holds no run: ${path} cannot be read; start it without resuming`, {
      cause: error,
    });
  }
  try {
    return parseRunConfig(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new CheckpointError(`${path} is damaged: ${error.message}`, { cause: error });
    throw error;
  }
}
