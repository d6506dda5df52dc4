/**
 * Which images a folder holds, in an order that is the same on every machine.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type ListedImage } from './decoded-images.ts';
import { WrongDataError } from './errors.ts';
import { missing } from './read-file.ts';

/** The images of a folder: names sorted by UTF-16 code unit, folder by folder. */
export interface ImageListing {
  readonly images: readonly ListedImage[];
  /** Names of the class folders, sorted; absent where the folder is flat. */
  readonly classes?: readonly string[];
}

const OP = 'openImageFolder';
const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp']);

/**
 * Lists JPEG, PNG and WebP files. A folder of images is flat and has no labels; in a folder of folders each folder
 * is a class, its images at any depth below it. Names that begin with a dot are passed over.
 *
 * @throws MissingDataError if there is no such folder
 * @throws WrongDataError if there are images beside class folders, a class without an image, or no image at all
 */
export async function listImages(folder: string): Promise<ImageListing> {
  const entries = await readdir(folder).catch((error: unknown) => {
    throw missing(OP, 'a folder of images', folder, 'check the path', error);
  });
  const loose: ListedImage[] = [];
  const classes: string[] = [];
  for (const name of visible(entries)) {
    const info = await stat(join(folder, name));
    if (info.isDirectory()) classes.push(name);
    else if (isImage(name)) loose.push({ file: name, label: -1, bytes: info.size });
  }
  if (loose.length > 0 && classes.length === 0) return { images: loose };

  const images: ListedImage[] = [];
  const empty: string[] = [];
  for (const [label, name] of classes.entries()) {
    const before = images.length;
    await walk(folder, name, label, images, new Set());
    if (images.length === before) empty.push(name);
  }
  const layout = 'images alone, or one folder of images for each class';
  if (loose.length > 0) {
    const got = `${loose.length} images beside ${classes.length} folders in ${folder}`;
    throw new WrongDataError({ op: OP, wanted: layout, got, fix: 'move one or the other away' });
  }
  if (images.length === 0) {
    const got = `no .jpg, .jpeg, .png or .webp file in ${folder}`;
    throw new WrongDataError({ op: OP, wanted: layout, got, fix: 'check the path' });
  }
  if (empty.length > 0) {
    const got = `none in ${empty.slice(0, 5).join(', ')} of ${folder}`;
    throw new WrongDataError({
      op: OP,
      wanted: 'images in every class folder',
      got,
      fix: 'remove or fill the folder',
    });
  }
  return { images, classes };
}

async function walk(
  root: string,
  below: string,
  label: number,
  images: ListedImage[],
  entered: Set<string>,
): Promise<void> {
  const folder = join(root, below);
  const real = await realpath(folder);
  if (entered.has(real)) return; // a link back to a folder above
  entered.add(real);
  for (const name of visible(await readdir(folder))) {
    const file = `${below}/${name}`;
    const info = await stat(join(root, file));
    if (info.isDirectory()) await walk(root, file, label, images, entered);
    else if (isImage(name)) images.push({ file, label, bytes: info.size });
  }
}

function visible(names: string[]): string[] {
  return names.filter((name) => !name.startsWith('.')).sort();
}

function isImage(name: string): boolean {
  return EXTENSIONS.has(extname(name).toLowerCase());
}
