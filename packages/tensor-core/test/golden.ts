/** Reads the recordings in `golden/` (see its README) and measures how far a value is from one. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type HostArray, readSafetensors, type StoredTensor } from '../src/index.ts';

function goldenPath(name: string): string {
  return fileURLToPath(new URL(`../../../golden/${name}`, import.meta.url));
}

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T;
}

export async function goldenTensors(name: string): Promise<Record<string, StoredTensor>> {
  return (await readSafetensors(goldenPath(name))).tensors;
}

/** max |value − reference| / max |reference|; max |value| where the reference is all zero. */
export function relativeError(value: HostArray, reference: HostArray): number {
  if (value.length !== reference.length) return Infinity;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < reference.length; i++) {
    const d = Math.abs(value[i]! - reference[i]!);
    if (!(d <= difference)) difference = Number.isNaN(d) ? Infinity : d;
    scale = Math.max(scale, Math.abs(reference[i]!));
  }
  return scale > 0 ? difference / scale : difference;
}
