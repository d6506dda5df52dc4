/**
 * Pickles and checkpoints byte by byte, for what torch.save() never writes: other versions' forms, damage and malice. A
 * piece is the code that leaves one value on the stack, so pieces nest as values do.
 */

export type Piece = readonly number[];

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];
const unsigned = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);

export const text = (value: string): Piece => [0x58, ...unsigned(ascii(value).length, 4), ...ascii(value)];
/** As Python 2 writes it. */
export const oldText = (value: string): Piece => [0x55, value.length, ...ascii(value)];
export const int = (value: number): Piece =>
  value < 0 ? [0x4a, ...unsigned(value + 2 ** 32, 4)] : [0x8a, 8, ...unsigned(value, 8)];
export const none: Piece = [0x4e];
export const tuple = (...items: Piece[]): Piece => [0x28, ...items.flat(), 0x74];
export const list = (...items: Piece[]): Piece => [0x5d, 0x28, ...items.flat(), 0x65];
export const dict = (...items: Piece[]): Piece => [0x7d, 0x28, ...items.flat(), 0x75];
export const global = (module: string, name: string): Piece => [0x63, ...ascii(`${module}\n${name}\n`)];
export const call = (f: Piece, ...args: Piece[]): Piece => [...f, ...tuple(...args), 0x52];
export const remember = (value: Piece, place: number): Piece => [...value, 0x72, ...unsigned(place, 4)];
export const recall = (place: number): Piece => [0x6a, ...unsigned(place, 4)];

export const storage = (key: string, count: number, type = 'FloatStorage', view: Piece = none): Piece => [
  ...tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(count), view),
  0x51,
];

const ints = (values: readonly number[]): Piece => tuple(...values.map(int));

export function tensor(
  at: Piece,
  shape: readonly number[],
  strides: readonly number[] = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1)),
  offset = 0,
): Piece {
  const rebuild = global('torch._utils', '_rebuild_tensor_v2');
  return call(
    rebuild,
    at,
    int(offset),
    ints(shape),
    ints(strides),
    [0x89],
    call(global('collections', 'OrderedDict')),
  );
}

/** A whole pickle of protocol 2. */
export const pickle = (value: Piece, protocol = 2): Uint8Array =>
  Uint8Array.from([0x80, protocol, ...value, 0x2e]);

export const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

interface ZipChanges {
  readonly method?: number;
  /** What entries say of their size, and where they say they begin. */
  readonly size?: (name: string, size: number) => number;
  readonly place?: (name: string, place: number) => number;
}

/** A zip archive of stored files. */
export function zipOf(
  files: readonly (readonly [string, Uint8Array])[],
  changes: ZipChanges = {},
): Uint8Array {
  const { method = 0, size = (_, n) => n, place = (_, n) => n } = changes;
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let at = 0;
  for (const [name, bytes] of files) {
    const said = unsigned(size(name, bytes.length), 4);
    const common = [
      20,
      0,
      0,
      8,
      method,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      ...said,
      ...said,
      ...unsigned(name.length, 2),
      0,
      0,
    ];
    const header = Uint8Array.from([...ascii('PK\x03\x04'), ...common, ...ascii(name)]);
    const rest = [...unsigned(0, 10), ...unsigned(place(name, at), 4)];
    central.push(Uint8Array.from([...ascii('PK\x01\x02'), 20, 0, ...common, ...rest, ...ascii(name)]));
    local.push(header, bytes);
    at += header.length + bytes.length;
  }
  const directory = joined(...central);
  const count = unsigned(files.length, 2);
  const end = [0, 0, 0, 0, ...count, ...count, ...unsigned(directory.length, 4), ...unsigned(at, 4), 0, 0];
  return joined(...local, directory, Uint8Array.from([...ascii('PK\x05\x06'), ...end]));
}

/** The zip form of a checkpoint. */
export function zipCheckpoint(
  value: Piece,
  storages: Readonly<Record<string, Uint8Array>> = {},
  changes: ZipChanges & { readonly more?: readonly (readonly [string, Uint8Array])[] } = {},
): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`model/data/${key}`, bytes] as const);
  return zipOf([['model/data.pkl', pickle(value)], ...data, ...(changes.more ?? [])], changes);
}

const MAGIC = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

interface LegacyChanges {
  readonly magic?: Piece;
  readonly version?: number;
  readonly littleEndian?: boolean;
}

/** The form before PyTorch 1.6; `storages` are key, number of elements, bytes. */
export function legacyCheckpoint(
  value: Piece,
  storages: readonly (readonly [string, number, Uint8Array])[],
  { magic = MAGIC, version = 1001, littleEndian = true }: LegacyChanges = {},
): Uint8Array {
  return joined(
    pickle(magic),
    pickle(int(version)),
    pickle(dict(text('little_endian'), [littleEndian ? 0x88 : 0x89])),
    pickle(value),
    pickle(list(...storages.map(([key]) => text(key)))),
    ...storages.flatMap(([, count, bytes]) => [Uint8Array.from(unsigned(count, 8)), bytes]),
  );
}
