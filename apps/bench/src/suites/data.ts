/**
 * How long the data takes: opening a set once, then loading batch after batch.
 *
 * A batch is timed as a training loop meets it: shuffled, flipped, normalised to float32, into arrays that are used
 * again. The batches span more than an epoch, so `maxMs` includes drawing a new order.
 */
import { createLoader, type ImageDataset, memoryDataset, openDataset } from '@immiscible/datasets';

/** Options of `runDataBench`. */
export interface DataBenchOptions {
  /** CIFAR-10 folder or archive. Absent: as many generated images of the same shape. */
  readonly cifar10?: string;
  /** A folder of images, decoded lazily at 64×64, to be measured too. */
  readonly imageFolder?: string;
  /** Default 128. */
  readonly batchSize?: number;
  /** Timed batches of each set in memory. Default 500. */
  readonly batches?: number;
  /** Images to generate where there is no CIFAR-10. Default 50,000. */
  readonly generated?: number;
  readonly seed?: number;
}

/** One set. Times in milliseconds. */
export interface DataBenchRow {
  readonly set: string;
  /** `[C, H, W]` as text. */
  readonly shape: string;
  readonly images: number;
  readonly batchSize: number;
  readonly batches: number;
  /** Reading, checking and decoding, once. */
  readonly openMs: number;
  /** Of one batch, once warm. */
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  /** From the median. */
  readonly imagesPerSecond: number;
}

/** What the suite measured. Plain JSON. */
export interface DataBenchReport {
  readonly suite: 'data';
  readonly node: string;
  readonly rows: readonly DataBenchRow[];
}

const WARM_UP = 30;
const CIFAR_SHAPE = { channels: 3, height: 32, width: 32 } as const;

/**
 * Measures Fashion-MNIST and CIFAR-10 (or a stand-in of its size), and an image folder if one is given.
 *
 * @throws DatasetError if a given path is not what it should be, or holds fewer images than a batch
 */
export async function runDataBench(options: DataBenchOptions = {}): Promise<DataBenchReport> {
  const { cifar10, imageFolder, batchSize = 128, batches = 500, generated = 50_000, seed = 0 } = options;
  const inMemory: (() => Promise<ImageDataset>)[] = [
    () => openDataset({ kind: 'fashion-mnist', split: 'train' }),
    () => openDataset({ kind: 'fashion-mnist', split: 'train', size: 16 }),
    cifar10 === undefined
      ? async () => generateCifarShaped(generated)
      : () => openDataset({ kind: 'cifar10', path: cifar10, split: 'train' }),
  ];
  const rows: DataBenchRow[] = [];
  for (const open of inMemory) rows.push(await measure(open, batchSize, batches, WARM_UP, seed));
  if (imageFolder !== undefined) {
    const lazily = () => openDataset({ kind: 'image-folder', path: imageFolder, size: 64, decode: 'lazy' });
    rows.push(await measure(lazily, batchSize, Math.ceil(batches / 25), 2, seed));
  }
  return { suite: 'data', node: process.version, rows };
}

async function measure(
  open: () => Promise<ImageDataset>,
  batchSize: number,
  batches: number,
  warmUp: number,
  seed: number,
): Promise<DataBenchRow> {
  const opening = performance.now();
  const dataset = await open();
  const openMs = performance.now() - opening;
  const loader = createLoader(dataset, { batchSize, seed, flip: true });
  const buffers = loader.buffers();
  const times: number[] = [];
  for (let i = 0; i < warmUp + batches; i++) {
    const start = performance.now();
    await loader.next(buffers);
    if (i >= warmUp) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const quantile = (q: number): number =>
    times[Math.min(Math.floor(q * times.length), times.length - 1)] ?? NaN;
  return {
    set: dataset.name,
    shape: `[${dataset.channels}, ${dataset.height}, ${dataset.width}]`,
    images: dataset.length,
    batchSize,
    batches,
    openMs,
    medianMs: quantile(0.5),
    p95Ms: quantile(0.95),
    maxMs: quantile(1),
    imagesPerSecond: (1000 * batchSize) / quantile(0.5),
  };
}

/** Bytes without structure in CIFAR-10's shape and number: the loader's work does not depend on what they show. */
function generateCifarShaped(length: number): ImageDataset {
  const { channels, height, width } = CIFAR_SHAPE;
  const images = new Uint8Array(length * channels * height * width);
  for (let i = 0; i < images.length; i++) images[i] = Math.imul(i, 0x9e3779b1) >>> 24;
  return memoryDataset({
    ...CIFAR_SHAPE,
    name: 'generated, in the shape of cifar-10',
    images,
    labels: Uint8Array.from({ length }, (_, i) => i % 10),
    provenance: { source: 'generated', hashes: {}, operations: [] },
  });
}
