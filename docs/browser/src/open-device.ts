/** The GPU of this browser, or what to do where it shows none. */
import { type Device, DeviceError, openDevice } from '@immiscible/tensor-core';

/** Where there is no WebGPU at all, the message says where there is. */
class NoWebGpuError extends Error {
  override readonly name = 'NoWebGpuError';
}

export interface OpenedDevice {
  readonly device: Device;
  /** A CPU that plays a GPU: slow, and taken only where there is nothing else. */
  readonly software: boolean;
}

const BROWSERS =
  'Chrome and Edge have it from version 113 (Android: 121), Safari from 26, Firefox from 141 (Windows) and 145 (macOS). ' +
  'In Chrome on Linux, switch on chrome://flags/#enable-unsafe-webgpu and chrome://flags/#enable-vulkan.';

/**
 * Opens the hardware adapter; where there is none, a software adapter.
 *
 * @throws NoWebGpuError where the browser has no WebGPU or hides it from this page, DeviceError where it has no adapter
 */
export async function openAnyDevice(): Promise<OpenedDevice> {
  if (!isSecureContext) {
    throw new NoWebGpuError(
      `Browsers show WebGPU to pages from https and from localhost only; this one came from ${location.origin}. Serve it on this machine: npm run demo:browser`,
    );
  }
  if (!('gpu' in navigator)) throw new NoWebGpuError(`This browser has no WebGPU. ${BROWSERS}`);
  try {
    return { device: await openDevice('webgpu'), software: false };
  } catch (noHardware) {
    if (!(noHardware instanceof DeviceError)) throw noHardware;
    try {
      return { device: await openDevice('webgpu:software'), software: true };
    } catch (noSoftware) {
      if (!(noSoftware instanceof DeviceError)) throw noSoftware;
      throw new NoWebGpuError(`This browser has WebGPU, but gives no adapter. ${BROWSERS}`, {
        cause: noHardware,
      });
    }
  }
}
