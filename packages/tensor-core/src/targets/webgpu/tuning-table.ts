/** Which variant of a kernel is the fastest for which shape: what was measured on one adapter, as JSON. */

/** What was measured for one family and shape. */
export interface Measurement {
  /** The fastest, or the first where none is clearly faster. */
  readonly variant: string;
  /** Microseconds of each variant that was tried, by name. */
  readonly microseconds: Readonly<Record<string, number>>;
  /** Variants that this adapter does not take. */
  readonly failed: readonly string[];
}

/** Changes when the file's structure does. */
const FORMAT = 1;

/** A file that cannot be used: it is left out, and this is said. */
export interface Refused {
  readonly problem: string;
}

export class TuningTable {
  readonly #entries: Map<string, Measurement>;

  constructor(entries: Iterable<readonly [string, Measurement]> = []) {
    this.#entries = new Map(entries);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The position of the fastest of `names`; undefined where that has not been measured, or not among these. */
  fastest(key: string, names: readonly string[]): number | undefined {
    const measured = this.#entries.get(key);
    if (!measured) return undefined;
    const at = names.indexOf(measured.variant);
    return at < 0 ? undefined : at;
  }

  set(key: string, measurement: Measurement): void {
    this.#entries.set(key, measurement);
  }

  /** What `other` holds is added; where both know a key, this table's own stays. */
  addFrom(other: TuningTable): void {
    for (const [key, measurement] of other.#entries) {
      if (!this.#entries.has(key)) this.#entries.set(key, measurement);
    }
  }

  /** @param adapter what the measurements hold for: adapter, driver and version of this package */
  toJson(adapter: string): string {
    const choices = Object.fromEntries([...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    return `${JSON.stringify({ format: FORMAT, adapter, choices }, null, 1)}\n`;
  }

  /** Reads what `toJson` wrote. Anybody may have written the file: whatever is not as it should be is left out. */
  static parse(text: string, adapter: string): TuningTable | Refused {
    let file: unknown;
    try {
      file = JSON.parse(text);
    } catch (error) {
      return { problem: `it is not JSON: ${String(error)}` };
    }
    if (!isRecord(file) || file['format'] !== FORMAT) return { problem: `it is not of format ${FORMAT}` };
    if (file['adapter'] !== adapter) return { problem: 'it is of another adapter, driver or version' };
    const choices = file['choices'];
    if (!isRecord(choices)) return { problem: 'it holds no choices' };
    const entries = Object.entries(choices).filter((entry): entry is [string, Measurement] =>
      isMeasurement(entry[1]),
    );
    return new TuningTable(entries);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isMeasurement(value: unknown): value is Measurement {
  if (!isRecord(value)) return false;
  const { variant, microseconds, failed } = value;
  return (
    typeof variant === 'string' &&
    isRecord(microseconds) &&
    Object.values(microseconds).every((time) => typeof time === 'number' && Number.isFinite(time)) &&
    Array.isArray(failed) &&
    failed.every((name) => typeof name === 'string')
  );
}
