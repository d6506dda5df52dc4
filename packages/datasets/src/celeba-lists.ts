/**
 * The two lists beside CelebA's images: which split an image belongs to, and its forty attributes.
 *
 * `list_eval_partition.txt`: `000001.jpg 0` a line. `list_attr_celeba.txt`: the number of images, the names of the
 * attributes, then `000001.jpg -1  1 …`. On Kaggle both are CSV files, with a first line of `image_id` and the columns.
 */
import { basename, join } from 'node:path';
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

/** A list by its name, without extension, and the folder that it was published in. */
interface ListName {
  readonly name: string;
  readonly folder: string;
  /** lines of the text file before its first image; the last of them names the columns */
  readonly headLines: number;
}

const PARTITION: ListName = { name: 'list_eval_partition', folder: 'Eval', headLines: 0 };
const ATTRIBUTES: ListName = { name: 'list_attr_celeba', folder: 'Anno', headLines: 2 };
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
  const { file, rows, hashes } = await readList(op, base, PARTITION, fix);
  const names: string[] = [];
  for (const { name, values, got } of rows) {
    const of = SPLITS[Number(values[0])];
    if (of === undefined || values.length > 1) {
      const wanted = `lines as "000001.jpg 0" with 0, 1 or 2 in ${file}`;
      throw new WrongDataError({ op, wanted, got, fix });
    }
    if (of === split) names.push(name);
  }
  return { names, hashes };
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
  const { file, columns: known, rows, hashes } = await readList(op, base, ATTRIBUTES, fix);
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
  for (const { name, values, got } of rows) {
    if (values.length !== known.length || values.some((value) => value !== '1' && value !== '-1')) {
      const wanted = `a name and ${known.length} times 1 or -1 in every line of ${file}`;
      throw new WrongDataError({ op, wanted, got, fix });
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
    hashes,
    labelOf(name) {
      const label = labels.get(name);
      if (label !== undefined) return label;
      throw new WrongDataError({ op, wanted: `${name} in ${file}`, got: 'a list without it', fix });
    },
  };
}

interface List {
  readonly file: string;
  /** the names of the values, where the file has them */
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly values: readonly string[];
    /** the line, for an error's message */
    readonly got: string;
  }[];
  readonly hashes: Readonly<Record<string, string>>;
}

/** Finds a list where people put it, and reads it. */
async function readList(
  op: string,
  base: string,
  { name, folder, headLines }: ListName,
  fix: string,
): Promise<List> {
  const places = [base, join(base, '..'), join(base, folder), join(base, '..', folder)];
  const names = [`${name}.txt`, `${name}.csv`];
  const files = places.flatMap((place) => names.map((file) => join(place, file)));
  for (const file of files) {
    if ((await kindOf(file)) !== 'file') continue;
    const { bytes, md5 } = await readWithMd5(op, file, fix);
    const isCsv = file.endsWith('.csv');
    const head = isCsv ? 1 : headLines;
    const lines = Buffer.from(bytes)
      .toString('utf8')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '');
    const fields = (line: string): string[] => line.trim().split(isCsv ? ',' : /\s+/);
    const columns = head === 0 ? [] : fields(lines[head - 1] ?? '').slice(isCsv ? 1 : 0);
    const rows = lines.slice(head).map((line, i) => {
      const [first = '', ...values] = fields(line);
      return { name: first, values, got: `"${line.slice(0, 80)}" in line ${i + head + 1}` };
    });
    return { file, columns, rows, hashes: { [basename(file)]: `md5:${md5}` } };
  }
  throw new MissingDataError({ op, wanted: `${names[0]} beside the images`, got: `none in ${base}`, fix });
}
