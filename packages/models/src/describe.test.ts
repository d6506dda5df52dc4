import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { goldenJson, goldenPath } from '../test/golden.ts';
import { describeUnet2d } from './describe.ts';
import { parseUnet2dConfig } from './unet-2d-config.ts';

type Costs = Record<string, Record<'parameters' | 'tensors' | 'multiplyAdds' | 'activations', number>>;
const costs = goldenJson<Costs>('costs.json', 'own');

function configOf(name: string, extra: object = {}): ReturnType<typeof parseUnet2dConfig> {
  const own = goldenPath(`configs/${name}.json`, 'own');
  const path = existsSync(own) ? own : goldenPath(`configs/${name}.json`);
  const json = JSON.parse(readFileSync(path, 'utf8')) as object;
  return parseUnet2dConfig({ ...json, ...extra });
}

describe('describeUnet2d', () => {
  it.each(Object.entries(costs))('counts %s as PyTorch does', (name, wanted) => {
    expect(describeUnet2d(configOf(name))).toMatchObject({ ...wanted, frozen: 0 });
  });

  it('counts what is not learned apart', () => {
    const [fourier, plain] = [describeUnet2d(configOf('fourier')), describeUnet2d(configOf('tiny'))];
    expect([fourier.frozen, plain.frozen]).toEqual([16, 0]);
    expect(fourier.tensors).toBe(plain.tensors + 1);
  });

  it('asks for a size where the config has none', () => {
    const config = configOf('tiny', { sample_size: null });
    expect(() => describeUnet2d(config)).toThrow(/sample_size is null; say for which/);
    expect(describeUnet2d(config, [8, 16]).size).toEqual([8, 16]);
    expect(describeUnet2d(configOf('tiny', { sample_size: [8, 16] }))).toEqual(
      describeUnet2d(config, [8, 16]),
    );
  });
});
