import { type Device, grad, openDevice, tensor } from '@immiscible/tensor-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenJson } from '../test/golden.ts';
import {
  precondition,
  type Preconditioning,
  preconditionCoefficients,
  type PreconditionCoefficients,
} from './precondition.ts';

type Values = Record<keyof PreconditionCoefficients, ArrayLike<number>>;
type Row = Record<'sigma' | 'sigmaData' | 'sigmaMin' | keyof PreconditionCoefficients, number> & {
  kind: Preconditioning;
};
const { rows, tolerance } = goldenJson<{ rows: Row[]; tolerance: number }>('precondition.json', 'own');
const names = ['cSkip', 'cOut', 'cIn', 'cNoise'] as const;

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

async function coefficients(
  kind: Preconditioning,
  sigmas: number[],
  options: { sigmaData?: number; sigmaMin?: number } = {},
): Promise<Values> {
  const compiled = device.compile(({ sigma }: { sigma: ReturnType<typeof tensor> }) => ({
    ...preconditionCoefficients(kind, sigma, options),
  }));
  const result = await compiled({ sigma: tensor(sigmas) });
  await compiled.dispose();
  const { cSkip, cOut, cIn, cNoise } = result;
  return {
    cSkip: await cSkip.data(),
    cOut: await cOut.data(),
    cIn: await cIn.data(),
    cNoise: await cNoise.data(),
  };
}

describe('preconditionCoefficients', () => {
  const kinds = new Set(rows.map(({ kind, sigmaData, sigmaMin }) => `${kind} ${sigmaData} ${sigmaMin}`));
  it.each([...kinds])('are those of diffusers: %s', async (group) => {
    const some = rows.filter(({ kind, sigmaData, sigmaMin }) => `${kind} ${sigmaData} ${sigmaMin}` === group);
    const { kind, sigmaData, sigmaMin } = some[0]!;
    const sigmas = some.map(({ sigma }) => sigma);
    const values = await coefficients(kind, sigmas, { sigmaData, sigmaMin });
    for (const name of names) {
      some.forEach((row, i) => {
        // σ − σ_min is a difference of two roundings of float32: its error is of the size of σ's.
        const difference = Math.abs(values[name][i]! - row[name]);
        expect(difference, `${name} at ${row.sigma}`).toBeLessThan(
          tolerance * Math.max(1, Math.abs(row[name])),
        );
      });
    }
  });

  it("have 0.5 and 0.002 where nothing is said, as the papers' networks do", async () => {
    const said = { sigmaData: 0.5, sigmaMin: 0.002 };
    expect(await coefficients('consistency', [1, 2])).toEqual(
      await coefficients('consistency', [1, 2], said),
    );
    expect(await coefficients('edm', [1, 2])).toEqual(await coefficients('edm', [1, 2], said));
  });

  it('differ in the unit of time alone where σ_min is 0', async () => {
    const sigmas = [0.01, 0.7, 80];
    const [edm, consistency] = [
      await coefficients('edm', sigmas),
      await coefficients('consistency', sigmas, { sigmaMin: 0 }),
    ];
    const { cNoise, ...rest } = consistency;
    expect(edm).toMatchObject(rest);
    Array.from(cNoise).forEach((t, i) => expect(t / 1000).toBeCloseTo(edm.cNoise[i]!, 6));
  });

  it("give the network's input and its target unit variance (Karras et al. 2022, appendix B.6)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: -6, max: 5, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.double({ min: 0.1, max: 2, noNaN: true }),
        async (logSigmas, sigmaData) => {
          const sigmas = logSigmas.map((value) => Math.fround(Math.exp(value)));
          const { cSkip, cOut, cIn } = await coefficients('edm', sigmas, { sigmaData });
          sigmas.forEach((sigma, i) => {
            expect(cIn[i]! ** 2 * (sigma ** 2 + sigmaData ** 2)).toBeCloseTo(1, 5);
            // The target (x0 − c_skip · x) / c_out, x = x0 + σ · noise. 1 − c_skip is exact only to float32's last place.
            const rest = (1 - cSkip[i]!) ** 2 * sigmaData ** 2 + cSkip[i]! ** 2 * sigma ** 2;
            expect(rest / cOut[i]! ** 2).toBeCloseTo(1, 4);
          });
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('precondition', () => {
  const x = tensor(
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)),
    [2, 3, 2, 1],
  );

  it('is the identity at σ_min, whatever the network says, for a consistency function', async () => {
    const f = precondition({ kind: 'consistency' }, (sample) => sample.mul(100).add(7));
    expect(await f(x, tensor([0.002, 0.002])).data()).toEqual(await x.data());
  });

  it('scales input and output of each sample by its own σ, and gives the network its time', async () => {
    const sigma = tensor([0.5, 4]);
    // F(x, t) = 3x + t: D = (c_skip + 3 c_out c_in) x + c_out c_noise.
    const denoise = precondition({ kind: 'edm' }, (sample, t) => sample.mul(3).add(t.reshape([2, 1, 1, 1])));
    const { cSkip, cOut, cIn, cNoise } = await coefficients('edm', [0.5, 4]);
    const [values, inputs] = [await denoise(x, sigma).data(), await x.data()];
    const slope = await grad((v: typeof x) => denoise(v, sigma).sum())(x).data();
    values.forEach((value, k) => {
      const i = Math.floor(k / 6);
      const factor = cSkip[i]! + 3 * cOut[i]! * cIn[i]!;
      expect(value).toBeCloseTo(factor * inputs[k]! + cOut[i]! * cNoise[i]!, 5);
      expect(slope[k]).toBeCloseTo(factor, 5);
    });
  });

  it('keeps the dtype of x', () => {
    const half = x.cast('float16');
    const dtypes: string[] = [];
    const output = precondition({ kind: 'edm' }, (sample, t) => {
      dtypes.push(sample.dtype, t.dtype);
      return sample;
    })(half, tensor([1, 2]));
    expect([...dtypes, output.dtype]).toEqual(['float16', 'float32', 'float16']);
  });
});
