/** Images in batches of one size, so that a network is compiled once. */

/** The images followed by zeros, where they are fewer than a batch. */
export function filledUp(images: Float32Array, length: number): Float32Array {
  if (images.length === length) return images;
  const batch = new Float32Array(length);
  batch.set(images);
  return batch;
}

export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
