/**
 * The two lists beside CelebA's images: which split an image belongs to, and its forty attributes.
 *
 * `list_eval_partition.txt`: `000001.jpg 0` a line. `list_attr_celeba.txt`: the number of images, the names of the
 * attributes, then `000001.jpg -1  1 …`.
 */
import { join } from 'node:path';
import { DatasetOptionError, MissingDataError, WrongDataError } from './errors.ts';
import { kindOf, readWithMd5 } from './read-file.ts';

/** The names of a split's images, in order. */
export interface CelebAPartition {
  readonly names: readonly string[];
  readonly hashes: Readonly<Record<string, string>>;
}

/** Some attributes as one label. */
export interface CelebAAttributes {
  /** What labels 0, 1, … mean, such as `not Male, Smiling`. */
  readonly classes: readonly string[];
  readonly hashes: Readonly<Record<string, string>>;
  /** @throws WrongDataError if the list has no such image */
  labelOf(name: string): number;
}

const PARTITION = 'list_eval_partition.txt';
const ATTRIBUTES = 'list_attr_celeba.txt';
const SPLITS = ['train', 'valid', 'test'] as const;
const MOST_ATTRIBUTES = 8;

/**
 * @param base the folder of the images: the list is looked for there, and in `Eval` beside or below it
 * @throws MissingDataError, WrongDataError if there is no list, or it is another
 */
export async function readPartition(
  op: string,
  base: string,
  split: (typeof SPLITS)[number],
  fix: string,
): Promise<CelebAPartition> {
  const { file, lines, hash } = await readList(op, base, PARTITION, 'Eval', fix);
  const names: string[] = [];
  for (const [i, line] of lines.entries()) {
    const [name, part, ...rest] = line.trim().split(/\s+/);
    const of = SPLITS[Number(part)];
    if (name === undefined || of === undefined || rest.length > 0) {
      const wanted = `lines as "000001.jpg 0" with 0, 1 or 2 in ${file}`;
      throw new WrongDataError({ op, wanted, got: `"${line.slice(0, 80)}" in line ${i + 1}`, fix });
    }
    if (of === split) names.push(name);
  }
  return { names, hashes: { [PARTITION]: hash } };
}

/**
 * @param attributes at most 8 names, each once
 * @throws DatasetOptionError for an attribute that the list has not
 * @throws MissingDataError, WrongDataError if there is no list, or it is another
 */
export async function readAttributes(
  op: string,
  base: string,
  attributes: readonly string[],
  fix: string,
): Promise<CelebAAttributes> {
  const { file, lines, hash } = await readList(op, base, ATTRIBUTES, 'Anno', fix);
  const known = (lines[1] ?? '').trim().split(/\s+/);
  const columns = attributes.map((name) => known.indexOf(name));
  const unique = new Set(attributes).size === attributes.length;
  if (columns.includes(-1) || !unique || attributes.length > MOST_ATTRIBUTES) {
    throw new DatasetOptionError({
      op,
      wanted: `at most ${MOST_ATTRIBUTES} of the attributes ${known.join(', ')}, each once`,
      got: attributes.join(', '),
      fix: 'choose some of these',
    });
  }
  const labels = new Map<string, number>();
  for (const [i, line] of lines.slice(2).entries()) {
    const [name = '', ...values] = line.trim().split(/\s+/);
    if (values.length !== known.length || values.some((value) => value !== '1' && value !== '-1')) {
      const wanted = `a name and ${known.length} times 1 or -1 in every line of ${file}`;
      throw new WrongDataError({ op, wanted, got: `"${line.slice(0, 80)}" in line ${i + 3}`, fix });
    }
    labels.set(
      name,
      columns.reduce((label, column, bit) => label + (values[column] === '1' ? 2 ** bit : 0), 0),
    );
  }
  return {
    classes: Array.from({ length: 2 ** attributes.length }, (_, label) =>
      attributes.map((name, bit) => ((label >> bit) & 1 ? name : `not ${name}`)).join(', '),
    ),
    hashes: { [ATTRIBUTES]: hash },
    labelOf(name) {
      const label = labels.get(name);
      if (label !== undefined) return label;
      throw new WrongDataError({ op, wanted: `${name} in ${file}`, got: 'a list without it', fix });
    },
  };
}

/** Finds a list where people put it, and reads its lines. */
async function readList(
  op: string,
  base: string,
  name: string,
  published: string,
  fix: string,
): Promise<{ file: string; lines: string[]; hash: string }> {
  const places = [base, join(base, '..'), join(base, published), join(base, '..', published)];
  for (const place of places) {
    const file = join(place, name);
    if ((await kindOf(file)) !== 'file') continue;
    const { bytes, md5 } = await readWithMd5(op, file, fix);
    const lines = Buffer.from(bytes).toString('utf8').split(/\r?\n/);
    return { file, lines: lines.filter((line) => line.trim() !== ''), hash: `md5:${md5}` };
  }
  throw new MissingDataError({ op, wanted: `${name} beside the images`, got: `none in ${base}`, fix });
}
