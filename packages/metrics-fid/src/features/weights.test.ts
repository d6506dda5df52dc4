import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { encodeSafetensors } from '@immiscible/tensor-core';
import { expect, it, onTestFinished } from 'vitest';
import { MetricWeightsError } from '../errors.ts';
import { loadWeights } from './weights.ts';

/** A file with `scale` [2] and a note, and its hash. */
async function stored(): Promise<{ url: URL; sha256: string; file: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weights-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'w.safetensors');
  const bytes = Buffer.concat(
    encodeSafetensors(
      { scale: { shape: [2], dtype: 'float32', data: Float32Array.of(1, -2) } },
      { note: 'tiny' },
    ),
  );
  await writeFile(file, bytes);
  return { url: pathToFileURL(file), sha256: createHash('sha256').update(bytes).digest('hex'), file };
}

it('reads tensors and metadata', async () => {
  const { url, sha256 } = await stored();
  const { parameters, metadata } = await loadWeights(url, sha256, { scale: [2] });
  expect(await parameters['scale']?.data()).toEqual(Float32Array.of(1, -2));
  expect(metadata).toEqual({ note: 'tiny' });
});

it('refuses a file that one bit was changed in', async () => {
  const { url, sha256, file } = await stored();
  const bytes = await readFile(file);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(file, bytes);
  const loading = loadWeights(url, sha256, { scale: [2] });
  await expect(loading).rejects.toThrow(MetricWeightsError);
  await expect(loading).rejects.toThrow(new RegExp(`wanted ${sha256}; other weights give other distances`));
});

it('refuses a file that is not there, saying which', async () => {
  const { sha256 } = await stored();
  const loading = loadWeights(new URL('file:///nowhere/w.safetensors'), sha256, {});
  await expect(loading).rejects.toThrow(/cannot read .*w\.safetensors; install/);
});

it('refuses tensors that the network does not have, or not in that shape', async () => {
  const { url, sha256 } = await stored();
  await expect(loadWeights(url, sha256, { scale: [3] })).rejects.toThrow(
    /wanted float32 \[3\] as scale, got float32 \[2\]/,
  );
  await expect(loadWeights(url, sha256, { scale: [2], shift: [2] })).rejects.toThrow(
    /float32 \[2\] as shift, got nothing/,
  );
  await expect(loadWeights(url, sha256, {})).rejects.toThrow(/wanted no scale, got float32 \[2\]/);
});
