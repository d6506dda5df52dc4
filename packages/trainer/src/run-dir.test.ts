import { readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, testDevice, tinyRun } from '../test/tiny.ts';
import { CheckpointError, ConfigError } from './errors.ts';
import { createRunDir, describeEnvironment, isRun, readRunConfig } from './run-dir.ts';

const opened = testDevice();

describe('describeEnvironment', () => {
  it('says what a result was made with: device, processor, Node, and the version of every package', () => {
    const { device, processor, node, platform, versions } = describeEnvironment(opened.device);
    expect(device).toMatch(/^cpu: ONNX Runtime \d+\.\d+\.\d+, 1 thread/);
    expect(processor.length).toBeGreaterThan(0);
    expect(node).toBe(process.versions.node);
    expect(platform).toContain(process.platform);
    const ours = Object.entries(versions);
    expect(ours.length).toBeGreaterThanOrEqual(7);
    for (const [name, version] of ours) {
      const manifest = new URL(`../../${name.replace('@immiscible/', '')}/package.json`, import.meta.url);
      expect(version, name).toBe((JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version);
    }
  });
});

describe('the folder of a run', () => {
  const config = tinyRun();

  it('holds config and environment before the first step', async () => {
    const folder = join(await temporaryFolder(), 'runs', 'first');
    expect(await isRun(folder)).toBe(false);
    const environment = describeEnvironment(opened.device);
    await createRunDir(folder, config, environment);
    expect(await isRun(folder)).toBe(true);
    expect((await readdir(folder)).sort()).toEqual(['config.json', 'environment.json']);
    expect(await readRunConfig(folder)).toEqual(config);
    expect(JSON.parse(await readFile(join(folder, 'environment.json'), 'utf8'))).toEqual(environment);
  });

  it('is not made twice', async () => {
    const folder = await temporaryFolder();
    const environment = describeEnvironment(opened.device);
    await createRunDir(folder, config, environment);
    await expect(createRunDir(folder, config, environment)).rejects.toThrow(/holds a run already; resume it/);
  });

  it('says what is wrong with its config', async () => {
    const folder = await temporaryFolder();
    await expect(readRunConfig(folder)).rejects.toThrow(CheckpointError);
    await expect(readRunConfig(folder)).rejects.toThrow('holds no run');
    const path = join(folder, 'config.json');
    await writeFile(path, '{"name": "cut sh');
    await expect(readRunConfig(folder)).rejects.toThrow(`${path} is damaged`);
    await writeFile(path, '{"nam": "first"}');
    await expect(readRunConfig(folder)).rejects.toThrow(ConfigError);
    await expect(readRunConfig(folder)).rejects.toThrow('nam: there is no such field');
  });
});
