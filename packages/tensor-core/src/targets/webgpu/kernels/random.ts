/**
 * The numbers of `randomUniform` (ops/random.ts) in WGSL: Philox4x32-10 of Salmon et al. 2011, the same bits as on the
 * host. WGSL has no product of 64 bits, so it is put together from four of 16-bit pieces.
 */

/** The constants of Salmon et al. 2011, table 2 and section 3.3. */
const MULTIPLIERS = ['0xD2511F53u', '0xCD9E8D57u'] as const;
const WEYL = ['0x9E3779B9u', '0xBB67AE85u'] as const;
const ROUNDS = 10;

/**
 * Defines `fn philox_uniform(key0: u32, key1: u32, salt: u32, i: u32) -> f32`: element i of a row of `randomUniform`
 * under the row's key, in [0, 1).
 */
export const philoxCode = `fn philox_high(a: u32, b: u32) -> u32 {
  let low = (a & 0xFFFFu) * (b & 0xFFFFu);
  let middle = (a >> 16u) * (b & 0xFFFFu) + (low >> 16u);
  let other = (a & 0xFFFFu) * (b >> 16u) + (middle & 0xFFFFu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}
fn philox_uniform(key0: u32, key1: u32, salt: u32, i: u32) -> f32 {
  var c = vec4<u32>(i >> 3u, salt, 0u, 0u);
  var k = vec2<u32>(key0, key1);
  for (var round = 0; round < ${ROUNDS}; round++) {
    c = vec4<u32>(
      philox_high(${MULTIPLIERS[1]}, c.z) ^ c.y ^ k.x, ${MULTIPLIERS[1]} * c.z,
      philox_high(${MULTIPLIERS[0]}, c.x) ^ c.w ^ k.y, ${MULTIPLIERS[0]} * c.x);
    k += vec2<u32>(${WEYL[0]}, ${WEYL[1]});
  }
  let word = c[(i >> 1u) & 3u];
  return f32(select(word & 0xFFFFu, word >> 16u, (i & 1u) == 1u)) * 0x1p-16f;
}`;
