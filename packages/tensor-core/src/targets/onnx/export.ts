/** The way from a graph to a file that any ONNX runtime takes: plain layout, operators of ONNX's own domain only. */
import { takeApart } from '../../graph/take-apart.ts';
import { attentionOps } from '../../ops/index.ts';
import { type Graph } from '../target.ts';
import { lowerGraph, type ValueNames } from './lower.ts';
import { portable } from './portable.ts';

/** The bytes of the model; the graph draws no random numbers. */
export function encodePortable(graph: Graph, names: ValueNames): Uint8Array {
  return lowerGraph(portable(takeApart(graph, attentionOps)), 0, names).bytes;
}
