/** Where two configs differ: a run that is continued under another config would be a third run that nobody asked for. */
import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from './errors.ts';

/** The first field in which two plain values differ, as `path: was …, is …`; undefined where they are the same. */
function difference(was: unknown, is: unknown, path: string): string | undefined {
  if (isDeepStrictEqual(was, is)) return undefined;
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isRecord(was) && isRecord(is)) {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const found = difference(was[key], is[key], path === '' ? key : `${path}.${key}`);
      if (found) return found;
    }
  }
  return `${path}: was ${JSON.stringify(was)}, is ${JSON.stringify(is)}`;
}

/** @throws ConfigError that names the first field in which `given` is not what `folder` was begun with */
export function checkSameConfig(folder: string, held: object, given: object): void {
  const plain = (value: object): unknown => JSON.parse(JSON.stringify(value));
  const found = difference(plain(held), plain(given), '');
  if (found) {
    throw new ConfigError(
      `${folder} was begun with another config (${found}); continue it with its own, or choose another folder`,
    );
  }
}
