/** What every run needs and must give back: a device and a data set. */
import { type ImageDataset, openDataset } from '@immiscible/datasets';
import { type CompileProgress, type Device, DeviceError, openDevice } from '@immiscible/tensor-core';
import { type RunConfig } from '@immiscible/trainer';
import { UsageError } from './errors.ts';
import { colorsFor, type Io, printLine } from './io.ts';

/** What a config says of the device, or flags that stand over it. */
interface DeviceChoice {
  readonly device?: RunConfig['device'] | undefined;
  readonly threads?: number | undefined;
}

/** What only flags say. */
interface DeviceFlags extends DeviceChoice {
  /** Measure variants of kernels that have not been measured on this adapter. */
  readonly tune?: true;
  readonly onProgress?: (progress: CompileProgress) => void;
}

/**
 * Opens the device of a config, and closes it when `work` is done.
 *
 * @param flags over the config
 * @throws UsageError where there is no such device
 */
export async function withDevice<T>(
  config: DeviceChoice,
  flags: DeviceFlags,
  work: (device: Device) => Promise<T>,
): Promise<T> {
  const name = flags.device ?? config.device ?? 'auto';
  const threads = flags.threads ?? config.threads;
  const device = await openDevice(name, {
    ...(threads === undefined ? {} : { threads }),
    ...(flags.tune ? { tune: 'measure' } : {}),
    ...(flags.onProgress ? { onProgress: flags.onProgress } : {}),
  }).catch((error: unknown) => {
    if (error instanceof DeviceError && name !== 'auto') {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  });
  try {
    return await work(device);
  } finally {
    await device.dispose();
  }
}

/** Opens the data of a config; corrupt images that were skipped are named on stderr. */
export async function openData(data: RunConfig['data'], io: Io): Promise<ImageDataset> {
  const dataset = await openDataset(data);
  const skipped = dataset.skipped ?? [];
  if (skipped.length > 0) {
    const colors = colorsFor(io.stderr, io.env);
    printLine(io.stderr, colors.yellow(`${skipped.length} corrupt images were skipped:`));
    for (const { file, reason } of skipped.slice(0, 5)) printLine(io.stderr, `  ${file}: ${reason}`);
    if (skipped.length > 5) printLine(io.stderr, `  and ${skipped.length - 5} more`);
  }
  return dataset;
}

/** `16×16`, or `32×32 in 3 channels` */
export function imageSize({
  channels,
  height,
  width,
}: Pick<ImageDataset, 'channels' | 'height' | 'width'>): string {
  return `${height}×${width}${channels === 1 ? '' : ` in ${channels} channels`}`;
}
