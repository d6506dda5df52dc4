import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recipes } from '@immiscible/trainer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../test/cli.ts';
import { type Json, loadConfig, merge } from './config-file.ts';

async function file(text: string, name = 'config.yaml'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, text);
  return path;
}

describe('loadConfig', () => {
  it('gives a recipe as it is, and the demo where nothing is said', async () => {
    expect(await loadConfig({ recipe: 'cifar10-ddim' })).toEqual(recipes['cifar10-ddim']);
    expect(await loadConfig({})).toEqual(recipes.demo);
  });

  it('lays a file over the recipe that it extends', async () => {
    const config = await file('extends: demo\nname: mine\ntraining: { steps: 7 }\n');
    expect(await loadConfig({ config })).toEqual({
      ...recipes.demo,
      name: 'mine',
      training: { ...recipes.demo.training, steps: 7 },
    });
  });

  it('follows a path beside the file, in JSON too', async () => {
    const base = await file('{ "name": "base", "seed": 3 }', 'base.json');
    await writeFile(join(base, '..', 'over.yaml'), 'extends: ./base.json\nseed: 4\n');
    expect(await loadConfig({ config: join(base, '..', 'over.yaml') })).toEqual({ name: 'base', seed: 4 });
  });

  it('reads --set values as YAML, in order, lists by place', async () => {
    const config = await file('training: { steps: 1 }\narms: [{ name: a }, { name: b }]\n');
    const set = [
      'training.steps=2',
      'arms.1.name=c',
      'evaluation.samplingSteps=[2, 5]',
      'training.maxGradientNorm=null',
    ];
    expect(await loadConfig({ config, set })).toEqual({
      training: { steps: 2, maxGradientNorm: null },
      arms: [{ name: 'a' }, { name: 'c' }],
      evaluation: { samplingSteps: [2, 5] },
    });
  });

  it.each<[string, (config: string) => Parameters<typeof loadConfig>[0], RegExp]>([
    ['', () => ({ recipe: 'dem' }), /no recipe "dem"; choose one of demo, .*fashion-mnist-ddim/],
    ['', (config) => ({ recipe: 'demo', config }), /got both; let the file say `extends: demo`/],
    ['', (config) => ({ config: `${config}.gone` }), /config file .*\.gone cannot be read: ENOENT/],
    ['- 1\n- 2\n', (config) => ({ config }), /wants fields and values, got \[1,2\]/],
    ['name: [1\n', (config) => ({ config }), /cannot be parsed: .*line 2/s],
    ['extends: nothing\n', (config) => ({ config }), /no recipe "nothing"/],
    ['extends: 3\n', (config) => ({ config }), /extends: wants the name of a recipe or a path, got 3/],
    ['extends: ./config.yaml\n', (config) => ({ config }), /extends itself/],
    ['{}\n', (config) => ({ config, set: ['steps'] }), /--set: wants path=value.* got "steps"/],
    ['{}\n', (config) => ({ config, set: ['a..b=1'] }), /--set: wants path=value/],
    ['a: [1]\n', (config) => ({ config, set: ['a.7=1'] }), /"7" wants to be a place in a list of 1/],
  ])('refuses %j', async (text, source, message) => {
    const config = await file(text);
    await expect(loadConfig(source(config))).rejects.toThrow(message);
  });
});

describe('merge', () => {
  it('replaces lists, and what is of another kind', () => {
    const base = { data: { kind: 'fashion-mnist', size: 16 }, list: [1, 2] };
    const over = { data: { kind: 'cifar10', path: 'p' }, list: [3] };
    expect(merge(base, over)).toEqual(over);
    expect(merge(base, { data: { kind: 'fashion-mnist', split: 'test' } })).toEqual({
      data: { kind: 'fashion-mnist', size: 16, split: 'test' },
      list: [1, 2],
    });
  });

  it('changes nothing when laid over itself, and keeps every field of what lies on top', () => {
    const records = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(records, records, (a, b) => {
        const [base, over] = [a, b] as [Record<string, Json>, Record<string, Json>];
        expect(merge(base, base)).toEqual(base);
        expect(Object.keys(merge(base, over) as object)).toEqual(expect.arrayContaining(Object.keys(over)));
      }),
    );
  });
});
