/** Where a figure is drawn on. */
import sharp from 'sharp';

/** Width of the empty margins at the left and right of a picture on white, in its pixels. */
export async function margins(picture: Buffer): Promise<{ left: number; right: number }> {
  const grey = sharp(picture).greyscale().raw();
  const { data, info } = await grey.toBuffer({ resolveWithObject: true });
  const columns = Array.from({ length: info.width }, (_, x) => x);
  const rows = Array.from({ length: info.height }, (_, y) => y);
  const inked = columns.filter((x) => rows.some((y) => data[y * info.width + x]! < 250));
  return { left: inked[0]!, right: info.width - 1 - inked.at(-1)! };
}
