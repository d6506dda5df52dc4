"""Records NCSN++, DDPM++ and the MLP, forward and backward: configs/NAME.json, networks/NAME.json and .safetensors.

    python packages/models/golden/generate_networks.py

The references beside this script run in float64; rules, format and tolerance are those of golden/README.md.
"""

import json
import pathlib
import sys

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "golden"))

import recording  # noqa: E402
from generate_unet import summary  # noqa: E402
from mlp_reference import Mlp  # noqa: E402
from ncsnpp_reference import Ncsnpp  # noqa: E402
from philox import uniform  # noqa: E402
from recording import error, number, to_float32, write_json, write_tensors  # noqa: E402
from unet_reference import COTANGENT_STREAM, SAMPLE_STREAM, SEED, draw_inputs, interval  # noqa: E402

NETWORKS = {"NCSNpp": Ncsnpp, "MLP": Mlp}

DDPMPP = {
    "_class_name": "NCSNpp",
    "sample_size": 8,
    "in_channels": 3,
    "out_channels": 3,
    "model_channels": 8,
    "channel_mult": [2, 2],
    "channel_mult_emb": 4,
    "num_blocks": 1,
    "attn_resolutions": [4],
    "dropout": 0.13,
    "embedding_type": "positional",
    "fourier_scale": 16,
    "channel_mult_noise": 1,
    "time_scale": 1,
    "encoder_type": "standard",
    "resample_filter": [1, 1],
    "num_class_embeds": None,
}

NCSNPP = {
    **DDPMPP,
    "embedding_type": "fourier",
    "channel_mult_noise": 2,
    "encoder_type": "residual",
    "resample_filter": [1, 3, 3, 1],
}

MLP = {
    "_class_name": "MLP",
    "sample_size": 1,
    "in_channels": 2,
    "out_channels": 2,
    "hidden_channels": [16, 16, 16],
    "time_embedding_dim": 16,
    "time_scale": 1,
    "act_fn": "silu",
    "dropout": 0,
    "num_class_embeds": None,
}

# name: (config, timesteps, class labels)
CASES = {
    "ncsnpp": (NCSNPP, [-1.5, 0.7], None),
    "ddpmpp": (DDPMPP, [-0.3, 1.09], None),
    # Three levels of other widths, attention in two of them, classes, a lopsided filter of six taps, time in thousandths.
    "ncsnpp-odd": (
        {
            **NCSNPP,
            "sample_size": 16,
            "in_channels": 2,
            "out_channels": 4,
            "model_channels": 12,
            "channel_mult": [1, 2, 1],
            "channel_mult_emb": 3,
            "num_blocks": 2,
            "attn_resolutions": [16, 4],
            "time_scale": 0.001,
            "resample_filter": [1, 2, 5, 3, 1, 1],
            "num_class_embeds": 3,
        },
        [-1550.0, 500.0],
        [2, 0],
    ),
    # One level only, the positional embedding twice as long, and the residual encoder with plain averaging.
    "ddpmpp-flat": ({**DDPMPP, "channel_mult": [1], "channel_mult_noise": 2, "num_class_embeds": 5}, [0.0, 3.5], [4, 4]),
    "ddpmpp-residual": ({**DDPMPP, "encoder_type": "residual", "attn_resolutions": []}, [0.1, -2.0], None),
    "mlp": (MLP, [3.0, 99.0], None),
    "mlp-odd": (
        {
            **MLP,
            "sample_size": 3,
            "in_channels": 1,
            "hidden_channels": [5, 9],
            "time_embedding_dim": 7,
            "time_scale": 1000,
            "act_fn": "gelu",
            "num_class_embeds": 3,
        },
        [-1.5, 1.0],
        [0, 2],
    ),
}


def bounds(name, shape):
    """[lo, hi) of a weight: as in golden/unet_reference.py, and Fourier frequencies of the papers' size."""
    return (-16.0, 16.0) if name == "map_noise.freqs" else interval(name, shape)


def run(case, dtype):
    """({key: tensor}: output and gradients; rows about the weights)."""
    config, timesteps, labels = case
    model = NETWORKS[config["_class_name"]](config).to(dtype).eval()
    state, rows = model.state_dict(), []
    for stream, name in enumerate(sorted(state)):
        shape = list(state[name].shape)
        lo, hi = bounds(name, shape)
        state[name] = torch.from_numpy(uniform(SEED, stream, shape, lo, hi)).to(dtype)
        rows.append({"name": name, "shape": shape, "stream": stream, "lo": lo, "hi": hi})
    model.load_state_dict(state)
    sample, cotangent = (tensor.to(dtype) for tensor in draw_inputs(config))
    sample.requires_grad_()
    labels = None if labels is None else torch.tensor(labels)
    output = model(sample, torch.tensor(timesteps, dtype=dtype), labels)
    (output * cotangent).sum().backward()
    result = {"output": output, "grad-sample": sample.grad}
    result.update({f"grad/{key}": p.grad for key, p in model.named_parameters()})
    return {key: to_float32(value) for key, value in result.items()}, rows


def record(name):
    config, timesteps, labels = CASES[name]
    reference, rows = run(CASES[name], torch.float64)
    ordinary, _ = run(CASES[name], torch.float32)
    total = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for key, g in reference.items() if key.startswith("grad/")))
    for row in rows:
        gradient = reference.get(f"grad/{row['name']}")
        if gradient is None:
            row["frozen"] = True
            continue
        row["gradient"] = summary(gradient)
        if row["gradient"]["norm"] < 1e-10 * total:
            row["gradient"] = {"zero": True}

    (HERE / "configs" / f"{name}.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    write_tensors(f"networks/{name}.safetensors", {key: reference[key] for key in ("output", "grad-sample")})
    head = {
        "config": f"configs/{name}.json",
        "tensors": f"networks/{name}.safetensors",
        "tolerance": 1e-4,
        "seed": SEED,
        "timesteps": timesteps,
        "classLabels": labels,
        "sample": {"shape": list(reference["grad-sample"].shape), "stream": SAMPLE_STREAM, "lo": -2.0, "hi": 2.0},
        "cotangent": {"shape": list(reference["output"].shape), "stream": COTANGENT_STREAM, "lo": -1.0, "hi": 1.0},
        "gradientsStored": False,
        "gradientNorm": number(total),
    }
    write_json(f"networks/{name}.json", head, parameters=rows)
    own = [error(ordinary[key], value) for key, value in reference.items() if key != "output"]
    count = sum(int(np.prod(row["shape"])) for row in rows)
    print(f"{name}: {len(rows)} tensors, {count} values; torch's own float32 error: "
          f"output {error(ordinary['output'], reference['output']):.1e}, gradients {max(own):.1e}")


def main():
    recording.HERE = HERE
    for name in CASES:
        record(name)


if __name__ == "__main__":
    main()
