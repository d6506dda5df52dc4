/** Where measurements outlive a process: one file for each adapter, in the user's cache folder. Browsers have none. */
import manifest from '../../../package.json' with { type: 'json' };
import { type AdapterDescription } from './adapters.ts';
import { inNode } from './dawn.ts';
import { TuningTable } from './tuning-table.ts';

/** What measurements hold for: the adapter, its driver, and the kernels of this version. */
export function tuningKey(adapter: AdapterDescription): string {
  const { name, backend, vendor, architecture, device, description } = adapter;
  return [name, backend, vendor, architecture, device, description, manifest.version].join(' | ');
}

/** The file of an adapter; undefined where there are no files. */
export function tuningPath(key: string): string | undefined {
  if (!inNode()) return undefined;
  const { IMMISCIBLE_CACHE, XDG_CACHE_HOME, HOME, USERPROFILE } = process.env;
  const home = HOME || USERPROFILE;
  const cache = XDG_CACHE_HOME || (home ? `${home}/.cache` : undefined);
  const folder = IMMISCIBLE_CACHE || (cache ? `${cache}/immiscible` : undefined);
  if (folder === undefined) return undefined;
  const name = key
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60);
  return `${folder}/tuning/${name}-${hash(key)}.json`;
}

/** What was read, and what kept a file that is there from being used. */
export interface ReadTuning {
  readonly table: TuningTable;
  readonly problem?: string;
}

/** Never throws: what cannot be read is measured again. */
export async function readTuning(path: string, key: string): Promise<ReadTuning> {
  const { readFile } = await import('node:fs/promises');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const missing = (error as { code?: string }).code === 'ENOENT';
    return {
      table: new TuningTable(),
      ...(missing ? {} : { problem: `it cannot be read: ${String(error)}` }),
    };
  }
  const parsed = TuningTable.parse(text, key);
  return parsed instanceof TuningTable ? { table: parsed } : { table: new TuningTable(), ...parsed };
}

/**
 * Replaces the file in one step. Another process may have measured meanwhile: what it found is kept.
 *
 * @returns what kept it from being written
 */
export async function writeTuning(
  path: string,
  key: string,
  table: TuningTable,
): Promise<string | undefined> {
  const { mkdir, rename, rm, writeFile } = await import('node:fs/promises');
  table.addFrom((await readTuning(path, key)).table);
  const partial = `${path}.${process.pid}.partial`;
  try {
    await mkdir(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    await writeFile(partial, table.toJson(key));
    await rename(partial, path);
    return undefined;
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    return `it cannot be written: ${String(error)}`;
  }
}

/** FNV-1a, 32 bits, as eight hexadecimal digits. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (const unit of text) value = Math.imul(value ^ unit.codePointAt(0)!, 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}
