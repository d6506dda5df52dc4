import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { webgpuAdapters } from './adapters.ts';

describe('webgpuAdapters', () => {
  it('describes what Dawn itself finds', async () => {
    const script =
      "const { create } = await import('webgpu'); const gpu = create([]); const a = await gpu.requestAdapter({ powerPreference: 'high-performance' }); console.log(JSON.stringify(a ? a.info.device : null));";
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
    });
    const found = JSON.parse(stdout) as string | null;
    const adapters = await webgpuAdapters();
    expect(adapters.map(({ device }) => device)).toEqual(found === null ? [] : [found]);
    for (const { features } of adapters) expect(features).toEqual([...features].sort());
  });
});
