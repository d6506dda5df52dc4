/** Distances between two images that consistency objectives bring together; each is [B] of two [B, C, H, W]. */
import { lpips, readLpipsWeights } from '@immiscible/metrics-fid';
import { pseudoHuberC } from '@immiscible/schedulers';
import { type Tensor } from '@immiscible/tensor-core';
import { type DistanceConfig } from './config.ts';
import { type Objective } from './objective.ts';

export interface Distance {
  /** @param frozen what `readFrozen` gave */
  between(a: Tensor, b: Tensor, frozen: Readonly<Record<string, Tensor>>): Tensor;
  readonly readFrozen?: NonNullable<Objective['readFrozen']>;
}

/** The distance that a config names. */
export function distanceOf(config: DistanceConfig): Distance {
  switch (config.kind) {
    case 'l2':
      return { between: meanSquare };
    case 'pseudo-huber':
      return { between: (a, b) => pseudoHuber(a, b, config.c ?? pseudoHuberC(a.size / a.shape[0]!)) };
    case 'lpips': {
      const { backbone, heads, sha256 = {}, resize } = config;
      return {
        between: (a, b, frozen) => lpips(frozen, a, b, resize === null ? {} : { resize }),
        readFrozen: () => readLpipsWeights({ backbone, heads, sha256 }),
      };
    }
  }
}

function overElements(x: Tensor): number[] {
  return x.shape.map((_, i) => i).slice(1);
}

/** The mean squared difference, as the authors of consistency models take l2. */
function meanSquare(a: Tensor, b: Tensor): Tensor {
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
