/**
 * β schedules in float32, rounded where PyTorch rounds, because ᾱ_t enters every later number: computed in float64
 * it would differ from a diffusers checkpoint's own schedule in the seventh digit, and 1 − ᾱ_t/ᾱ_{t−1} in the fourth.
 */
import { type BetaConfig } from './config.ts';
import { SchedulerConfigError } from './errors.ts';

const f32 = Math.fround;

/** `torch.linspace(start, end, n, dtype=float32)`: from both ends to the middle, with one rounding for each element. */
function linspace(start: number, end: number, n: number): Float32Array {
  const first = f32(start);
  const last = f32(end);
  if (n === 1) return Float32Array.of(first);
  const step = f32(f32(last - first) / (n - 1));
  const half = Math.floor(n / 2);
  // float32 × small integer is exact in float64, so the store below is the only rounding, as with a fused multiply-add.
  return Float32Array.from({ length: n }, (_, i) =>
    i < half ? first + step * i : last - step * (n - 1 - i),
  );
}

/** Nichol & Dhariwal, "Improved DDPM" (2021), eq. 17: ᾱ(t) = cos²((t + s)/(1 + s)·π/2), s = 0.008. */
const cosineAlphaBar = (t: number): number => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
/** diffusers' `exp`. */
const exponentialAlphaBar = (t: number): number => Math.exp(-12 * t);

/** 1/(1 + e^{−x}), with PyTorch's roundings. */
const sigmoid = (x: number): number => f32(1 / f32(1 + f32(Math.exp(-x))));

/** The β of a given ᾱ(t), t from 0 to 1; as in "Improved DDPM" they are capped at 0.999. */
function betasOf(alphaBar: (t: number) => number, T: number): Float32Array {
  return Float32Array.from({ length: T }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / T) / alphaBar(i / T), 0.999),
  );
}

/** ᾱ_t = Π_{s ≤ t} (1 − β_s), [T]: the product is carried in float64 and each element rounded, as `torch.cumprod` does. */
export function cumulativeAlphas(betas: Float32Array): Float32Array {
  let product = 1;
  return betas.map((beta) => (product *= f32(1 - beta)));
}

/** Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (2023), Algorithm 1: ᾱ_T becomes 0. */
function rescaleToZeroSnr(betas: Float32Array): Float32Array {
  const root = cumulativeAlphas(betas).map(Math.sqrt);
  const first = root[0]!;
  const last = root[root.length - 1]!;
  const scale = f32(first / f32(first - last));
  const alphaBar = root.map((value) => f32(f32(value - last) * scale) ** 2);
  return alphaBar.map((value, t) => 1 - (t === 0 ? value : f32(value / alphaBar[t - 1]!)));
}

/** Whether the config asks for zero terminal SNR; PNDM and Heun cannot, as their fields in diffusers. */
export function endsInPureNoise(config: BetaConfig): boolean {
  switch (config._class_name) {
    case 'PNDMScheduler':
    case 'HeunDiscreteScheduler':
      return false;
    default:
      return config.rescale_betas_zero_snr;
  }
}

/**
 * β_t for t = 0 … T−1, [T] float32, bit for bit what diffusers 0.35.2 makes of the same config.
 *
 * @throws SchedulerConfigError where zero terminal SNR cannot be had (a single timestep)
 */
export function makeBetas(config: BetaConfig): Float32Array {
  const betas = unscaledBetas(config);
  if (!endsInPureNoise(config)) return betas;
  if (betas.length < 2) {
    throw new SchedulerConfigError(
      'scheduler config: rescale_betas_zero_snr: wanted num_train_timesteps of at least 2, got 1',
    );
  }
  return rescaleToZeroSnr(betas);
}

function unscaledBetas(config: BetaConfig): Float32Array {
  const { num_train_timesteps: T, beta_start: start, beta_end: end } = config;
  if (config.trained_betas !== null) return Float32Array.from(config.trained_betas);
  switch (config.beta_schedule) {
    case 'linear': // Ho et al., "DDPM" (2020), section 4
      return linspace(start, end, T);
    case 'scaled_linear': // Rombach et al., "Latent diffusion" (2022): linear in √β
      return linspace(Math.sqrt(start), Math.sqrt(end), T).map((root) => root * root);
    case 'squaredcos_cap_v2':
      return betasOf(cosineAlphaBar, T);
    case 'sigmoid': // Xu et al., "GeoDiff" (2022)
      return linspace(-6, 6, T).map((x) => f32(sigmoid(x) * f32(end - start)) + f32(start));
    case 'exp':
      return betasOf(exponentialAlphaBar, T);
  }
}
