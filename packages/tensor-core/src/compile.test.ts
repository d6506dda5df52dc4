import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as tc from './index.ts';
import { type OnnxBuffer } from './targets/onnx/program.ts';
import { OnnxTarget } from './targets/onnx/target.ts';

let device: tc.Device;
beforeAll(async () => {
  device = await tc.openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

async function numbers(x: tc.Tensor): Promise<number[]> {
  return [...(await x.data())];
}

describe('tracing', () => {
  /** Counts how often the function runs: it does so only to be traced. */
  function counted(): { f: tc.CompiledFunction<{ x: tc.Tree }, tc.Tree>; traces: () => number } {
    let traces = 0;
    const f = device.compile(({ x }: { x: tc.Tree }) => {
      traces += 1;
      return tc.mapTree(x, (leaf) => leaf.add(1));
    });
    return { f, traces: () => traces };
  }

  it('happens once for arguments of one structure, shape and dtype', async () => {
    const { f, traces } = counted();
    for (const value of [1, 2, 3]) {
      expect(await numbers((await f({ x: tc.full([2], value) })) as tc.Tensor)).toEqual([
        value + 1,
        value + 1,
      ]);
    }
    expect(traces()).toBe(1);
    await f.dispose();
  });

  it('happens again for another shape, dtype or structure, and for none a third time', async () => {
    const { f, traces } = counted();
    const int = tc.ones([2], 'int32');
    const arguments_: tc.Tree[] = [
      tc.ones([2]),
      tc.ones([3]),
      tc.ones([1, 2]),
      int,
      [tc.ones([2])],
      { 0: tc.ones([2]) },
      { a: tc.ones([2]), b: tc.ones([2]) },
      { b: tc.ones([2]), a: tc.ones([2]) },
      { a: { b: tc.ones([2]) } },
      { 'a/b': tc.ones([2]) },
      { a: tc.ones([2]), empty: {} },
      [],
    ];
    for (let round = 0; round < 2; round++) {
      for (const [i, x] of arguments_.entries()) {
        const y = await f({ x });
        expect(traces()).toBe(round === 0 ? i + 1 : arguments_.length);
        expect(Array.isArray(y)).toBe(Array.isArray(x));
        expect(tc.leavesOf(y).map(({ path, tensor }) => [path, tensor.dtype, tensor.shape])).toEqual(
          tc.leavesOf(x).map(({ path, tensor }) => [path, tensor.dtype, tensor.shape]),
        );
      }
    }
    await f.dispose();
  });

  it('happens once for calls that are made at the same time', async () => {
    const { f, traces } = counted();
    const results = await Promise.all([1, 2, 3, 4].map((v) => f({ x: tc.full([2], v) })));
    expect(await Promise.all(results.map((y) => (y as tc.Tensor).slice([0], [1]).item()))).toEqual([
      2, 3, 4, 5,
    ]);
    expect(traces()).toBe(1);
    await f.dispose();
  });

  it('is tried again after an error, which reaches every caller', async () => {
    let broken = true;
    const f = device.compile(({ x }: { x: tc.Tensor }) => {
      if (broken) throw new RangeError('not today');
      return x.mul(2);
    });
    const both = await Promise.allSettled([f({ x: tc.ones([1]) }), f({ x: tc.ones([1]) })]);
    for (const result of both)
      expect(result).toMatchObject({ status: 'rejected', reason: { message: 'not today' } });
    broken = false;
    expect(await numbers(await f({ x: tc.ones([1]) }))).toEqual([2]);
    await f.dispose();
  });

  it('refuses to look at values that do not exist yet', async () => {
    let seen: Promise<string> | undefined;
    const f = device.compile(({ x }: { x: tc.Tensor }) => {
      seen = x
        .mul(2)
        .data()
        .then(String, (error: Error) => error.message);
      return x;
    });
    await f({ x: tc.ones([1]) });
    expect(await seen).toMatch(/stands for an argument of a traced function and has no elements yet/);
    await f.dispose();
  });

  it('refuses tensors of another trace', async () => {
    let leaked: tc.Tensor | undefined;
    const f = device.compile(({ x }: { x: tc.Tensor }) => (leaked = x.mul(2)));
    await f({ x: tc.ones([1]) });
    const g = device.compile(({ x }: { x: tc.Tensor }) => x.add(leaked!));
    await expect(g({ x: tc.ones([1]) })).rejects.toThrow(
      /uses a tensor of another trace; pass it in as an argument/,
    );
    await f.dispose();
    await g.dispose();
  });

  it('says at which path something is no tensor', async () => {
    const f = device.compile(({ x }: { x: tc.Tree }) => x);
    const given = { x: { a: [tc.ones([1]), 5] } } as unknown as { x: tc.Tree };
    await expect(f(given)).rejects.toThrow(/wants tensors in records and arrays, got number at x\/a\/1/);
    await f.dispose();
  });
});

describe('outputs', () => {
  it('may be inputs, constants, captured tensors and each other, and each is a value of its own', async () => {
    const captured = tc.tensor([7]);
    const f = device.compile(({ x }: { x: tc.Tensor }) => {
      const y = x.add(1);
      return { x, again: x, y, twice: [y, y], captured, constant: tc.full([2], 3) };
    });
    const x = tc.tensor([1]);
    const out = await f({ x });
    x.dispose();
    out.y.dispose();
    expect(await numbers(out.x)).toEqual([1]);
    expect(await numbers(out.again)).toEqual([1]);
    out.again.dispose();
    expect(await Promise.all([out.x, ...out.twice, out.captured, out.constant].map(numbers))).toEqual([
      [1],
      [2],
      [2],
      [7],
      [3, 3],
    ]);
    expect(await captured.item()).toBe(7);
    await f.dispose();
  });

  it('keep the order of keys and the kind of branch', async () => {
    const f = device.compile(({ x }: { x: tc.Tensor }) => ({ z: [x, { q: x.neg() }], a: x.add(1) }));
    const out = await f({ x: tc.tensor([1]) });
    expect(Object.keys(out)).toEqual(['z', 'a']);
    expect(tc.leavesOf(out).map(({ path }) => path)).toEqual(['z/0', 'z/1/q', 'a']);
    expect(await Promise.all(tc.leavesOf(out).map(({ tensor }) => tensor.item()))).toEqual([1, -1, 2]);
    await f.dispose();
  });

  it('may be none', async () => {
    const f = device.compile(({ x }: { x: tc.Tensor }) => ({ nothing: [x].slice(1) }));
    expect(await f({ x: tc.ones([1]) })).toEqual({ nothing: [] });
    await f.dispose();
    expect(await device.put({ state: {} })).toEqual({ state: {} });
  });

  it('stand without inputs', async () => {
    const f = device.compile(() => tc.arange(3).mul(2));
    expect(await numbers(await f({}))).toEqual([0, 2, 4]);
    await f.dispose();
  });
});

describe('inputs', () => {
  it('may be lazy, unused, of any dtype, and the same tensor twice', async () => {
    const f = device.compile(({ a, b }: { a: tc.Tensor; b: tc.Tensor; unused: tc.Tensor }) =>
      a.sub(b.mul(2)),
    );
    const lazy = tc.arange(3, 'int32').add(1);
    expect(await numbers(await f({ a: lazy, b: lazy, unused: tc.zeros([0]) }))).toEqual([-1, -2, -3]);
    await f.dispose();
  });

  it('captured from outside are read at every run', async () => {
    const weight = tc.tensor([2, 3]);
    const f = device.compile(({ x }: { x: tc.Tensor }) => x.mul(weight));
    expect(await numbers(await f({ x: tc.tensor([10, 10]) }))).toEqual([20, 30]);
    weight.dispose();
    await expect(f({ x: tc.tensor([10, 10]) })).rejects.toThrow(tc.DisposedError);
    await f.dispose();
  });

  it('that were disposed are refused', async () => {
    const f = device.compile(({ x }: { x: tc.Tensor }) => x.add(1));
    const x = tc.tensor([1]);
    x.dispose();
    await expect(f({ x })).rejects.toThrow(/was disposed/);
    await f.dispose();
  });
});

describe('donation', () => {
  type State = { x: tc.Tensor; parts: tc.Tensor[] };
  let step: tc.CompiledFunction<{ state: State; by: tc.Tensor }, { state: State; total: tc.Tensor }>;

  beforeEach(() => {
    step = device.compile(
      ({ state, by }) => {
        const next = { x: state.x.add(by), parts: state.parts.map((p) => p.mul(by)) };
        return { state: next, total: next.x.sum() };
      },
      { donate: ['state'] },
    );
  });
  afterEach(() => step.dispose());

  const initial = (): State => ({ x: tc.zeros([4]), parts: [tc.ones([2, 2]), tc.ones([4])] });
  const by = tc.tensor(2);

  it('takes the old values away, in every handle on them', async () => {
    const first = await step({ state: initial(), by });
    const handle = first.state.x;
    const derived = handle.add(1);
    const second = await step({ state: first.state, by });
    await expect(handle.data()).rejects.toThrow(/was donated to a compiled function; keep the newer handle/);
    await expect(derived.data()).rejects.toThrow(tc.DisposedError);
    await expect(step({ state: first.state, by })).rejects.toThrow(tc.DisposedError);
    expect(handle.isConcrete).toBe(false);
    expect(await numbers(second.state.x)).toEqual([4, 4, 4, 4]);
    expect(await by.item()).toBe(2);
  });

  it('reuses memory: from step to step as many buffers live, and the arrays take turns', async () => {
    const target = await OnnxTarget.open({ threads: 1 });
    const own = new tc.Device(target);
    const grow = own.compile(({ x }: { x: tc.Tensor }) => ({ x: x.add(1), sum: x.sum() }), { donate: ['x'] });
    let x = await own.put(tc.tensor(new Float32Array(4)));
    const memory: unknown[] = [];
    for (let i = 0; i < 10; i++) {
      const out = await grow({ x });
      x = out.x;
      out.sum.dispose();
      expect(own.liveBuffers()).toEqual({ count: 1, bytes: 16 });
      // Looked at without `data()`, which would take it out of the turns.
      memory.push(((await x.node.storage!.on(target)) as OnnxBuffer).array);
    }
    expect(new Set(memory).size).toBe(2);
    expect(memory[9]).toBe(memory[7]);
    await own.dispose();
  });

  it('never writes into arrays that the caller gave or was given', async () => {
    const given = Float32Array.of(1, 2, 3, 4);
    const read: Float32Array[] = [];
    const copies: number[][] = [];
    let state: State = { x: tc.tensor(given), parts: [tc.ones([2, 2]), tc.ones([4])] };
    for (let i = 0; i < 6; i++) {
      ({ state } = await step({ state, by }));
      read.push((await state.x.data()) as Float32Array);
      copies.push([...read.at(-1)!]);
    }
    expect([...given]).toEqual([1, 2, 3, 4]);
    expect(read.map((x) => [...x])).toEqual(copies);
  });

  it('leaves a value to a run that is still reading it', async () => {
    const slow = device.compile(({ x }: { x: tc.Tensor }) => {
      let y = x.reshape([64, 64]);
      for (let i = 0; i < 20; i++) y = y.matmul(y).mul(1 / 64);
      return { x: x.add(y.sum().mul(0)) };
    });
    const grow = device.compile(({ x }: { x: tc.Tensor }) => ({ x: x.add(1) }), { donate: ['x'] });
    let { x } = await grow({ x: tc.zeros([4096]) });
    await slow({ x });
    const reading = slow({ x });
    for (let i = 0; i < 5; i++) ({ x } = await grow({ x }));
    const seen = await reading;
    expect(new Set(await seen.x.data())).toEqual(new Set([1]));
    expect(new Set(await x.data())).toEqual(new Set([6]));
    await slow.dispose();
    await grow.dispose();
  });

  it('refuses one value in two donated places', async () => {
    const x = tc.ones([4]);
    const twice = step({ state: { x, parts: [x, x] }, by });
    await expect(twice).rejects.toThrow(
      /the donated input state\/parts\/0 is the same tensor as another input; copy/,
    );
    expect(await numbers(x)).toEqual([1, 1, 1, 1]);
  });

  it('lets a value be donated and read in one call', async () => {
    const f = device.compile(({ a, b }: { a: tc.Tensor; b: tc.Tensor }) => a.mul(2).add(b), {
      donate: ['a'],
    });
    const x = await device.put(tc.tensor([1, 2]));
    expect(await numbers(await f({ a: x, b: x }))).toEqual([3, 6]);
    await expect(x.data()).rejects.toThrow(tc.DisposedError);
    await f.dispose();
  });

  it('of one value to two calls at once serves the first', async () => {
    const { state } = await step({ state: initial(), by });
    const [a, b] = await Promise.allSettled([step({ state, by }), step({ state, by })]);
    expect(a.status).toBe('fulfilled');
    expect(b).toMatchObject({ status: 'rejected', reason: { name: 'DisposedError' } });
    if (a.status === 'fulfilled') expect(await numbers(a.value.state.x)).toEqual([4, 4, 4, 4]);
  });

  it('is taken back when the run fails, so that the state outlives a bad batch', async () => {
    const pick = device.compile(
      ({ state, at }: { state: tc.Tensor; at: tc.Tensor }) => tc.gather(state, at),
      { donate: ['state'] },
    );
    const state = await device.put(tc.tensor([1, 2, 3]));
    const live = device.liveBuffers().count;
    const failing = pick({ state, at: tc.tensor(Int32Array.of(99)) });
    await expect(failing).rejects.toThrow(tc.DeviceError);
    expect(device.liveBuffers().count).toBe(live);
    expect(await numbers(await pick({ state, at: tc.tensor(Int32Array.of(2)) }))).toEqual([3]);
    await pick.dispose();
  });

  it('of a whole argument whose name holds a slash', async () => {
    const f = device.compile((inputs: { 'a/b': tc.Tensor; a: tc.Tensor }) => inputs['a/b'].add(inputs.a), {
      donate: ['a/b'],
    });
    const [kept, gone] = [tc.ones([1]), tc.ones([1])];
    await f({ 'a/b': gone, a: kept });
    expect(await kept.item()).toBe(1);
    await expect(gone.data()).rejects.toThrow(tc.DisposedError);
    await f.dispose();
  });
});

describe('dispose', () => {
  it('waits for runs under way and refuses later ones', async () => {
    const f = device.compile(({ x }: { x: tc.Tensor }) => x.add(1));
    const first = f({ x: tc.ones([1]) });
    await first;
    const under = f({ x: tc.ones([1]) });
    const [result] = await Promise.allSettled([under, f.dispose()]);
    if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(tc.DisposedError);
    else expect(await numbers(result.value)).toEqual([2]);
    await expect(f({ x: tc.ones([1]) })).rejects.toThrow(/this compiled function was disposed/);
    await f.dispose();
  });

  it('leaves results alone', async () => {
    const f = device.compile(({ x }: { x: tc.Tensor }) => x.add(1));
    const y = await f({ x: tc.ones([1]) });
    await f.dispose();
    expect(await numbers(y)).toEqual([2]);
  });

  it('leaves no buffers behind', async () => {
    const before = device.liveBuffers();
    const f = device.compile(({ x }: { x: tc.Tensor }) => ({ y: x.add(1), z: x.sum() }));
    const out = await f({ x: tc.tensor(new Float32Array(8)) });
    expect(device.liveBuffers()).toEqual({ count: before.count + 2, bytes: before.bytes + 36 });
    tc.disposeTree(out);
    await f.dispose();
    expect(device.liveBuffers()).toEqual(before);
  });
});

describe('report', () => {
  it('has numbers about the program compiled last', async () => {
    const f = device.compile(({ x }: { x: tc.Tensor }) => x.add(1).mul(2));
    expect(f.report).toEqual({});
    await f({ x: tc.ones([2]) });
    expect(f.report['graphNodes']).toBe(5);
    await f.dispose();
  });
});
