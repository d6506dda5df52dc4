import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type StoredTensor, toFloat16, writeSafetensors } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordedWeights } from '../../test/lpips-golden.ts';
import { MetricWeightsError } from '../errors.ts';
import { LPIPS_FILES, readLpipsWeights } from './weights.ts';

/** The random heads, as PyTorch saved them. */
const heads = fileURLToPath(new URL('../../golden/lpips-heads.pth', import.meta.url));

let folder: string;
const weights = recordedWeights();
const stored: Record<string, StoredTensor> = {};

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lpips-'));
  for (const [name, value] of Object.entries(weights)) {
    stored[name] = { shape: [...value.shape], dtype: 'float32', data: await value.data() };
  }
});
afterAll(() => rm(folder, { recursive: true }));

async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

/** A safetensors file of these, and its hash. */
async function saved(
  name: string,
  tensors: Record<string, StoredTensor>,
): Promise<{ file: string; hash: string }> {
  const file = path.join(folder, `${name}.safetensors`);
  await writeSafetensors(file, tensors);
  return { file, hash: await sha256(file) };
}

const half = ({ shape, data }: StoredTensor): StoredTensor => ({
  shape,
  dtype: 'float16',
  data: Uint16Array.from(data, toFloat16),
});

describe('weights of LPIPS', () => {
  it('are read from both kinds of files, without what the network does not need', async () => {
    const classifier: StoredTensor = { shape: [2], dtype: 'float32', data: Float32Array.of(1, 2) };
    const backbone = await saved('backbone', { ...stored, 'classifier.6.bias': classifier });
    const read = await readLpipsWeights({
      backbone: backbone.file,
      heads,
      sha256: { backbone: backbone.hash, heads: await sha256(heads) },
    });
    expect(Object.keys(read)).toEqual(Object.keys(weights));
    for (const [name, value] of Object.entries(read)) {
      expect(value.shape, name).toEqual(weights[name]!.shape);
      const data = (await value.data()) as Float32Array;
      expect(
        Buffer.from(data.buffer, data.byteOffset, data.byteLength).equals(asBytes(stored[name]!)),
        name,
      ).toBe(true);
    }
  });

  it('are the published ones unless another hash is given', async () => {
    const hash = await sha256(heads);
    const reading = readLpipsWeights({ backbone: heads, heads });
    await expect(reading).rejects.toThrow(MetricWeightsError);
    await expect(reading).rejects.toThrow(
      `lpips: ${heads} has ${(await readFile(heads)).length} bytes and SHA-256 ${hash}, wanted ${LPIPS_FILES.backbone.sha256}`,
    );
    await expect(reading).rejects.toThrow(
      /as backbone give vgg16-397923af\.pth \(553433881 bytes\): .*https:\/\/download\.pytorch\.org\/models\/vgg16-397923af\.pth.*sha256\.backbone/,
    );
    const wrongHeads = readLpipsWeights({ backbone: heads, heads, sha256: { backbone: hash } });
    await expect(wrongHeads).rejects.toThrow(
      /wanted a78928a0.*as heads give vgg\.pth \(7289 bytes\): lpips\/weights/,
    );
  });

  it('are told by name where a file is not there', async () => {
    await expect(readLpipsWeights({ backbone: '/nowhere/vgg.pth', heads })).rejects.toThrow(
      /cannot read \/nowhere\/vgg\.pth; as backbone give vgg16-397923af\.pth/,
    );
  });

  it('must have the shapes of the network', async () => {
    const { file, hash } = await saved('short', { 'features.0.weight': stored['features.0.bias']! });
    const reading = readLpipsWeights({
      backbone: file,
      heads,
      sha256: { backbone: hash, heads: await sha256(heads) },
    });
    await expect(reading).rejects.toThrow(
      /wanted float32 \[64, 3, 3, 3\] as features\.0\.weight, got float32 \[64\]; as backbone give/,
    );
    const other = readLpipsWeights({
      backbone: heads,
      heads,
      sha256: { backbone: await sha256(heads), heads: hash },
    });
    await expect(other).rejects.toThrow(/SHA-256/);
  });

  it('may be halves, and must be tensors', async () => {
    const rest = Object.fromEntries(Object.entries(stored).filter(([name]) => name.startsWith('features.')));
    const first = 'features.0.bias';
    const { file, hash } = await saved('halves', { ...rest, [first]: half(stored[first]!) });
    const known = { backbone: hash, heads: await sha256(heads) };
    const read = await readLpipsWeights({ backbone: file, heads, sha256: known });
    const bias = (await read[first]!.data()) as Float32Array;
    stored[first]!.data.forEach((value, i) => expect(bias[i]).toBeCloseTo(value, 3));

    const itself = fileURLToPath(import.meta.url);
    const sources = { backbone: itself, heads, sha256: { ...known, backbone: await sha256(itself) } };
    await expect(readLpipsWeights(sources)).rejects.toThrow(
      /holds no weights that can be read: torch checkpoint: .*is neither of the forms/,
    );
  });
});

function asBytes({ data }: StoredTensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
