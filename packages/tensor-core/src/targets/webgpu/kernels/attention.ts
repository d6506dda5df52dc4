/**
 * Attention (Vaswani et al. 2017, eq. 1) and its gradients without the matrix of scores, which both recompute: forwards
 * by online softmax, backwards from the logarithm of each row's sum (Dao et al. 2022, algorithm 4; Dao 2023, section 3.1).
 * Gradients of queries go over keys and those of keys and values over queries, so that nothing is added atomically.
 *
 * For GPUs: on software adapters, where barriers are dear, products and softmax with all scores in memory are faster.
 */
import { type Emitter, type Epilogue, type Operand } from '../kernel.ts';
import { attentionKernel } from './attention-kernel.ts';
import { type AttentionLoop, attentionSpread } from './attention-plan.ts';

export interface AttentionSizes {
  /** Sequences times heads. */
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  /** Elements of a query, of a key and of a value. */
  readonly depth: number;
  /** Of the scores: 1 / √depth, mostly. */
  readonly scale: number;
  /** Moves what is computed, and does no more; not of the logarithms of sums. */
  readonly epilogue?: Epilogue;
}

export interface Attention extends AttentionSizes {
  /** [batch, queries, depth] */
  readonly q: Operand;
  /** [batch, keys, depth] */
  readonly k: Operand;
  readonly v: Operand;
  /** [batch, queries, depth] */
  readonly out: Operand;
  /** float32 [batch, queries]: log Σ exp(score), where wanted. */
  readonly lse?: Operand;
}

/** softmax(scale · q kᵀ) v, computed in float32. */
export function emitAttention(emitter: Emitter, { q, k, v, out, lse, ...sizes }: Attention): void {
  emitLoop(emitter, {
    ...loopOver('queries', sizes),
    label: labelOf('attention', sizes),
    own: [{ name: 'q', operand: q }],
    streams: [
      { name: 'k', operand: k },
      { name: 'v', operand: v },
    ],
    weight: 'online',
    sum: { stream: 1, out },
    ...(lse ? { lseOut: lse } : {}),
  });
}

export interface AttentionLogSumExp extends AttentionSizes {
  readonly q: Operand;
  readonly k: Operand;
  /** float32 [batch, queries] */
  readonly out: Operand;
}

/** log Σ exp(score) of every query's row of scores. */
export function emitAttentionLogSumExp(emitter: Emitter, { q, k, out, ...sizes }: AttentionLogSumExp): void {
  emitLoop(emitter, {
    ...loopOver('queries', sizes),
    label: labelOf('attention, sums of rows', sizes),
    own: [{ name: 'q', operand: q }],
    streams: [{ name: 'k', operand: k }],
    weight: 'online',
    lseOut: out,
  });
}

export interface AttentionGradients extends AttentionSizes {
  readonly q: Operand;
  readonly k: Operand;
  readonly v: Operand;
  /** dLoss/dout [batch, queries, depth]. */
  readonly g: Operand;
  /** float32 [batch, queries]: of `emitAttention` or `emitAttentionLogSumExp`. */
  readonly lse: Operand;
  /** float32 [batch, queries]: Σ g · out along the depth. */
  readonly delta: Operand;
  /** Those that are wanted, each of the shape of what it is the gradient of. */
  readonly dq?: Operand;
  readonly dk?: Operand;
  readonly dv?: Operand;
}

/**
 * With p = exp(s − lse) and h = p · (g vᵀ − delta): dLoss/dq = scale · h k, dLoss/dk = scale · hᵀ q, dLoss/dv = pᵀ g.
 */
export function emitAttentionGradients(
  emitter: Emitter,
  { q: queries, k: keys, v: values, g: cotangent, lse, delta, dq, dk, dv, ...sizes }: AttentionGradients,
): void {
  const q = { name: 'q', operand: queries };
  const k = { name: 'k', operand: keys };
  const v = { name: 'v', operand: values };
  const g = { name: 'g', operand: cotangent };
  if (dq) {
    const loop = {
      ...loopOver('queries', sizes),
      label: labelOf("attention's gradient of queries", sizes),
      own: [q, g],
      streams: [k, v],
      weight: 'gradient',
      statistics: { of: 'own', lse, delta },
      sum: { stream: 0, out: dq },
    } as const;
    emitLoop(emitter, loop);
  }
  if (dk) {
    const loop = {
      ...loopOver('keys', sizes),
      label: labelOf("attention's gradient of keys", sizes),
      own: [k, v],
      streams: [q, g],
      weight: 'gradient',
      statistics: { of: 'streamed', lse, delta },
      sum: { stream: 0, out: dk },
    } as const;
    emitLoop(emitter, loop);
  }
  if (dv) {
    const loop = {
      ...loopOver('keys', sizes),
      label: labelOf("attention's gradient of values", sizes),
      own: [k],
      streams: [q, g],
      weight: 'probability',
      statistics: { of: 'streamed', lse },
      sum: { stream: 1, out: dv },
    } as const;
    emitLoop(emitter, loop);
  }
}

/** Vectors of four that an invocation may hold: more of them share what is read, fewer leave room for more invocations. */
const REGISTERS = [32, 16, 8] as const;

function emitLoop(emitter: Emitter, loop: AttentionLoop): void {
  const variant = (registers: number) => ({
    name: `${registers} vectors`,
    emit: () => {
      const spread = attentionSpread(loop, emitter.capabilities, registers);
      emitter.emit(attentionKernel(loop, spread, emitter.capabilities.bindingAlignment));
    },
  });
  const [most, ...fewer] = REGISTERS;
  const { dtype } = loop.own[0].operand.value;
  emitter.choose(`${loop.label} ${dtype}`, [variant(most), ...fewer.map(variant)]);
}

/** Whose rows are the own ones, and whose are streamed. */
function loopOver(
  own: 'queries' | 'keys',
  { batch, queries, keys, depth, scale, epilogue }: AttentionSizes,
): Pick<AttentionLoop, 'batch' | 'rows' | 'columns' | 'depth' | 'scale' | 'epilogue'> {
  const [rows, columns] = own === 'queries' ? [queries, keys] : [keys, queries];
  return { batch, rows, columns, depth, scale, ...(epilogue && { epilogue }) };
}

function labelOf(what: string, { batch, queries, keys, depth }: AttentionSizes): string {
  return `${what} ${batch}×${queries}×${keys}×${depth}`;
}
