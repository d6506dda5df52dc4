/** Grey images side by side on a canvas. */

/**
 * @param images [n, 1, side, side] in [-1, 1]; what lies beyond is black or white
 * @param columns images in a row
 */
export function imageGrid(images: Float32Array, side: number, columns: number, label: string): Element {
  const count = images.length / side ** 2;
  const canvas = document.createElement('canvas');
  canvas.width = columns * side;
  canvas.height = Math.ceil(count / columns) * side;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('images: this browser gives no 2d canvas');
  const grid = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % columns) * side, Math.floor(i / columns) * side];
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const grey = 127.5 * (images[i * side ** 2 + y * side + x]! + 1); // ImageData clamps
        grid.data.set([grey, grey, grey, 255], 4 * ((top + y) * canvas.width + left + x));
      }
    }
  }
  context.putImageData(grid, 0, 0);
  return canvas;
}
