/**
 * The loop that attention and its gradients are, as data, and how its rows are shared out: registers, lanes and workgroup
 * memory that they may take.
 */
import { type Capabilities, type Epilogue, type Operand } from '../kernel.ts';

/** A matrix for each of the batch: [batch, rows, depth]. */
export interface Side {
  readonly name: string;
  readonly operand: Operand;
}

export interface AttentionLoop {
  readonly label: string;
  readonly batch: number;
  /** Own rows, streamed rows, elements of each. */
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly scale: number;
  /** a, and the b whose product with the second stream is dLoss/dweight. */
  readonly own: readonly [Side, Side?];
  readonly streams: readonly [Side, Side?];
  /**
   * `online`: exp(s) over its sum along the row, which is known at the end (Milakov & Gimelshein 2018);
   * `probability`: p = exp(s − lse); `gradient`: p · (b · y − delta) · scale.
   */
  readonly weight: 'online' | 'probability' | 'gradient';
  /** float32 [batch, rows of q]: known of the softmax' rows, which are either the own or the streamed ones. */
  readonly statistics?: { readonly of: 'own' | 'streamed'; readonly lse: Operand; readonly delta?: Operand };
  /** Which stream is summed, and where to. */
  readonly sum?: { readonly stream: 0 | 1; readonly out: Operand };
  /** Moves the sums. */
  readonly epilogue?: Epilogue;
  /** float32 [batch, rows]: log Σ exp(s), of `online` weights. */
  readonly lseOut?: Operand;
}

export interface AttentionSpread {
  /** Own rows that a workgroup works on at once, times `rowsEach`. */
  readonly width: number;
  /** Invocations that share a row: 1 but for long rows. */
  readonly lanes: number;
  /** Own rows of an invocation. */
  readonly rowsEach: number;
  /** Vectors of four of each row that an invocation holds. */
  readonly held: number;
  /** Streamed rows whose products are taken together. */
  readonly chunk: number;
  /** Streamed rows in workgroup memory, a multiple of `chunk`. */
  readonly tile: number;
}

/** More rows, or bytes, in a tile gain nothing. */
const LONGEST_TILE = 64;
const LARGEST_TILE = 16384;

/** @param registers vectors of four that an invocation may hold of all its rows and sums */
export function attentionSpread(
  { depth, rows, own, streams, sum, statistics }: AttentionLoop,
  { workgroupMemory, workgroupInvocations }: Capabilities,
  registers: number,
): AttentionSpread {
  const vectors = Math.ceil(depth / 4);
  const kept = own.length + (sum ? 1 : 0);
  const most = 2 ** Math.floor(Math.log2(registers / kept)); // of one row
  const lanes = 2 ** Math.max(0, Math.ceil(Math.log2(vectors / most)));
  const held = Math.ceil(vectors / lanes);
  const width = Math.min(64, Math.floor(Math.min(256, workgroupInvocations) / lanes));
  let rowsEach = 1;
  if (lanes === 1) {
    while (rowsEach < 4 && rowsEach * 2 * held <= most && width * rowsEach < rows) rowsEach *= 2;
  }
  const bytesOfRow = streams.length * held * lanes * 16 + (statistics?.of === 'streamed' ? 8 : 0);
  const bytesOfParts = lanes > 1 ? width * lanes * rowsEach * own.length * 4 : 0;
  const rowsThatFit = (chunk: number): number =>
    Math.floor((workgroupMemory - bytesOfParts * chunk) / bytesOfRow);
  const chunk = [4, 2].find((n) => rowsThatFit(n) >= n) ?? 1;
  const longest = Math.min(LONGEST_TILE, rowsThatFit(chunk), LARGEST_TILE / bytesOfRow);
  return { width, lanes, rowsEach, held, chunk, tile: Math.max(1, Math.floor(longest / chunk)) * chunk };
}
