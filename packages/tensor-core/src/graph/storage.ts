/**
 * A concrete value: on the host, on devices, or both. Shared by all handles on it; disposed once.
 */
import { type HostArray } from '../dtype.ts';
import { DisposedError } from '../errors.ts';
import { type Buffer, type Target } from '../targets/target.ts';
import { type TensorType } from './node.ts';

export class Storage {
  readonly type: TensorType;
  #host: HostArray | undefined;
  readonly #buffers = new Map<Target, Buffer>();
  #gone: string | undefined;

  private constructor(type: TensorType) {
    this.type = type;
  }

  static fromHost(type: TensorType, host: HostArray): Storage {
    const storage = new Storage(type);
    storage.#host = host;
    return storage;
  }

  static fromBuffer(target: Target, buffer: Buffer): Storage {
    const storage = new Storage(buffer.type);
    storage.#buffers.set(target, buffer);
    return storage;
  }

  get disposed(): boolean {
    return this.#gone !== undefined;
  }

  /** The elements where they are on the host already. */
  get host(): HostArray | undefined {
    return this.#host;
  }

  #check(): void {
    if (this.#gone !== undefined)
      throw new DisposedError(`this tensor was ${this.#gone}; keep the newer handle, or copy it before`);
  }

  /** The elements, read back from the device where they are only there. */
  async read(): Promise<HostArray> {
    this.#check();
    if (this.#host) return this.#host;
    for (const buffer of this.#buffers.values()) return buffer.read();
    throw new DisposedError('this tensor holds no data');
  }

  /** The buffer on `target`, uploaded on first use. */
  async on(target: Target): Promise<Buffer> {
    this.#check();
    const held = this.#buffers.get(target);
    if (held) return held;
    const buffer = target.upload(await this.read(), this.type);
    this.#buffers.set(target, buffer);
    return buffer;
  }

  /** Gives the buffer on `target` away: afterwards this value is gone. */
  donate(target: Target): void {
    this.#check();
    for (const [other, buffer] of this.#buffers) if (other !== target) buffer.dispose();
    this.#buffers.clear();
    this.#host = undefined;
    this.#gone = 'donated to a compiled function';
  }

  /** Frees host and device memory; doing it twice is no error. */
  dispose(): void {
    if (this.#gone !== undefined) return;
    for (const buffer of this.#buffers.values()) buffer.dispose();
    this.#buffers.clear();
    this.#host = undefined;
    this.#gone = 'disposed';
  }
}
