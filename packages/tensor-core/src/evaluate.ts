/** Lazy handles made concrete: compiles what one value needs and runs it once, on the default device. */
import { TensorError } from './errors.ts';
import { type Node, topologicalOrder } from './graph/node.ts';
import { BoundProgram } from './graph/program.ts';
import { Storage } from './graph/storage.ts';
import { type Target } from './targets/target.ts';

/** Targets of open devices, the one opened last at the end: it computes eager values. */
const open: Target[] = [];

export function addDefaultTarget(target: Target): void {
  open.push(target);
}

export function removeDefaultTarget(target: Target): void {
  const at = open.indexOf(target);
  if (at >= 0) open.splice(at, 1);
}

export async function evaluate(node: Node): Promise<Storage> {
  if (topologicalOrder([node]).some((n) => n.op === 'input')) {
    throw new TensorError(
      'data: this tensor stands for an argument of a traced function and has no elements yet; return it from the function and read the result',
    );
  }
  const target = open.at(-1);
  if (!target) throw new TensorError('data: no device is open; call openDevice() first');
  const program = await BoundProgram.compile(target, [], [node]);
  try {
    const [buffer] = await program.run(() => []);
    return Storage.fromBuffer(target, buffer!);
  } finally {
    await program.dispose();
  }
}
