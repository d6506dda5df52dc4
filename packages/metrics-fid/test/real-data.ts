/** Real images for the tests that compare with published anchors; absent on most machines, and then those tests are skipped. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type FeatureMatrix } from '../src/feature-matrix.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const shared = process.env['IMMISCIBLE_SHARED'] ?? path.resolve(root, '../shared');
const anchorsFile = path.join(shared, 'data/anchors.json');
const cifar = process.env['IMMISCIBLE_CIFAR10'];

export const haveAnchors = existsSync(anchorsFile);
/** MNIST's 70,000 × 784 pixels take a quarter of a minute, so they are asked for by name. */
export const haveMnist = haveAnchors && process.env['IMMISCIBLE_SLOW_TESTS'] === '1';
export const haveCifar = haveAnchors && cifar !== undefined && existsSync(path.join(cifar, 'test_batch.bin'));

interface Anchors {
  readonly cifar10_pool8x8x3_192d_train50k_vs_test10k: readonly number[];
  readonly cifar10_pool192_test_first5000_vs_last5000: readonly number[];
  readonly randn_RandomState2023_N_C: Readonly<Record<string, readonly number[]>>;
  readonly 'kid_poly3_cifar_pool192_div255_train[:1000]_vs_test[:1000]_one_block': number;
  readonly 'prdc_k5_pool192_div255_real=train[:1000]_fake=test[:1000]': Readonly<Record<string, number>>;
}

export function anchors(): Anchors {
  return JSON.parse(readFileSync(anchorsFile, 'utf8')) as Anchors;
}

/** MNIST's pixels, 0 to 255, [N, 784]. */
export function mnistPixels(name: 'train' | 't10k'): FeatureMatrix {
  const file = path.join(shared, `data/mnist/${name}-images-idx3-ubyte.gz`);
  return { data: Float64Array.from(gunzipSync(readFileSync(file)).subarray(16)), dimension: 784 };
}

/** CIFAR-10 average-pooled to 8 × 8, 0 to 255, [N, 192]. */
export function cifarPooled(files: readonly string[]): FeatureMatrix {
  const batches = files.map((file) => readFileSync(path.join(cifar ?? '', `${file}.bin`)));
  const images = batches.reduce((sum, bytes) => sum + bytes.length / 3073, 0);
  const data = new Float64Array(images * 192);
  let image = 0;
  for (const bytes of batches) {
    for (let from = 1; from < bytes.length; from += 3073, image++) {
      for (let i = 0; i < 3072; i++) {
        const [channel, y, x] = [i >> 10, (i >> 5) & 31, i & 31];
        data[image * 192 + channel * 64 + (y >> 2) * 8 + (x >> 2)]! += bytes[from + i]! / 16;
      }
    }
  }
  return { data, dimension: 192 };
}

export const cifarTrain = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`);
