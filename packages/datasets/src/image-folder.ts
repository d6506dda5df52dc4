/**
 * A folder of images as a data set: flat (no labels), or one folder a class as ImageNet and torchvision have it.
 */
import { basename, resolve } from 'node:path';
import { type ImageDataset } from './dataset.ts';
import { type Crop, describeFormat, type ImageFormat } from './decode-image.ts';
import { checkDecoding, decodedImages, type DecodingOptions, listingHash } from './decoded-images.ts';
import { folderTree } from './file-tree.ts';
import { listImages } from './list-images.ts';

/** Options of `openImageFolder`. */
export interface ImageFolderOptions extends DecodingOptions {
  readonly path: string;
  /** Height and width of the images that come out. */
  readonly size: number;
  /** Default `centre`. */
  readonly crop?: Crop;
  /** 1 makes every image grey, 3 makes every image RGB. Default 3. */
  readonly channels?: 1 | 3;
}

const OP = 'openImageFolder';

/**
 * Opens a folder of JPEG, PNG and WebP images.
 *
 * @returns [N, channels, size, size] uint8, sorted by path; labels are the sorted class folders, or `NO_LABEL`
 * @throws MissingDataError, WrongDataError as `listImages`, or if a crop does not fit an image
 * @throws CorruptImageError for the first corrupt image (by order) if the policy is `error`; with `decode: 'lazy'`
 *   when that image is read
 * @throws TooFewImagesError if every image was skipped
 */
export async function openImageFolder(options: ImageFolderOptions): Promise<ImageDataset> {
  const { path, size, crop = 'centre', channels = 3 } = options;
  const format: ImageFormat = { size, crop, channels };
  checkDecoding(OP, format, options);
  const { images, classes } = await listImages(path);
  return decodedImages({
    op: OP,
    tree: folderTree(OP, path, 'put back what was there on opening, or open the folder again'),
    images,
    format,
    options,
    common: {
      name: `${basename(resolve(path))} ${size}x${size}`,
      ...(classes && { classes }),
      provenance: {
        source: path,
        hashes: { 'names and sizes': `sha256:${listingHash(images)}` },
        operations: describeFormat(format),
      },
    },
  });
}
