"""Records the variants of UNet2DModel that the repository's own recordings leave out.

    python packages/models/golden/generate.py

Same rules, same format and same tolerances as golden/README.md, whose scripts do the work.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "golden"))

import generate_unet  # noqa: E402
import recording  # noqa: E402
import unet_reference  # noqa: E402

SMALL = {
    "sample_size": 8,
    "in_channels": 2,
    "out_channels": 2,
    "block_out_channels": [8, 16],
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "norm_num_groups": 4,
    "down_block_types": ["DownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "UpBlock2D"],
}

CASES = {
    # The kind of network that consistency models use at 64x64 (Dhariwal & Nichol 2021).
    "adm": (
        {
            **SMALL,
            "down_block_types": ["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D"],
            "downsample_type": "resnet",
            "upsample_type": "resnet",
            "resnet_time_scale_shift": "scale_shift",
            "attn_norm_num_groups": 2,
            "num_class_embeds": 3,
            "out_channels": 4,
        },
        [3, 998],
        [2, 0],
        False,
    ),
    # Heads of 4 in 6 channels leave an inner width of 4.
    "other-values": (
        {
            **SMALL,
            "act_fn": "gelu",
            "block_out_channels": [6, 12],
            "center_input_sample": True,
            "down_block_types": ["AttnDownBlock2D", "DownBlock2D"],
            "up_block_types": ["UpBlock2D", "AttnUpBlock2D"],
            "downsample_padding": 0,
            "flip_sin_to_cos": False,
            "freq_shift": 1,
            "mid_block_scale_factor": 1.5,
            "norm_eps": 1e-6,
            "norm_num_groups": 3,
            "time_embedding_dim": 20,
        },
        [0, 500],
        None,
        False,
    ),
    # Three levels, and an odd number of channels, which pads the time embedding.
    "no-attention": (
        {
            **SMALL,
            "act_fn": "relu",
            "add_attention": False,
            "block_out_channels": [5, 5, 10],
            "layers_per_block": 2,
            "down_block_types": ["DownBlock2D"] * 3,
            "up_block_types": ["UpBlock2D"] * 3,
            "norm_num_groups": 1,
        },
        [12, 34],
        None,
        False,
    ),
    # The same at its full depth: four levels of three blocks, attention in three of them and of several heads.
    "adm-64": (
        {
            **SMALL,
            "sample_size": 16,
            "in_channels": 3,
            "out_channels": 3,
            "block_out_channels": [8, 16, 24, 32],
            "layers_per_block": 3,
            "attention_head_dim": 8,
            "attn_norm_num_groups": 8,
            "down_block_types": ["ResnetDownsampleBlock2D"] + ["AttnDownBlock2D"] * 3,
            "up_block_types": ["AttnUpBlock2D"] * 3 + ["ResnetUpsampleBlock2D"],
            "downsample_type": "resnet",
            "upsample_type": "resnet",
            "resnet_time_scale_shift": "scale_shift",
            "num_class_embeds": 5,
        },
        [-1553.6, 1095.5],
        [4, 1],
        False,
    ),
    "no-middle": ({**SMALL, "mid_block_type": None}, [1, 2], None, False),
}


# Of so many tensors a few entries of each gradient are enough.
DEEP = ["adm-64"]


def main():
    recording.HERE = unet_reference.HERE = HERE
    (HERE / "unet").mkdir(exist_ok=True)
    for name, case in CASES.items():
        generate_unet.CASES[name] = case
        has_middle = case[0].get("mid_block_type", "UNetMidBlock2D") is not None
        generate_unet.WATCHED = ["mid_block"] if has_middle else []
        generate_unet.ENTRIES = 4 if name in DEEP else 16
        generate_unet.record(name)


if __name__ == "__main__":
    main()
