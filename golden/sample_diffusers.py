"""Opens a pipeline folder with diffusers and lets its pipeline make images from the noise that our samplers would use.

    python golden/sample_diffusers.py FOLDER '{"seeds": [3, 5], "steps": 2}'

The pipeline is the one that model_index.json names. Where it draws noise, it gets that of the seeds (README.md, "Model
folders") in place of torch's. Prints one JSON object: `pipeline` and `scheduler`, their classes, and `images`, the
values of [N, C, H, W] in [-1, 1], one after another. `labels` in the request are the classes of the images.
"""

import argparse
import json
import sys

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging

from philox import stream_normal
from recording import numbers

logging.disable_progress_bar()

# streams.ts of packages/trainer: where the streams of a purpose begin
RANGE = 2**47
START, ADDED = 4 * RANGE, 5 * RANGE


class Draws:
    """The noise of some seeds: first where sampling starts, then what is added in each step."""

    def __init__(self, seeds):
        self.seeds = seeds
        self.calls = 0

    def __call__(self, shape, generator=None, device=None, dtype=None, layout=None):
        size = int(np.prod(shape[1:]))
        stride = -(-size // 4) * 4
        purpose, start = (START, 0) if self.calls == 0 else (ADDED, (self.calls - 1) * stride)
        self.calls += 1
        noise = [stream_normal(0, purpose + seed, size, start) for seed in self.seeds]
        return torch.from_numpy(np.stack(noise).reshape(tuple(shape))).to(dtype or torch.float32)


def give_noise(draws):
    """Puts `draws` in the place of torch's noise in every module of diffusers that has taken it up."""
    for name, module in list(sys.modules.items()):
        if name.startswith("diffusers.") and hasattr(module, "randn_tensor"):
            module.randn_tensor = draws


def sample(folder, seeds, steps, labels=None):
    """(pipeline, images [N, C, H, W] in [-1, 1])"""
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    give_noise(Draws(seeds))
    options = {} if labels is None else {"class_labels": labels}
    result = pipeline(batch_size=len(seeds), num_inference_steps=steps, output_type="np", **options)
    return pipeline, torch.from_numpy(2 * result.images.transpose(0, 3, 1, 2).astype(np.float64) - 1)


def main():
    parser = argparse.ArgumentParser(description="Make images with the pipeline of a folder from the noise of our seeds.")
    parser.add_argument("folder")
    parser.add_argument("request", type=json.loads)
    arguments = parser.parse_args()
    pipeline, images = sample(arguments.folder, **arguments.request)
    classes = {"pipeline": type(pipeline).__name__, "scheduler": type(pipeline.scheduler).__name__}
    print(json.dumps({**classes, "images": numbers(images)}))


if __name__ == "__main__":
    main()
