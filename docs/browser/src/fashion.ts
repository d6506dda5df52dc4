/** The task for a real GPU: Fashion-MNIST at 16×16, as `npm start` trains it, with the U-Net of the demo recipe. */
import { applyUnet2d, initUnet2d, parseUnet2dConfig } from '@immiscible/models';
import { RandomStream } from '@immiscible/random';
import { NoiseSchedule } from '@immiscible/schedulers';
import { type Task } from './task.ts';

const SIDE = 16;
const PIXELS = SIDE * SIDE;
const BATCH = 64;

const model = parseUnet2dConfig({
  sample_size: SIDE,
  in_channels: 1,
  out_channels: 1,
  layers_per_block: 1,
  block_out_channels: [16, 32, 64],
  down_block_types: ['DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'],
  norm_num_groups: 8,
  attention_head_dim: 16,
});

/** @param images [N, 1, 16, 16], 0 to 255 */
function fashionTask(images: Uint8Array): Task {
  const count = images.length / PIXELS;
  return {
    kind: 'images',
    shape: [1, SIDE, SIDE],
    batchSize: BATCH,
    learningRate: 2e-3,
    shown: 36,
    schedule: new NoiseSchedule({
      _class_name: 'DDIMScheduler',
      timestep_spacing: 'trailing',
      prediction_type: 'v_prediction',
      clip_sample: true,
    }),
    init: (seed) => initUnet2d(model, seed),
    predict: (parameters, sample, timestep) => applyUnet2d(model, parameters, { sample, timestep }),
    draw: (seed, stream) => {
      const random = new RandomStream(seed, stream);
      const batch = new Float32Array(BATCH * PIXELS);
      for (let i = 0; i < BATCH; i++) {
        const from = random.below(count) * PIXELS;
        for (let p = 0; p < PIXELS; p++) batch[i * PIXELS + p] = images[from + p]! / 127.5 - 1;
      }
      return batch;
    },
  };
}

/**
 * Fetches the images that lie beside the page.
 *
 * @throws Error where they do not: a page that is opened as a file may not read them
 */
export async function openFashionTask(url: string): Promise<Task> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new Error(
      `The images (${url}) could not be read. Serve this folder over http: npm run demo:browser`,
      { cause: error },
    );
  });
  if (!response.ok) {
    throw new Error(
      `The images (${url}) are not beside the page: HTTP ${response.status}. Build it again: npm run demo:browser`,
    );
  }
  return fashionTask(new Uint8Array(await response.arrayBuffer()));
}
