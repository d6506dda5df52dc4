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

  /** Throws DisposedError where the value is gone. */
  check(): void {
    if (this.#gone !== undefined)
      throw new DisposedError(`this tensor was ${this.#gone}; keep the newer handle, or copy it before`);
  }

  /** The elements, read back from the device where they are only there. */
  async read(): Promise<HostArray> {
    this.check();
    if (this.#host) return this.#host;
    for (const buffer of this.#buffers.values()) return buffer.read();
    throw new DisposedError('this tensor holds no data');
  }

  /** The buffer on `target`, uploaded on first use. */
  async on(target: Target): Promise<Buffer> {
    this.check();
    const held = this.#buffers.get(target);
    if (held) return held;
    const data = await this.read();
    this.check();
    const buffer = this.#buffers.get(target) ?? target.upload(data, this.type);
    this.#buffers.set(target, buffer);
    return buffer;
  }

  /** Gives up the buffer on `target`, which must be there: the value is gone unless `giveBack` is called. */
  donate(target: Target): void {
    this.check();
    for (const [other, buffer] of this.#buffers) if (other !== target) buffer.dispose();
    this.#buffers.clear();
    this.#host = undefined;
    this.#gone = 'donated to a compiled function';
  }

  /** Takes back a donated buffer that was not consumed. */
  giveBack(target: Target, buffer: Buffer): void {
    if (this.#gone === 'disposed') {
      buffer.dispose();
      return;
    }
    this.#buffers.set(target, buffer);
    this.#gone = undefined;
  }

  /** Frees host and device memory; doing it twice is no error. */
  dispose(): void {
    for (const buffer of this.#buffers.values()) buffer.dispose();
    this.#buffers.clear();
    this.#host = undefined;
    this.#gone = 'disposed';
  }
}
