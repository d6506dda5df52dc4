/** Files written here open in the reference implementation, and its files open here. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../src/index.ts';
import { lacking, runPython } from './python.ts';

const reason = lacking('numpy', 'safetensors.numpy');
const name = (text: string): string => (reason === undefined ? text : `${text} (skipped: ${reason})`);

describe('safetensors in Python', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'safetensors-python-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (code: string, file: string): string =>
    runPython(`import sys, json, numpy as np\nimport safetensors.numpy as st\n${code}`, file);

  const tensors: Record<string, StoredTensor> = {
    odd: { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 255) },
    flags: { dtype: 'bool', shape: [2, 1], data: Uint8Array.of(1, 0) },
    half: { dtype: 'float16', shape: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x7c00) },
    whole: { dtype: 'int32', shape: [2], data: Int32Array.of(-5, 2 ** 31 - 1) },
    'conv_in.weight': { dtype: 'float32', shape: [2, 2], data: Float32Array.of(0.1, -2, 3e38, 1e-45) },
    scalar: { dtype: 'float32', shape: [], data: Float32Array.of(7) },
    nothing: { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) },
  };

  it.skipIf(reason !== undefined)(name('opens what is written here'), async () => {
    const file = path.join(folder, 'ours.safetensors');
    await writeSafetensors(file, tensors, { format: 'pt', note: 'ünï' });
    const code = `
from safetensors import safe_open
loaded = st.load_file(sys.argv[1])
with safe_open(sys.argv[1], 'np') as f: metadata = f.metadata()
values = {k: [str(v.dtype), list(v.shape), [float(x) for x in v.astype(np.float64).reshape(-1)]] for k, v in loaded.items()}
print(json.dumps([values, metadata]))`;
    const [values, metadata] = JSON.parse(run(code, file).replaceAll('Infinity', '1e999')) as [
      unknown,
      unknown,
    ];
    expect(metadata).toEqual({ format: 'pt', note: 'ünï' });
    expect(values).toEqual({
      odd: ['uint8', [3], [1, 2, 255]],
      flags: ['bool', [2, 1], [1, 0]],
      half: ['float16', [3], [1, -2, Infinity]],
      whole: ['int32', [2], [-5, 2 ** 31 - 1]],
      'conv_in.weight': ['float32', [2, 2], [...Float32Array.of(0.1, -2, 3e38, 1e-45)]],
      scalar: ['float32', [], [7]],
      nothing: ['float32', [0, 4], []],
    });
  });

  it.skipIf(reason !== undefined)(name('writes what opens here'), async () => {
    const file = path.join(folder, 'theirs.safetensors');
    const code = `
st.save_file({
  'a': np.arange(6, dtype=np.float32).reshape(2, 3), 'b': np.array([1.5, -2], np.float64),
  'c': np.array([-7, 9], np.int64), 'd': np.array([True, False]), 'e': np.array([0.5], np.float16),
  'f': np.array([3], np.uint8), 'g': np.zeros((0, 2), np.float32),
}, sys.argv[1], {'by': 'numpy'})`;
    run(code, file);
    const read = await readSafetensors(file);
    expect(read.metadata).toEqual({ by: 'numpy' });
    expect(read.tensors).toEqual({
      a: { dtype: 'float32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) },
      b: { dtype: 'float32', shape: [2], data: Float32Array.of(1.5, -2) },
      c: { dtype: 'int32', shape: [2], data: Int32Array.of(-7, 9) },
      d: { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
      e: { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3800) },
      f: { dtype: 'uint8', shape: [1], data: Uint8Array.of(3) },
      g: { dtype: 'float32', shape: [0, 2], data: new Float32Array(0) },
    });
  });
});
