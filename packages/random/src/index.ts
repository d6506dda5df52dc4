export { philox4x32 } from './philox.ts';
export { RandomStream, permutation, streamNormal, streamUniform, type Seed } from './stream.ts';
