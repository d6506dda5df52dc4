/**
 * A reader of Python's pickles that executes nothing.
 *
 * A pickle is a program for a stack machine, and Python's own reader calls whatever function it names. Here a name is
 * looked up in a list that the caller gives, functions of that list are ours, and everything else is an error. Work and
 * memory are bounded by the length of the pickle: nothing is copied but what it spells out, and nothing recurses.
 * Opcodes are those of protocols 2 to 4 (Python's Lib/pickletools.py) that data, tensors and their names need.
 */
import { FormatError } from '../errors.ts';

/** A function or class that a pickle names: what calling it with a tuple gives. */
export interface PickleCallable {
  readonly call: (args: readonly unknown[]) => unknown;
}

export interface PickleNames {
  /** What `module.name` stands for: a `PickleCallable`, or any other value that only others look at. */
  readonly find: (module: string, name: string) => unknown;
  /** The object outside the pickle that a persistent id stands for. */
  readonly persistent: (id: unknown) => unknown;
}

/** The end of the bytes within a pickle, so that a caller who gave a part can give more. */
export class PickleCutShort extends FormatError {
  override name = 'PickleCutShort';
}

/** What the messages call the opcodes that are refused. */
const refused: Readonly<Record<number, string>> = {
  0x81: 'NEWOBJ (an object of a class)',
  0x92: 'NEWOBJ_EX (an object of a class)',
  0x69: 'INST (an object of a class)',
  0x6f: 'OBJ (an object of a class)',
  0x82: 'EXT1 (a registered function)',
  0x83: 'EXT2 (a registered function)',
  0x84: 'EXT4 (a registered function)',
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #names: PickleNames;
  readonly #fail: (problem: string) => never;
  readonly #stack: unknown[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #at: number;

  constructor(bytes: Uint8Array, at: number, names: PickleNames, fail: (problem: string) => never) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#names = names;
    this.#fail = fail;
  }

  /** Runs to the end of the pickle. */
  run(): { value: unknown; end: number } {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first !== 0x80) {
      this.#fail(
        `begins with byte ${first}, which no pickle of protocol 2 or later does; the file is damaged`,
      );
    }
    for (;;) {
      const at = this.#at;
      const opcode = this.#unsigned(1);
      if (opcode === 0x2e) break;
      this.#step(opcode, at);
    }
    const value = this.#pop();
    if (this.#stack.length > 0) this.#fail('its pickle ends with more than one value; the file is damaged');
    return { value, end: this.#at };
  }

  #step(opcode: number, at: number): void {
    switch (opcode) {
      case 0x80: // PROTO
        return this.#protocol();
      case 0x95: // FRAME: only says how far to read ahead
        this.#take(8);
        return;
      case 0x28: // MARK
        this.#marks.push(this.#stack.length);
        return;
      case 0x30: // POP
        if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
        else this.#pop();
        return;
      case 0x31: // POP_MARK
        this.#sinceMark();
        return;
      case 0x32: // DUP
        return this.#push(this.#top());
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#unsigned(1));
      case 0x4d: // BININT2
        return this.#push(this.#unsigned(2));
      case 0x4a: // BININT
        return this.#push(this.#unsigned(4) | 0);
      case 0x8a: // LONG1
        return this.#push(this.#long(this.#unsigned(1)));
      case 0x8b: // LONG4
        return this.#push(this.#long(this.#unsigned(4)));
      case 0x47: // BINFLOAT
        return this.#push(this.#view.getFloat64(this.#take(8)));
      case 0x55: // SHORT_BINSTRING, text of Python 2
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(this.#unsigned(1)));
      case 0x54: // BINSTRING
      case 0x58: // BINUNICODE
        return this.#push(this.#text(this.#unsigned(4)));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(this.#unsigned(8)));
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#slice(this.#unsigned(1)));
      case 0x42: // BINBYTES
        return this.#push(this.#slice(this.#unsigned(4)));
      case 0x29: // EMPTY_TUPLE
      case 0x5d: // EMPTY_LIST
        return this.#push([]);
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#tuple(opcode - 0x84);
      case 0x74: // TUPLE
      case 0x6c: // LIST
        return this.#push(this.#sinceMark());
      case 0x7d: // EMPTY_DICT
        return this.#push(new Map<unknown, unknown>());
      case 0x64: // DICT
        return this.#set(new Map<unknown, unknown>(), this.#sinceMark(), true);
      case 0x73: {
        // SETITEM
        const value = this.#pop();
        return this.#set(this.#below(1), [this.#pop(), value]);
      }
      case 0x75: {
        // SETITEMS
        const items = this.#sinceMark();
        return this.#set(this.#top(), items);
      }
      case 0x61: {
        // APPEND
        const item = this.#pop();
        return this.#append([item]);
      }
      case 0x65: // APPENDS
        return this.#append(this.#sinceMark());
      case 0x71: // BINPUT
        return this.#remember(this.#unsigned(1));
      case 0x72: // LONG_BINPUT
        return this.#remember(this.#unsigned(4));
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(this.#unsigned(1));
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#unsigned(4));
      case 0x63: // GLOBAL
        return this.#find(this.#line(), this.#line());
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        return this.#find(this.#pop(), name);
      }
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x62: // BUILD: attributes of an object that was made, which no tensor here needs
        this.#pop();
        this.#top();
        return;
      case 0x51: // BINPERSID
        return this.#push(this.#names.persistent(this.#pop()));
      default: {
        const what = refused[opcode] ?? `opcode 0x${opcode.toString(16).padStart(2, '0')}`;
        return this.#fail(`its pickle has ${what} at byte ${at}, which no record of tensors needs`);
      }
    }
  }

  #protocol(): void {
    const protocol = this.#unsigned(1);
    if (protocol < 2 || protocol > 4) {
      this.#fail(`its pickle has protocol ${protocol}; wanted 2 (PyTorch's own), 3 or 4`);
    }
  }

  /** Where the next `length` bytes begin. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) {
      throw new PickleCutShort(`the pickle wants ${length} bytes at ${at} of ${this.#bytes.length}`);
    }
    this.#at += length;
    return at;
  }

  #unsigned(bytes: 1 | 2 | 4 | 8): number {
    const at = this.#take(bytes);
    if (bytes === 1) return this.#view.getUint8(at);
    if (bytes === 2) return this.#view.getUint16(at, true);
    return bytes === 4 ? this.#view.getUint32(at, true) : Number(this.#view.getBigUint64(at, true));
  }

  #slice(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  #text(length: number): string {
    try {
      return utf8.decode(this.#slice(length));
    } catch (error) {
      if (error instanceof FormatError) throw error;
      return this.#fail('its pickle holds text that is not UTF-8; the file is damaged');
    }
  }

  /** A little-endian number in two's complement; a bigint only where a number would be rounded. */
  #long(length: number): number | bigint {
    const bytes = this.#slice(length);
    if (length > 256) this.#fail(`its pickle holds a number of ${length} bytes`);
    const raw = bytes.reduceRight((total, byte) => (total << 8n) | BigInt(byte), 0n);
    const value = BigInt.asIntN(8 * length, raw);
    return BigInt(Number.MIN_SAFE_INTEGER) <= value && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : value;
  }

  /** Text up to the end of its line. */
  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.#take(this.#bytes.length - this.#at + 1);
    const text = this.#text(end - this.#at);
    this.#at += 1;
    return text;
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  /** The value `depth` below the top of the stack; a mark is no value. */
  #below(depth: number): unknown {
    if (this.#stack.length - depth <= (this.#marks.at(-1) ?? 0)) {
      this.#fail('its pickle takes a value where there is none; the file is damaged');
    }
    return this.#stack[this.#stack.length - 1 - depth];
  }

  #top(): unknown {
    return this.#below(0);
  }

  #pop(): unknown {
    this.#top();
    return this.#stack.pop();
  }

  /** The values since the last mark, taken off the stack with it. */
  #sinceMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) this.#fail('its pickle wants a mark where there is none; the file is damaged');
    return this.#stack.splice(mark);
  }

  #tuple(length: number): void {
    this.#below(length - 1);
    this.#push(this.#stack.splice(-length));
  }

  #set(target: unknown, items: readonly unknown[], fresh = false): void {
    if (!(target instanceof Map) || items.length % 2 !== 0) {
      this.#fail('its pickle sets items of what is no dictionary; the file is damaged');
    }
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
    if (fresh) this.#push(target);
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) this.#fail('its pickle appends to what is no list; the file is damaged');
    for (const item of items) (list as unknown[]).push(item);
  }

  #remember(place: number): void {
    this.#memo.set(place, this.#top());
  }

  #recall(place: number): void {
    if (!this.#memo.has(place))
      this.#fail(`its pickle recalls value ${place}, which it never had; the file is damaged`);
    this.#push(this.#memo.get(place));
  }

  #find(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string') {
      this.#fail('its pickle names a function with what is no text; the file is damaged');
    }
    this.#push(this.#names.find(module, name));
  }

  #reduce(): void {
    const args = this.#pop();
    const callable = this.#pop();
    if (!isCallable(callable) || !Array.isArray(args)) {
      this.#fail('its pickle calls what is no function; the file is damaged');
    }
    this.#push(callable.call(args as readonly unknown[]));
  }
}

function isCallable(value: unknown): value is PickleCallable {
  return typeof value === 'object' && value !== null && !(value instanceof Map) && 'call' in value;
}

/**
 * The value of the pickle that begins at byte `at`, and where it ends. Dictionaries become Maps, tuples and lists arrays,
 * None null, whole numbers beyond 2^53 bigints.
 *
 * @param fail makes the error of a problem
 * @throws PickleCutShort where the bytes end first; what `fail` and `names` throw otherwise
 */
export function unpickle(
  bytes: Uint8Array,
  at: number,
  names: PickleNames,
  fail: (problem: string) => never,
): { value: unknown; end: number } {
  return new Machine(bytes, at, names, fail).run();
}
