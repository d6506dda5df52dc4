import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Folder, goldenPath } from '../test/golden.ts';
import { type ResnetPlan } from './blocks/resnet.ts';
import { parseUnet2dConfig } from './unet-2d-config.ts';
import { planUnet2d, type Unet2dPlan } from './unet-2d-plan.ts';

/** Residual blocks in the order in which data meets them. */
function resnets({ down, middle, up }: Unet2dPlan): ResnetPlan[] {
  return [...down, ...(middle ? [middle] : []), ...up].flatMap(({ stages, resample }) => [
    ...stages.map(({ resnet }) => resnet),
    ...(resample && 'resnet' in resample ? [resample.resnet] : []),
  ]);
}

describe('planUnet2d', () => {
  it.each<[string, Folder, number]>([
    ['ddpm-cifar10-32', 'shared', 22],
    ['resnet-sampling', 'shared', 10],
    ['adm', 'own', 10],
    ['no-middle', 'own', 6],
  ])('numbers the residual blocks of %s in the order of the data', (name, folder, count) => {
    const config = parseUnet2dConfig(readFileSync(goldenPath(`configs/${name}.json`, folder), 'utf8'));
    const salts = resnets(planUnet2d(config)).map(({ salt }) => salt);
    expect(salts).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('reads attention_head_dim as the size of a head, and null as one head of all channels', () => {
    const heads = (extra: object): [number, number][] => {
      const plan = planUnet2d(parseUnet2dConfig(extra));
      return [...plan.down, plan.middle!].flatMap(({ stages }) =>
        stages.flatMap(({ attention: a }) => (a ? [[a.heads, a.headSize] as [number, number]] : [])),
      );
    };
    const widths = [448, 448, 672, 672, 896, 896, 896];
    expect(heads({})).toEqual(widths.map((width) => [width / 8, 8]));
    expect(heads({ attention_head_dim: null })).toEqual(widths.map((width) => [1, width]));
  });
});
