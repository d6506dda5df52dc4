/**
 * Where this package's files lie. The `../assets/` paths are relative to this module and hold from `src` and from `dist`
 * alike, which is why it stands here and not beside the code that reads them.
 */

/** Weights of the Fashion-MNIST classifier, safetensors. */
export const fashionClassifierWeights: URL = new URL(
  '../assets/fashion-classifier.safetensors',
  import.meta.url,
);
