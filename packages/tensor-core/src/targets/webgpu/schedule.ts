/**
 * The order in which groups run: what frees memory goes first, so that a gradient that nobody but the optimizer needs is
 * taken as soon as it can be, and the activations behind it are let go.
 */
import { type Node } from '../../graph/node.ts';
import { sizeOf } from '../../shape.ts';
import { storageBytes } from './assemble.ts';
import { type Group } from './group.ts';

/**
 * @param groups in topological order
 * @param temporary true for nodes whose memory is the program's to reuse
 */
export function scheduleGroups(groups: readonly Group[], temporary: (node: Node) => boolean): Group[] {
  const home = new Map<Node, Group>();
  for (const group of groups) for (const { root } of group.items) home.set(root, group);
  /** Groups that read a node and have not run. */
  const readers = new Map<Node, Set<Group>>();
  const waiting = new Map<Group, number>();
  const followers = new Map<Group, Group[]>();
  for (const group of groups) {
    const before = new Set<Group>();
    for (const read of group.reads) {
      let set = readers.get(read);
      if (!set) readers.set(read, (set = new Set()));
      set.add(group);
      const source = home.get(read);
      if (source) before.add(source);
    }
    waiting.set(group, before.size);
    for (const source of before) {
      const list = followers.get(source);
      if (list) list.push(group);
      else followers.set(source, [group]);
    }
  }
  const order = new Map(groups.map((group, i) => [group, i]));
  const ready = new Set(groups.filter((group) => waiting.get(group) === 0));
  const result: Group[] = [];
  /** Bytes that are free after the group has run, less those that it takes. */
  const gain = (group: Group): number => {
    let bytes = 0;
    for (const { root } of group.items) if (temporary(root)) bytes -= bytesOf(root);
    for (const read of group.reads) {
      if (temporary(read) && readers.get(read)?.size === 1) bytes += bytesOf(read);
    }
    return bytes;
  };
  while (ready.size > 0) {
    let best: Group | undefined;
    let most = -1;
    let first: Group | undefined;
    for (const group of ready) {
      if (!first || order.get(group)! < order.get(first)!) first = group;
      const bytes = gain(group);
      if (bytes > most) {
        most = bytes;
        best = group;
      }
    }
    const next = best ?? first!;
    ready.delete(next);
    result.push(next);
    for (const read of next.reads) readers.get(read)?.delete(next);
    for (const follower of followers.get(next) ?? []) {
      const left = waiting.get(follower)! - 1;
      waiting.set(follower, left);
      if (left === 0) ready.add(follower);
    }
  }
  return result;
}

function bytesOf(node: Node): number {
  return sizeOf(node.shape) * storageBytes(node.dtype);
}
