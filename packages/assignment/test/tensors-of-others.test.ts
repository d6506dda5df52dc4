/** Tensors of the libraries that people train with go in as they are, and what comes out goes back into them. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { Tensor } from 'onnxruntime-common';
import { streamNormal, streamUniform } from '@immiscible/random';
import { expect, it } from 'vitest';
import { assignNoise, assignNoiseSync, lookAhead } from '../src/index.ts';

const shape: [number, number, number, number] = [16, 3, 4, 4];
const pixels = streamUniform(1, 0, new Float32Array(16 * 48)).map((value) => 2 * value - 1);
const drawn = streamNormal(1, 1, new Float32Array(16 * 48));
const expected = assignNoiseSync(pixels, drawn, { batch: 16 });

it('ONNX Runtime: tensors pass, at once and ahead', async () => {
  const x0 = new Tensor('float32', pixels, shape);
  const noise = new Tensor('float32', drawn, shape);
  const assigned = await assignNoise(x0, noise);
  expect(new Tensor('float32', assigned.noise, assigned.shape).dims).toEqual(x0.dims);
  expect(assigned.noise).toEqual(expected.noise);
  for await (const paired of lookAhead({ batches: [{ x0, noise }] })) {
    expect(paired.noise).toEqual(expected.noise);
    expect(paired.batch.x0).toBe(x0);
  }
});

it('TensorFlow.js: data and shape of a tensor pass', async () => {
  await tf.setBackend('cpu');
  const images = tf.tensor(pixels, shape);
  const noise = tf.tensor(drawn, shape);
  const assigned = await assignNoise(
    { data: await images.data<'float32'>(), shape: images.shape },
    { data: await noise.data<'float32'>(), shape: noise.shape },
  );
  const distance = tf.tidy(() => {
    const difference = tf.sub(images, tf.tensor(assigned.noise, shape));
    return tf.mean(tf.norm(tf.reshape(difference, [16, 48]), 2, 1));
  });
  expect(assigned.noise).toEqual(expected.noise);
  expect((await distance.data())[0]).toBeCloseTo(assigned.stats.costAfter, 5);
  tf.dispose([images, noise, distance]);
});
