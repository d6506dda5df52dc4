import { philox4x32 } from '@immiscible/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tc from '../index.ts';

let device: tc.Device;
beforeAll(async () => {
  device = await tc.openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

const keys = [1, 2, -1, 7, 0x7fffffff, -0x80000000, 0, 0];

function keyTensor(rows = keys): tc.Tensor {
  return tc.tensor(Int32Array.from(rows), [rows.length / 2, 2]);
}

/** Element i of row b as `randomUniform` documents it, one Philox block an element. */
function defined(row: number, i: number, salt: number): number {
  const words = new Uint32Array(4);
  philox4x32(Math.floor(i / 8), salt, 0, 0, keys[2 * row]!, keys[2 * row + 1]!, words, 0);
  const half = i % 8;
  const word = words[Math.floor(half / 2)]!;
  return (half % 2 === 0 ? word % 65536 : Math.floor(word / 65536)) / 65536;
}

async function numbers(x: tc.Tensor): Promise<number[]> {
  return [...(await x.data())];
}

describe('randomUniform', () => {
  it.each([0, 1, 2 ** 31 - 1])('is what it says it is, with salt %d', async (salt) => {
    const values = await numbers(tc.randomUniform(keyTensor(), [4, 3, 7], salt));
    expect(values).toEqual(
      Array.from({ length: 84 }, (_, at) => defined(Math.floor(at / 21), at % 21, salt)),
    );
  });

  it('gives a sample the same numbers in every batch', async () => {
    const whole = await numbers(tc.randomUniform(keyTensor(), [4, 10]));
    for (let row = 0; row < 4; row++) {
      const alone = tc.randomUniform(keyTensor(keys.slice(2 * row, 2 * row + 2)), [1, 10]);
      expect(await numbers(alone)).toEqual(whole.slice(10 * row, 10 * row + 10));
    }
  });

  it('numbers elements in row-major order, so that a longer row begins like a shorter one', async () => {
    const long = await numbers(tc.randomUniform(keyTensor(), [4, 2, 9]));
    const short = await numbers(tc.randomUniform(keyTensor(), [4, 11]));
    for (let row = 0; row < 4; row++) {
      expect(short.slice(11 * row, 11 * row + 11)).toEqual(long.slice(18 * row, 18 * row + 11));
    }
  });

  it('is drawn anew at every run, and alike in one run', async () => {
    const f = device.compile(({ key }: { key: tc.Tensor }) => [
      tc.randomUniform(key, [1, 4]),
      tc.randomUniform(key, [1, 4]),
      tc.randomUniform(key, [1, 4], 1),
    ]);
    const first = await Promise.all((await f({ key: keyTensor([1, 2]) })).map(numbers));
    const second = await Promise.all((await f({ key: keyTensor([1, 3]) })).map(numbers));
    expect(first[0]).toEqual(first[1]);
    expect(first[0]).not.toEqual(first[2]);
    expect(first[0]).not.toEqual(second[0]);
    await f.dispose();
  });

  it('is uniform: mean, variance and range', async () => {
    const n = 1 << 16;
    const values = await numbers(tc.randomUniform(keyTensor([5, 6]), [1, n]));
    const mean = values.reduce((a, b) => a + b) / n;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    // four standard errors; the numbers are fixed, so this is no game of chance
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / n));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
  });

  it('wants its key from outside on the CPU', async () => {
    const made = tc.randomUniform(keyTensor().add(1), [4, 2]);
    await expect(made.data()).rejects.toThrow(tc.UnsupportedOpError);
    await expect(made.data()).rejects.toThrow(
      /randomUniform: on the CPU the key must be an argument of the compiled function, got the result of add; pass the key in/,
    );
  });
});

describe('dropout', () => {
  const x = tc.full([4, 1000], 3);

  it.each([0.1, 0.5, 0.9])('keeps a share of 1 − %d, scaled by its inverse', async (p) => {
    const values = await numbers(tc.dropout(x, p, keyTensor()));
    const kept = values.filter((v) => v !== 0);
    for (const v of kept) expect(v).toBeCloseTo(3 / (1 - p), 4);
    expect(Math.abs(kept.length / 4000 - (1 - p))).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 4000));
  });

  it('keeps exactly the elements whose number lies below 1 − p', async () => {
    const uniform = await numbers(tc.randomUniform(keyTensor(), [4, 1000], 9));
    const values = await numbers(tc.dropout(x, 0.25, keyTensor(), 9));
    expect(values.map((v) => v > 0)).toEqual(uniform.map((u) => u < 0.75));
  });

  it('sends the gradient through the same mask', async () => {
    const f = device.compile(({ y, key }: { y: tc.Tensor; key: tc.Tensor }) => {
      const loss = (z: tc.Tensor): { loss: tc.Tensor; dropped: tc.Tensor } => {
        const dropped = tc.dropout(z, 0.5, key, 3);
        return { loss: dropped.sum(), dropped };
      };
      const { value, gradients } = tc.valueAndGrad(loss)(y);
      return { dropped: value.dropped, gradients };
    });
    const { dropped, gradients } = await f({ y: tc.ones([4, 50]), key: keyTensor() });
    expect(await numbers(gradients)).toEqual(await numbers(dropped));
    expect(new Set(await numbers(gradients))).toEqual(new Set([0, 2]));
    await f.dispose();
  });

  it('is nothing at all with p = 0, and works on float16', async () => {
    expect(tc.dropout(x, 0, keyTensor()).node).toBe(x.node);
    const half = tc.dropout(tc.ones([4, 8], 'float16'), 0.5, keyTensor());
    expect(new Set((await numbers(half)).map(tc.fromFloat16))).toEqual(new Set([0, 2]));
  });
});
