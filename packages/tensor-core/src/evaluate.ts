/** Lazy handles made concrete: compiles what one value needs and runs it once, on the default device. */
import { TensorError } from './errors.ts';
import { type Node, topologicalOrder } from './graph/node.ts';
import { BoundProgram } from './graph/program.ts';
import { Storage } from './graph/storage.ts';
import { type Target } from './targets/target.ts';

let openDefault: (() => Promise<Target>) | undefined;

/** Says where eager values are computed; `openDevice` sets it to the device opened last. */
export function setDefaultTarget(open: (() => Promise<Target>) | undefined): void {
  openDefault = open;
}

export async function evaluate(node: Node): Promise<Storage> {
  if (topologicalOrder([node]).some((n) => n.op === 'input')) {
    throw new TensorError(
      'data: this tensor stands for an argument of a traced function and has no elements yet; return it from the function and read the result',
    );
  }
  if (!openDefault) throw new TensorError('data: no device is open; call openDevice() first');
  const target = await openDefault();
  const program = await BoundProgram.compile(target, [], [node]);
  try {
    const [buffer] = await program.run([]);
    return Storage.fromBuffer(target, buffer!);
  } finally {
    await program.dispose();
  }
}
