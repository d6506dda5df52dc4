/** Whatever cannot be used is named in one message on stderr, without a stack, and the exit code is 2. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AdapterDescription, webgpuAdapters } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { cli, shared, temporaryFolder, testIo, tinyConfig, writeConfig } from './cli.ts';

async function compareWith(
  changes: object,
  ...more: readonly string[]
): Promise<{ code: number; err: string }> {
  const out = await temporaryFolder();
  const {
    code,
    out: printed,
    err,
  } = await cli(['compare', '--config', await writeConfig(out, changes), '--out', out, ...more]);
  expect(printed).toBe('');
  expect(await readdir(out)).toEqual(['tiny.json']); // nothing is left that would stand in the way
  expect(err).not.toMatch(/^ +at /m);
  return { code, err };
}

describe('a config', () => {
  it.each<[object, string[], RegExp]>([
    [{ trainig: {} }, [], /trainig: there is no such field/],
    [{ training: { ...tinyConfig.training, stepz: 3 } }, [], /training\.stepz: there is no such field/],
    [{ training: { steps: 'many' } }, [], /training\.steps: .*got "many"/],
    [{ data: { kind: 'cifar' } }, [], /data\.kind: /],
    [{}, ['--set', 'training.batchSize=0'], /training\.batchSize: .*got 0/],
    [
      {},
      ['--set', 'model.norm_num_groups=5'],
      /model\.block_out_channels\.0: wanted a multiple of norm_num_groups/,
    ],
    [{}, ['--set', 'model.in_channels=3'], /model\.out_channels/],
    [{}, ['--set', 'model.sample_size=16'], /takes 1 channels of 16×16 .* have 1 of 8×8/],
    [{}, ['--name', 'a/b'], /name: wants letters, digits/],
    [{ device: '' }, [], /device: wants auto, cpu, webgpu/],
    [{ device: 'no GPU' }, [], /no WebGPU adapter whose name holds "no GPU"/],
    [{}, ['--device', 'webgpu:none'], /no WebGPU adapter whose name holds "webgpu:none"/],
  ])('%j %j', async (changes, more, message) => {
    const { code, err } = await compareWith(changes, ...more);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('data', () => {
  it('that is not there', async () => {
    const { code, err } = await compareWith({ data: { kind: 'cifar10', path: 'no/such/folder' } });
    expect([code, err]).toEqual([2, expect.stringContaining('no/such/folder')]);
  });

  it('that is too small for a batch', async () => {
    const folder = await temporaryFolder();
    const side = 8;
    const images = new Uint8Array(16 + 10 * side * side);
    const header = new DataView(images.buffer);
    [0x803, 10, side, side].forEach((value, i) => header.setUint32(4 * i, value));
    await writeFile(join(folder, 'ten.idx'), images);
    const { code, err } = await compareWith({ data: { kind: 'idx', images: join(folder, 'ten.idx') } });
    expect(code).toBe(2);
    expect(err).toMatch(/createLoader: wanted .*16.*got 10/);
  });

  it.skipIf(shared === undefined)(
    `that is corrupt, by the file’s name${shared === undefined ? ' (skipped: ../shared/data is not here)' : ''}`,
    async () => {
      const data = { kind: 'image-folder', path: join(shared!, 'data/corrupt-images'), size: 8, channels: 1 };
      const { code, err } = await compareWith({ data });
      expect(code).toBe(2);
      expect(err).toMatch(/(empty|flipped-bytes|text|truncated|zeros)\.(jpg|png)/);
    },
  );
});

describe('the command line', () => {
  it.each<[string[], RegExp]>([
    [['trane'], /unknown command 'trane'/],
    [['compare', '--recipe', 'dem'], /no recipe "dem"/],
    [
      ['compare', '--seed', '-1'],
      /--seed <number>' argument '-1' is invalid. It wants a whole number of at least 0/,
    ],
    [['compare', '--resume', 'x', '--continue'], /wants --resume or --continue, got both/],
    [['compare', '--resume', 'no-such-run'], /no-such-run holds no comparison/],
    [['train', '--resume', 'no-such-run'], /no-such-run holds no run/],
    [['assign', '--size', '3'], /required option '--cost <file>' not specified/],
    [['train', '--device', ' '], /--device <name>' argument ' ' is invalid. It wants a name/],
    [['info', 'no-such-thing'], /neither a folder nor a recipe; the recipes are demo,/],
  ])('%j', async (argv, message) => {
    const { code, out, err } = await cli(argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('shows help where it is asked for it, with examples and exit codes', async () => {
    const help = await cli(['--help']);
    expect([help.code, help.err]).toEqual([0, '']);
    expect(help.out).toMatch(/Exit codes: 0 done/);
    for (const command of ['compare', 'train', 'sample', 'evaluate', 'assign', 'info']) {
      const { code, out } = await cli([command, '--help']);
      expect(code).toBe(0);
      expect(out).toMatch(new RegExp(`Usage: immiscible ${command}`));
      expect(out).toMatch(/Examples:\n {2}immiscible/);
      expect(out).toContain('--json');
    }
    const version = await cli(['--version']);
    expect([version.code, version.out]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
  });

  it('adds the stack where it is asked for it', async () => {
    const io = testIo({ env: { DEBUG: 'immiscible' } });
    expect((await cli(['info', 'no-such-thing'], io)).err).toMatch(/^ +at .*info\.ts/m);
  });

  it('colours what is seen, unless NO_COLOR says no', async () => {
    const red = '\u001b[31m';
    expect((await cli(['info', 'x'], testIo({ isTTY: true }))).err).toContain(red);
    expect((await cli(['info', 'x'], testIo({ isTTY: true, env: { NO_COLOR: '1' } }))).err).not.toContain(
      red,
    );
    expect((await cli(['info', 'x'])).err).not.toContain(red);
  });
});

it('a model folder whose files are damaged', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'unet'));
  await writeFile(join(folder, 'unet/config.json'), '{ "sample_size": 8,');
  const json = await cli(['sample', folder]);
  expect([json.code, json.err]).toEqual([2, expect.stringMatching(/unet\/config\.json is not JSON/)]);
  await writeFile(join(folder, 'unet/config.json'), '{ "sample_size": 8, "act_fn": "mish" }');
  const field = await cli(['sample', folder]);
  expect([field.code, field.err]).toEqual([2, expect.stringContaining('act_fn: wanted')]);
});

it('info lists machine, versions and recipes', async () => {
  const { code, out } = await cli(['info']);
  expect(code).toBe(0);
  const adapters = await webgpuAdapters();
  const hardware = adapters.some(({ software }) => !software);
  expect(out).toMatch(hardware ? /^device +webgpu: /m : /^device +cpu: /m);
  expect(out).toMatch(hardware ? /^auto takes +.+: .*hardware adapter/m : /^auto takes +cpu: /m);
  expect(out).toMatch(adapters.length > 0 ? /^WebGPU .*\n.* a binding, /m : /^WebGPU +no adapter$/m);
  expect(out).toMatch(/^cifar10-ddim +cifar10 +32×32 +35\.7 M +163,800 × 128$/m);
  const json = JSON.parse((await cli(['info', '--json'])).out) as {
    recipes: { name: string; parameters: number }[];
    webgpuAdapters: AdapterDescription[];
    auto: { device: string; reason: string };
  };
  expect(json.webgpuAdapters).toEqual(adapters);
  expect(json.auto.device).toBe(adapters.find(({ software }) => !software)?.name ?? 'cpu');
  expect(json.recipes.find(({ name }) => name === 'cifar10-ddim')?.parameters).toBe(35_746_307);
});
