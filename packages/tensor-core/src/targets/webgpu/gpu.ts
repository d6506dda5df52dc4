/** An open GPU: what was asked of it, what went wrong on it, and how it ends. */
import { DeviceError, DeviceLostError } from '../../errors.ts';
import {
  type AdapterChoice,
  type AdapterDescription,
  chooseAdapter,
  describeAdapter,
  findAdapters,
  type FoundAdapter,
} from './adapters.ts';
import { openDawn } from './dawn.ts';
import { beginPatience } from './patience.ts';

/** An open GPU device and what is known of it. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterDescription;
  /** Played by the CPU: lavapipe, SwiftShader, WARP. */
  readonly software: boolean;
  /** Optional features that the device has, all of which were asked for. */
  readonly features: { readonly f16: boolean; readonly subgroups: boolean; readonly timestamps: boolean };
  /**
   * Throws the first error that WebGPU reported since the last call: an invalid call, too little memory, a lost device.
   * Dawn reports at once, browsers a little later.
   *
   * @throws DeviceError whose message quotes the labels of what failed; DeviceLostError, again on every call
   */
  check(): void;
  /** Resolves when the device is lost other than by `close()`; else never. */
  readonly lost: Promise<DeviceLostError>;
  /** Frees the device and everything on it, once. */
  close(): void;
}

/** Limits that kernels live by, asked for at the adapter's maximum: the defaults are those of the smallest phone. */
const LIMITS = [
  'maxBindingsPerBindGroup',
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxUniformBufferBindingSize',
] as const;

const FEATURES = { f16: 'shader-f16', subgroups: 'subgroups', timestamps: 'timestamp-query' } as const;

/**
 * Opens a GPU.
 *
 * @param name `auto` or `webgpu` (hardware only), `webgpu:software`, `webgpu:null` (Dawn's backend that computes nothing,
 *   to measure the host's share; `webgpu:null:software` gets the kernels of software adapters), or part of an adapter's
 *   name
 * @throws DeviceError where there is none that fits, or the driver refuses
 */
export async function openGpu(name: string): Promise<Gpu> {
  const found =
    name === 'webgpu:null' || name === 'webgpu:null:software'
      ? await nullAdapter(name.endsWith('software'))
      : chooseAdapter(await findAdapters(), choiceOf(name));
  return openAdapter(found);
}

function choiceOf(name: string): AdapterChoice {
  if (name === 'auto' || name === 'webgpu') return 'hardware';
  return name === 'webgpu:software' ? 'software' : { name };
}

async function nullAdapter(software: boolean): Promise<FoundAdapter> {
  const entry = await openDawn({ backend: 'null' });
  const adapter = await entry?.requestAdapter();
  if (!entry || !adapter)
    throw new DeviceError('openDevice: "webgpu:null" is a part of Dawn, and wants Node');
  return { entry, adapter, description: { ...describeAdapter(adapter, 'null', 'null'), software } };
}

/** Opens an adapter that was found. @throws DeviceError where its driver refuses */
export async function openAdapter({ entry, adapter, description }: FoundAdapter): Promise<Gpu> {
  const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  const requiredFeatures = Object.values(FEATURES).filter((feature) => adapter.features.has(feature));
  const endPatience = description.software ? beginPatience() : () => undefined;
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ label: 'immiscible', requiredFeatures, requiredLimits });
  } catch (error) {
    endPatience();
    throw new DeviceError(`openDevice: "${description.name}" gives no device: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return new OpenGpu({ entry, device, description, endPatience });
}

interface OpenGpuParts {
  readonly entry: GPU;
  readonly device: GPUDevice;
  readonly description: AdapterDescription;
  readonly endPatience: () => void;
}

class OpenGpu implements Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterDescription;
  readonly software: boolean;
  readonly features: Gpu['features'];
  readonly lost: Promise<DeviceLostError>;
  /** Dawn ends with the entry that it was opened by, so it is held as long as the device is. */
  readonly entry: GPU;
  readonly #endPatience: () => void;
  #reported: DeviceError | undefined;
  #lostError: DeviceLostError | undefined;
  #open = true;

  constructor({ entry, device, description, endPatience }: OpenGpuParts) {
    this.entry = entry;
    this.device = device;
    this.adapter = description;
    this.software = description.software;
    this.features = {
      f16: device.features.has(FEATURES.f16),
      subgroups: device.features.has(FEATURES.subgroups),
      timestamps: device.features.has(FEATURES.timestamps),
    };
    this.#endPatience = endPatience;
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.#reported ??= reportedError(event.error);
    });
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ message }) => {
        if (!this.#open) return;
        this.#lostError = lostError(description, message);
        endPatience();
        resolve(this.#lostError);
      });
    });
  }

  check(): void {
    if (this.#lostError) throw this.#lostError;
    const reported = this.#reported;
    this.#reported = undefined;
    if (reported) throw reported;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.device.destroy();
    this.#endPatience();
  }
}

function reportedError(error: GPUError): DeviceError {
  if (error.constructor.name === 'GPUOutOfMemoryError') {
    return new DeviceError(
      `WebGPU is out of memory: ${error.message.trim()} Use a smaller batch, or "cpu", whose memory is the machine's`,
    );
  }
  return new DeviceError(`WebGPU refused a call: ${error.message.trim()}`);
}

function lostError({ name }: AdapterDescription, message: string): DeviceLostError {
  return new DeviceLostError(
    `the GPU "${name}" was lost (${message.trim() || 'its driver gives no reason'}), and all that was on it; open a device again and resume from the last checkpoint. If it happens again, use a smaller batch or "cpu"`,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
