/**
 * Where a config comes from: a recipe, a YAML or JSON file that may extend a recipe or another file, and `--set`
 * options on top. What the fields mean, and whether they are right, is the trainer's to say.
 */
import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { recipes } from '@immiscible/trainer';
import { parse as parseYaml, YAMLError } from 'yaml';
import { UsageError } from './errors.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export interface ConfigSource {
  readonly recipe?: string | undefined;
  readonly config?: string | undefined;
  /** `path=value`, applied in order */
  readonly set?: readonly string[];
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The config as plain data, not checked yet.
 *
 * @throws UsageError for an unknown recipe, a file that cannot be read or parsed, a circle of `extends`, a wrong `--set`
 */
export async function loadConfig({ recipe, config, set = [] }: ConfigSource): Promise<JsonObject> {
  if (recipe !== undefined && config !== undefined) {
    throw new UsageError('wants --recipe or --config, got both; let the file say `extends: ' + recipe + '`');
  }
  const base = config === undefined ? recipeNamed(recipe ?? 'demo') : await readConfigFile(config);
  return set.reduce(applySetting, base);
}

/** @throws UsageError that lists the recipes */
function recipeNamed(name: string): JsonObject {
  if (!Object.hasOwn(recipes, name)) {
    throw new UsageError(`there is no recipe "${name}"; choose one of ${Object.keys(recipes).join(', ')}`);
  }
  return recipes[name as keyof typeof recipes] as unknown as JsonObject;
}

async function readConfigFile(path: string, above: readonly string[] = []): Promise<JsonObject> {
  const full = resolve(path);
  if (above.includes(full)) {
    throw new UsageError(`${path} extends itself (${[...above, full].join(' → ')}); remove one \`extends\``);
  }
  return resolveExtends(await readYamlFile(path), path, [...above, full]);
}

/** The fields of a YAML or JSON file. @throws UsageError where it cannot be read or parsed, or holds something else */
export async function readYamlFile(path: string): Promise<JsonObject> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`the config file ${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const value = parseText(text, path);
  if (!isObject(value))
    throw new UsageError(`${path}: wants fields and values, got ${JSON.stringify(value)}`);
  return value;
}

/**
 * A config that may say `extends`, laid over what it extends.
 *
 * @param path the file that it stands in: paths in it begin there
 * @param above files that are being read already
 * @throws UsageError for a recipe or a file that is not there, and a circle of files
 */
export async function resolveExtends(
  value: JsonObject,
  path: string,
  above: readonly string[] = [],
): Promise<JsonObject> {
  const { extends: parent, ...own } = value;
  if (parent === undefined) return own;
  if (typeof parent !== 'string') {
    throw new UsageError(
      `${path}: extends: wants the name of a recipe or a path, got ${JSON.stringify(parent)}`,
    );
  }
  const isPath = /[/\\]/.test(parent) || extname(parent) !== '';
  const base = isPath
    ? await readConfigFile(resolve(dirname(resolve(path)), parent), above)
    : recipeNamed(parent);
  return merge(base, own) as JsonObject;
}

function parseText(text: string, path: string): unknown {
  try {
    return extname(path).toLowerCase() === '.json' ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    if (!(error instanceof YAMLError || error instanceof SyntaxError)) throw error;
    throw new UsageError(`${path} cannot be parsed: ${error.message.trimEnd()}`, { cause: error });
  }
}

/**
 * `over` laid over `base`: objects field by field, everything else replaced. Where both say what kind of thing they
 * describe (`kind`, `type`) and the kinds differ, `over` stands alone: the fields of the other kind mean nothing to it.
 */
export function merge(base: Json | undefined, over: Json): Json {
  if (!isObject(base) || !isObject(over)) return over;
  for (const tag of ['kind', 'type']) {
    if (base[tag] !== undefined && over[tag] !== undefined && base[tag] !== over[tag]) return over;
  }
  const keys = [...new Set([...Object.keys(base), ...Object.keys(over)])];
  return Object.fromEntries(
    keys.map((key) => [key, Object.hasOwn(over, key) ? merge(base[key], over[key]!) : base[key]!]),
  );
}

/** `training.steps=100`, `evaluation.samplingSteps=[2, 5]`: the value is read as YAML. */
function applySetting(config: JsonObject, setting: string): JsonObject {
  const at = setting.indexOf('=');
  const path = at < 0 ? [] : setting.slice(0, at).split('.');
  if (path.length === 0 || path.includes('')) {
    throw new UsageError(`--set: wants path=value, such as training.steps=100, got "${setting}"`);
  }
  return setAt(config, path, parseText(setting.slice(at + 1), `--set ${setting}`) as Json) as JsonObject;
}

function setAt(node: Json | undefined, [key, ...rest]: readonly string[], value: Json): Json {
  if (key === undefined) return value;
  if (Array.isArray(node)) {
    const items = [...(node as readonly Json[])];
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index > items.length) {
      throw new UsageError(`--set: "${key}" wants to be a place in a list of ${items.length}, from 0`);
    }
    items[index] = setAt(items[index], rest, value);
    return items;
  }
  const fields = isObject(node) ? node : {};
  const before = Object.hasOwn(fields, key) ? fields[key] : undefined;
  return Object.fromEntries([
    ...Object.entries(fields).filter(([k]) => k !== key),
    [key, setAt(before, rest, value)],
  ]);
}
