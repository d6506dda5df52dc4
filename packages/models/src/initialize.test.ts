import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initParameters, initUnet2d, type InitOptions } from './initialize.ts';
import { type ParameterSpecs } from './parameters.ts';
import { unet2dParameters } from './unet-2d.ts';
import { parseUnet2dConfig } from './unet-2d-config.ts';

const config = parseUnet2dConfig({
  block_out_channels: [16, 32],
  norm_num_groups: 8,
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
  time_embedding_type: 'fourier',
  num_class_embeds: 100,
});
const specs = unet2dParameters(config);

async function values(seed: number, options?: InitOptions): Promise<Record<string, ArrayLike<number>>> {
  const entries = Object.entries(initUnet2d(config, seed, options));
  return Object.fromEntries(
    await Promise.all(entries.map(async ([name, t]) => [name, await t.data()] as const)),
  );
}

/** Largest magnitude, mean and standard deviation. */
function moments(x: ArrayLike<number>): { most: number; mean: number; deviation: number } {
  const all = Array.from(x);
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  const variance = all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length;
  return { most: all.reduce((a, b) => Math.max(a, Math.abs(b)), 0), mean, deviation: Math.sqrt(variance) };
}

/** Asserts that `x` looks drawn from the interval [−half, half): inside it, reaching to its ends, mean and spread its own. */
function expectUniform(x: ArrayLike<number>, half: number): void {
  const { most, mean, deviation } = moments(x);
  const n = x.length;
  expect(most).toBeLessThanOrEqual(half * (1 + 1e-6));
  expect(most).toBeGreaterThan(half * (1 - 20 / n));
  expect(Math.abs(mean)).toBeLessThan((5 * half) / Math.sqrt(3 * n));
  expect(Math.abs(deviation / (half / Math.sqrt(3)) - 1)).toBeLessThan(5 / Math.sqrt(n));
}

describe('initUnet2d', () => {
  it("draws as PyTorch's layers do", async () => {
    const drawn = await values(1);
    expectUniform(drawn['down_blocks.1.resnets.0.conv2.weight']!, 1 / Math.sqrt(32 * 9));
    expectUniform(drawn['up_blocks.0.resnets.0.conv2.bias']!, 1 / Math.sqrt(32 * 9));
    expectUniform(drawn['down_blocks.1.resnets.0.conv_shortcut.weight']!, 1 / Math.sqrt(16));
    expectUniform(drawn['time_embedding.linear_1.weight']!, 1 / Math.sqrt(32));
    expectUniform(drawn['time_embedding.linear_1.bias']!, 1 / Math.sqrt(32));
    expect(Math.abs(moments(drawn['class_embedding.weight']!).deviation - 1)).toBeLessThan(0.05);
    const fourier = moments(drawn['time_proj.weight']!).deviation; // of 16 numbers with standard deviation 16
    expect(fourier).toBeGreaterThan(8);
    expect(fourier).toBeLessThan(28);
    expect(new Set(Array.from(drawn['conv_norm_out.weight']!))).toEqual(new Set([1]));
    expect(new Set(Array.from(drawn['conv_norm_out.bias']!))).toEqual(new Set([0]));
  });

  it("draws as Ho et al.'s DDPM does, where asked", async () => {
    const drawn = await values(1, { scheme: 'xavier', zeroInit: true });
    expectUniform(drawn['down_blocks.1.resnets.0.conv1.weight']!, Math.sqrt(6 / (9 * (16 + 32))));
    expectUniform(drawn['time_embedding.linear_1.weight']!, Math.sqrt(6 / (32 + 64)));
    expect(moments(drawn['conv_in.bias']!).most).toBe(0);
  });

  it('starts the last layer of each branch at 0 under zeroInit, and nothing else', async () => {
    const [plain, zeroed] = [await values(1), await values(1, { zeroInit: true })];
    for (const name of Object.keys(plain)) {
      if (/(conv2|to_out\.0|conv_out)\.(weight|bias)$/.test(name))
        expect(moments(zeroed[name]!).most, name).toBe(0);
      else expect(zeroed[name], name).toEqual(plain[name]);
    }
  });

  it('has the shapes of the specifications, and marks Fourier frequencies as not learned', () => {
    const drawn = initUnet2d(config, 1);
    expect(Object.fromEntries(Object.entries(drawn).map(([name, { shape }]) => [name, shape]))).toEqual(
      Object.fromEntries(Object.entries(specs).map(([name, { shape }]) => [name, shape])),
    );
    expect(Object.keys(specs).filter((name) => !specs[name]!.trainable)).toEqual(['time_proj.weight']);
  });

  it('differs by seed and by name', async () => {
    const [a, again, b] = [await values(1), await values(1), await values(2)];
    expect(again).toEqual(a);
    expect(b['conv_in.weight']).not.toEqual(a['conv_in.weight']);
    const q = 'mid_block.attentions.0.to_q.weight';
    expect(a[q.replace('to_q', 'to_k')]).not.toEqual(a[q]);
  });

  it('gives a parameter the same values whatever stands beside it, in whatever order', async () => {
    const names = Object.keys(specs);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(names, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        async (some, seed) => {
          const few: ParameterSpecs = Object.fromEntries(some.map((name) => [name, specs[name]!]));
          const together = initParameters(few, seed);
          for (const name of some) {
            const alone = initParameters({ [name]: specs[name]! }, seed);
            expect(await together[name]!.data()).toEqual(await alone[name]!.data());
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});
