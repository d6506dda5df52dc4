/** Distances between two images that consistency objectives bring together; each is [B] of two [B, C, H, W]. */
import { type Tensor } from '@immiscible/tensor-core';

function overElements(x: Tensor): number[] {
  return x.shape.map((_, i) => i).slice(1);
}

/** The mean squared difference, as the authors of consistency models take l2. */
export function meanSquare(a: Tensor, b: Tensor): Tensor {
  return a.sub(b).square().mean(overElements(a));
}

/**
 * √(‖a − b‖² + c²) − c: Song & Dhariwal 2023, section 3.3. Computed as ‖a − b‖² / (√(‖a − b‖² + c²) + c), which does not
 * cancel where the images are nearer than c.
 *
 * @param c above 0
 */
export function pseudoHuber(a: Tensor, b: Tensor, c: number): Tensor {
  const squared = a.sub(b).square().sum(overElements(a));
  return squared.div(
    squared
      .add(c ** 2)
      .sqrt()
      .add(c),
  );
}
