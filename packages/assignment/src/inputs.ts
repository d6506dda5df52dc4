/**
 * What `assignNoise` accepts, brought into one form: flat float32 arrays, never copied and never written to.
 */
import { AssignmentError } from './errors.ts';
import { allFinite } from './measure.ts';

/**
 * Samples: a flat array (the batch size comes as an option), or anything with data and a shape whose first entry is
 * the batch, such as an ONNX Runtime tensor.
 */
export type Samples =
  | Float32Array
  | { readonly data: Float32Array; readonly shape: readonly number[] }
  | { readonly data: Float32Array; readonly dims: readonly number[] };

/** A batch of images with its noise: `x0` is [rows, dimensions], `noise` is [rows * perRow, dimensions]. */
export interface Batch {
  readonly x0: Float32Array;
  readonly noise: Float32Array;
  readonly rows: number;
  /** Noises drawn for each image: 1, or k for `nearest`; image i has rows i*k … i*k + k-1. */
  readonly perRow: number;
  readonly dimensions: number;
  /** The shape of x0; [rows, dimensions] for a flat array. */
  readonly shape: readonly number[];
}

export interface View {
  readonly data: Float32Array;
  readonly shape: readonly number[] | undefined;
}

/** Numbers in one of `images` images: where x0 cannot be shared evenly, {@link readBatch} says so. */
export function sampleLength(x0: Samples, images: number): number {
  return Math.floor(view('x0', x0).data.length / Math.max(1, images));
}

/**
 * @param batch the number of images; needed when x0 is a flat array
 * @param k noises for each image, or undefined to take what is there
 * @throws AssignmentError `invalid-size`, `not-finite`
 */
export function readBatch(
  x0: Samples,
  noise: Samples,
  batch: number | undefined,
  k: number | undefined,
): Batch {
  const images = view('x0', x0);
  const drawn = view('noise', noise);
  const rows = batch ?? images.shape?.[0] ?? drawn.shape?.[0];
  if (rows === undefined) {
    throw invalid('x0 is a flat array, which does not say how many images it holds; pass { batch: B }');
  }
  if (!Number.isSafeInteger(rows) || rows < 1) {
    throw invalid(`the batch must be a whole number from 1 on, got ${rows}`);
  }
  if (batch !== undefined && images.shape !== undefined && images.shape[0] !== batch) {
    throw invalid(`batch is ${batch}, but x0 has the shape [${images.shape.join(', ')}]; leave batch out`);
  }
  if (images.data.length === 0 || images.data.length % rows !== 0) {
    throw invalid(`x0 has ${images.data.length} numbers, which ${rows} images cannot share evenly`);
  }
  const dimensions = images.data.length / rows;
  const perRow = k ?? drawn.data.length / images.data.length;
  if (!Number.isSafeInteger(perRow) || perRow < 1 || drawn.data.length !== perRow * images.data.length) {
    const wanted =
      k === undefined
        ? `a whole multiple of x0's ${images.data.length} numbers`
        : `${k} for each image: ${k} × ${images.data.length} numbers`;
    throw invalid(`noise must hold ${wanted}, got ${drawn.data.length}`);
  }
  const first = drawn.shape?.[0];
  if (first !== undefined && first !== rows && first !== rows * perRow) {
    throw invalid(
      `noise has the shape [${drawn.shape?.join(', ')}], which does not begin with the batch, ${rows}`,
    );
  }
  checkFinite('x0', images.data, dimensions);
  checkFinite('noise', drawn.data, dimensions);
  return {
    x0: images.data,
    noise: drawn.data,
    rows,
    perRow,
    dimensions,
    shape: images.shape ?? [rows, dimensions],
  };
}

export function view(name: string, samples: Samples): View {
  if (samples instanceof Float32Array) return { data: samples, shape: undefined };
  const data: unknown = (samples as { data?: unknown } | null)?.data;
  if (!(data instanceof Float32Array)) {
    throw invalid(`${name} must be a Float32Array or have one as its data; copy the values into one`);
  }
  const shape = 'shape' in samples ? samples.shape : samples.dims;
  if (!Array.isArray(shape)) {
    throw invalid(`${name} has data but neither shape nor dims; pass its Float32Array and { batch: B }`);
  }
  const sizes = Array.from(shape, Number);
  if (sizes.reduce((product, size) => product * size, 1) !== data.length) {
    throw invalid(`${name} has the shape [${sizes.join(', ')}] but ${data.length} numbers`);
  }
  return { data, shape: sizes };
}

function checkFinite(name: string, data: Float32Array, dimensions: number): void {
  if (allFinite(data)) return;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  throw new AssignmentError(
    'not-finite',
    `assignNoise: ${name} must be finite, got ${data[bad]} in sample ${Math.floor(bad / dimensions)}, element ` +
      `${bad % dimensions}; look at what loaded or drew it`,
  );
}

function invalid(what: string): AssignmentError {
  return new AssignmentError('invalid-size', `assignNoise: ${what}`);
}
