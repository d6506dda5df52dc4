/** What every run needs and must give back: a device and a data set. */
import { type ImageDataset, openDataset, type DatasetSpec } from '@immiscible/datasets';
import { type Device, openDevice } from '@immiscible/tensor-core';
import { type RunConfig } from '@immiscible/trainer';
import { colorsFor, type Io, printLine } from './io.ts';

/** Opens the device of a config, and closes it when `work` is done. @param threads over those of the config */
export async function withDevice<T>(
  config: { readonly device: RunConfig['device']; readonly threads?: number | undefined },
  threads: number | undefined,
  work: (device: Device) => Promise<T>,
): Promise<T> {
  const chosen = threads ?? config.threads;
  const device = await openDevice(config.device, chosen === undefined ? {} : { threads: chosen });
  try {
    return await work(device);
  } finally {
    await device.dispose();
  }
}

/** Opens the data of a config; corrupt images that were skipped are named on stderr. */
export async function openData(data: RunConfig['data'], io: Io): Promise<ImageDataset> {
  // Fields that were left out are absent, and not undefined, once zod has parsed them.
  const dataset = await openDataset(data as DatasetSpec);
  const skipped = dataset.skipped ?? [];
  if (skipped.length > 0) {
    const colors = colorsFor(io.stderr, io.env);
    printLine(io.stderr, colors.yellow(`${skipped.length} corrupt images were skipped:`));
    for (const { file, reason } of skipped.slice(0, 5)) printLine(io.stderr, `  ${file}: ${reason}`);
    if (skipped.length > 5) printLine(io.stderr, `  and ${skipped.length - 5} more`);
  }
  return dataset;
}

/** `16×16`, or `[3, 32, 32]` with colour */
export function imageSize({ channels, height, width }: ImageDataset): string {
  return `${height}×${width}${channels === 1 ? '' : ` in ${channels} channels`}`;
}
