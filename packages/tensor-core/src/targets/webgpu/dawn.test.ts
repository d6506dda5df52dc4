import { describe, expect, it } from 'vitest';
import { parseAdapterNames } from './dawn.ts';

describe('parseAdapterNames', () => {
  it('reads the list in what Dawn says to a name that no adapter has, each once', () => {
    const message = [
      'Error: no suitable backends found',
      'Available adapters:',
      " * backend: 'd3d12', name: 'NVIDIA GeForce RTX 4090'",
      " * backend: 'vulkan', name: 'llvmpipe (LLVM 15.0.6, 256 bits)'",
      " * backend: 'vulkan', name: 'Somebody's GPU'",
      " * backend: 'vulkan', name: 'Somebody's GPU'",
    ].join('\n');
    expect(parseAdapterNames(message)).toEqual([
      { backend: 'd3d12', name: 'NVIDIA GeForce RTX 4090' },
      { backend: 'vulkan', name: 'llvmpipe (LLVM 15.0.6, 256 bits)' },
      { backend: 'vulkan', name: "Somebody's GPU" },
    ]);
  });

  it('finds none in another message', () => {
    expect(parseAdapterNames('Error: no suitable backends found\nAvailable adapters:\n')).toEqual([]);
  });
});
