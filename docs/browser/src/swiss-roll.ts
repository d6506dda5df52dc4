/** The task that any adapter can do: points on a roll in the plane, and a network of three small layers. */
import { initParameters, type ParameterSpec, type ParameterSpecs } from '@immiscible/models';
import { RandomStream } from '@immiscible/random';
import { NoiseSchedule } from '@immiscible/schedulers';
import { concat, linear, silu, type Tensor } from '@immiscible/tensor-core';
import { type Task, type Tensors } from './task.ts';

const BATCH = 256;
const HIDDEN = 64;
/** Turns of the roll. */
const TURNS = 1.5;
/** How far points lie off the roll, uniformly. */
const THICKNESS = 0.03;

/** Angles per unit of a coordinate, and per timestep: what a layer of 64 units cannot bend by itself. */
const PLACE = [1, 2, 4].map((k) => k * Math.PI);
const TIME = [1, 2, 4, 8].map((k) => (k * Math.PI) / 2000);
const INPUTS = 2 + 2 * 2 * PLACE.length + 2 * TIME.length;

const layers = [
  ['in', INPUTS, HIDDEN],
  ['middle', HIDDEN, HIDDEN],
  ['out', HIDDEN, 2],
] as const;

const specs: ParameterSpecs = Object.fromEntries(
  layers.flatMap(([name, fanIn, fanOut]): [string, ParameterSpec][] => {
    const rest = { fanIn, fanOut, endsBranch: name === 'out' };
    return [
      [`${name}.weight`, { shape: [fanOut, fanIn], init: { kind: 'weight', ...rest }, trainable: true }],
      [`${name}.bias`, { shape: [fanOut], init: { kind: 'bias', ...rest }, trainable: true }],
    ];
  }),
);

/** Sines and cosines of x [B, n] times each of the angles: [B, 2 n · angles.length]. */
function waves(x: Tensor, angles: readonly number[]): Tensor {
  const all = concat(
    angles.map((angle) => x.mul(angle)),
    1,
  );
  return concat([all.sin(), all.cos()], 1);
}

function layer(parameters: Tensors, name: string, x: Tensor): Tensor {
  const [weight, bias] = [parameters[`${name}.weight`], parameters[`${name}.bias`]];
  if (!weight || !bias) throw new Error(`swiss roll: the parameters of the layer ${name} are missing`);
  return linear(x, weight, bias);
}

/** Points (x, y) of a spiral, the same for the same seed and stream: [count, 2], each in [-1, 1]. */
export function swissRoll(seed: number, stream: number, count: number): Float32Array {
  const random = new RandomStream(seed, stream);
  const off = (): number => THICKNESS * (2 * random.uniform() - 1);
  const points = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const along = Math.sqrt(0.04 + 0.96 * random.uniform()); // as many points to each length of the roll
    const angle = 2 * Math.PI * TURNS * along;
    points[2 * i] = 0.9 * along * Math.cos(angle) + off();
    points[2 * i + 1] = 0.9 * along * Math.sin(angle) + off();
  }
  return points;
}

export function swissRollTask(): Task {
  return {
    kind: 'points',
    shape: [2],
    batchSize: BATCH,
    learningRate: 3e-3,
    shown: 400,
    schedule: new NoiseSchedule({
      _class_name: 'DDIMScheduler',
      timestep_spacing: 'trailing',
      prediction_type: 'v_prediction',
      clip_sample: true,
    }),
    init: (seed) => initParameters(specs, seed),
    predict: (parameters, sample, timestep) => {
      const time = timestep.reshape([-1, 1]);
      const seen = concat([sample, waves(sample, PLACE), waves(time, TIME)], 1); // [B, INPUTS]
      const hidden = silu(layer(parameters, 'middle', silu(layer(parameters, 'in', seen))));
      return layer(parameters, 'out', hidden);
    },
    draw: (seed, stream) => swissRoll(seed, stream, BATCH),
  };
}
