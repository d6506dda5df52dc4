/**
 * Stored weights against what the config asks for: old names, missing, unexpected and misshapen tensors. Reading and
 * writing files is the caller's.
 */
import { type StoredTensor, tensor, type Tensor, widen } from '@immiscible/tensor-core';
import { ModelWeightsError } from './errors.ts';
import { type ParameterSpecs } from './parameters.ts';
import { unet2dParameters } from './unet-2d.ts';
import { type Unet2dConfig } from './unet-2d-config.ts';

/** What attention's layers were called in diffusers before 0.12, and are called now. */
const renamed: Readonly<Record<string, string>> = {
  query: 'to_q',
  key: 'to_k',
  value: 'to_v',
  proj_attn: 'to_out.0',
};

const oldName = /^(.*\battentions\.\d+\.)(query|key|value|proj_attn)(\.(?:weight|bias))$/;

/**
 * Weights under today's names: `….query.weight`, `key`, `value`, `proj_attn` of old files become `to_q`, `to_k`,
 * `to_v`, `to_out.0`; everything else is as it was.
 *
 * @throws ModelWeightsError where a tensor is there under both names
 */
export function normalizeWeightNames<T>(weights: Readonly<Record<string, T>>): Record<string, T> {
  const result: Record<string, T> = {};
  for (const [name, value] of Object.entries(weights)) {
    const today = name.replace(
      oldName,
      (_, path: string, old: string, end: string) => `${path}${renamed[old]}${end}`,
    );
    if (today !== name && today in weights) {
      throw new ModelWeightsError(
        `weights: ${name} is an old name of ${today}, and both are there; keep one of them`,
      );
    }
    result[today] = value;
  }
  return result;
}

/**
 * Weights of an NCSNpp under our names, from a file of Karras et al.'s network or of their preconditioned one: without
 * `model.` before each name, without the filters that are stored beside convolutions (`….resample_filter`: the config has
 * them), and without `map_augment.weight`, which is read only while a network is trained on augmented images.
 */
export function normalizeNcsnppNames<T>(weights: Readonly<Record<string, T>>): Record<string, T> {
  const entries = Object.entries(weights);
  const inside = entries.every(([name]) => name.startsWith(WRAPPED));
  return Object.fromEntries(
    entries
      .map(([name, value]): [string, T] => [inside ? name.slice(WRAPPED.length) : name, value])
      .filter(([name]) => !name.endsWith('.resample_filter') && name !== 'map_augment.weight'),
  );
}

const WRAPPED = 'model.';

const SHOWN = 3;

function list(what: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const more = items.length > SHOWN ? `, and ${items.length - SHOWN} more` : '';
  return [`${items.length} ${what}: ${items.slice(0, SHOWN).join(', ')}${more}`];
}

/**
 * Checks that `weights` are those of `specs`: every parameter there, none besides, each of its shape.
 *
 * @param model the name that messages begin with
 * @param weights tensors, or anything with a shape, by name
 * @throws ModelWeightsError that counts what is missing, unexpected and misshapen, and names the first of each
 */
export function checkWeights(
  model: string,
  specs: ParameterSpecs,
  weights: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): void {
  const text = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [name, { shape }] of Object.entries(specs)) {
    const found = weights[name];
    if (!found) missing.push(`${name} ${text(shape)}`);
    else if (text(found.shape) !== text(shape)) {
      misshapen.push(`${name} (wanted ${text(shape)}, got ${text(found.shape)})`);
    }
  }
  const unexpected = Object.keys(weights).filter((name) => !(name in specs));
  const problems = [
    ...list('missing', missing),
    ...list('of another shape', misshapen),
    ...list('unexpected', unexpected),
  ];
  if (problems.length > 0) {
    throw new ModelWeightsError(
      `${model} weights: wanted the ${Object.keys(specs).length} tensors of the config; ${problems.join('; ')}. ` +
        'Use the config.json that was saved with these weights',
    );
  }
}

/**
 * Parameters from stored arrays: checked against `specs`, half precision widened.
 *
 * @returns float32 tensors on the host, in the order of `specs`
 * @throws ModelWeightsError where they are not those of the specifications, or not of floating point
 */
export function fromWeights(
  model: string,
  specs: ParameterSpecs,
  weights: Readonly<Record<string, StoredTensor>>,
): Record<string, Tensor> {
  checkWeights(model, specs, weights);
  return Object.fromEntries(
    Object.keys(specs).map((name) => {
      const { data, shape, dtype } = widen(weights[name]!);
      if (dtype !== 'float32') {
        throw new ModelWeightsError(
          `${model} weights: ${name}: wanted floating-point numbers, got ${dtype}; save the model again`,
        );
      }
      return [name, tensor(data, shape, dtype)];
    }),
  );
}

/**
 * Checks that `weights` are those of a UNet2DModel of this config.
 *
 * @param weights tensors, or anything with a shape, by name (today's: see `normalizeWeightNames`)
 * @throws ModelWeightsError that counts what is missing, unexpected and misshapen, and names the first of each
 */
export function checkUnet2dWeights(
  config: Unet2dConfig,
  weights: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): void {
  checkWeights(config._class_name, unet2dParameters(config), weights);
}

/**
 * The parameters of a UNet2DModel from stored arrays: old names mapped, checked against the config, float16 widened.
 *
 * @returns float32 tensors on the host, in the order of `unet2dParameters`
 * @throws ModelWeightsError where they are not those of this config, or not of floating point
 */
export function unet2dFromWeights(
  config: Unet2dConfig,
  stored: Readonly<Record<string, StoredTensor>>,
): Record<string, Tensor> {
  return fromWeights(config._class_name, unet2dParameters(config), normalizeWeightNames(stored));
}
