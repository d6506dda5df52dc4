"""UNet2DModel configurations, and how weights and inputs follow from their names and places.

A weight is uniform in [lo, hi), with lo and hi written beside its name in the recording, drawn from the stream that is
its place in the sorted list of names. Inputs come from streams far above.
"""

import json
import math

import torch
from diffusers import UNet2DModel

from philox import uniform
from recording import HERE

SEED = 1000
SAMPLE_STREAM = 1_000_000
COTANGENT_STREAM = 1_000_001

TINY = {
    "sample_size": 8,
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": [16, 32],
    "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "attention_head_dim": 8,
    "norm_num_groups": 8,
}

CIFAR10 = {
    "act_fn": "silu",
    "block_out_channels": [128, 256, 256, 256],
    "center_input_sample": False,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "in_channels": 3,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-6,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 32,
    "time_embedding_type": "positional",
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}

# name: (config, timesteps, class labels, gradients stored in full?)
CASES = {
    "tiny": ({**TINY, "block_out_channels": [32, 64]}, [7, 613], None, True),
    "demo": (
        {
            **TINY,
            "sample_size": 16,
            "block_out_channels": [32, 64, 64],
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
        },
        [0, 999],
        None,
        False,
    ),
    "class-conditional": (
        {**TINY, "num_class_embeds": 10, "class_embed_type": None, "downsample_padding": 1},
        [250, 20],
        [3, 7],
        True,
    ),
    "scale-shift": ({**TINY, "resnet_time_scale_shift": "scale_shift", "attention_head_dim": None}, [5, 900], None, True),
    "resnet-sampling": (
        {
            **TINY,
            "down_block_types": ["AttnDownBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "AttnUpBlock2D"],
            "downsample_type": "resnet",
            "upsample_type": "resnet",
        },
        [100, 10],
        None,
        True,
    ),
    "fourier": ({**TINY, "time_embedding_type": "fourier"}, [0.5, 20.0], None, True),
    "ddpm-cifar10-32": (CIFAR10, [31, 870], None, False),
    "ddpm-cifar10-32-one-head": ({**CIFAR10, "attention_head_dim": None}, [31, 870], None, False),
}


def write_config(name, config):
    """configs/NAME.json: a diffusers config.json, written out in full as given."""
    (HERE / "configs").mkdir(exist_ok=True)
    full = {"_class_name": "UNet2DModel", "_diffusers_version": "0.35.2", **config}
    (HERE / "configs" / f"{name}.json").write_text(json.dumps(full, indent=2, sort_keys=True) + "\n")


def interval(name, shape):
    """[lo, hi) of a weight: the variance of what it feeds stays near one."""
    if name == "class_embedding.weight":
        return -1.0, 1.0
    if name == "time_proj.weight":  # Fourier frequencies: diffusers draws them with standard deviation 16
        return -16.0, 16.0
    if len(shape) >= 2:
        bound = math.sqrt(3 / math.prod(shape[1:]))  # fan in
        return -bound, bound
    return (0.9, 1.1) if name.endswith("weight") else (-0.1, 0.1)


def build(config, dtype):
    """The model with its recorded weights, and what is to be written about each of them."""
    model = UNet2DModel.from_config(config).to(dtype).eval()
    state, rows = model.state_dict(), []
    for stream, name in enumerate(sorted(state)):
        shape = list(state[name].shape)
        lo, hi = interval(name, shape)
        state[name] = torch.from_numpy(uniform(SEED, stream, shape, lo, hi)).to(dtype)
        rows.append({"name": name, "shape": shape, "stream": stream, "lo": lo, "hi": hi})
    model.load_state_dict(state)
    return model, rows


def draw_inputs(config):
    """(sample, cotangent), each float32 [2, C, H, W]."""
    size = config["sample_size"]
    sample = uniform(SEED, SAMPLE_STREAM, [2, config["in_channels"], size, size], -2.0, 2.0)
    cotangent = uniform(SEED, COTANGENT_STREAM, [2, config["out_channels"], size, size], -1.0, 1.0)
    return torch.from_numpy(sample), torch.from_numpy(cotangent)
