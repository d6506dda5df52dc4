"""Records UNet2DModel, forward and backward: configs/NAME.json, unet/NAME.json, unet/NAME.safetensors.

The model runs in float64 except for its sinusoidal time embedding, which diffusers computes in float32 whatever the
model's type is.
"""

import numpy as np
import torch

from recording import error, number, to_float32, write_json, write_tensors
from unet_reference import CASES, COTANGENT_STREAM, SAMPLE_STREAM, SEED, build, draw_inputs, write_config

ENTRIES = 16
WATCHED = ["conv_in", "time_proj", "time_embedding", "mid_block", "conv_norm_out"]


def run(name, dtype):
    """({key: tensor}: output, gradients, intermediate tensors; rows about the weights)."""
    config, timesteps, labels, _ = CASES[name]
    model, rows = build(config, dtype)
    sample, cotangent = (tensor.to(dtype) for tensor in draw_inputs(config))
    sample.requires_grad_()
    result = {}

    def watch(key):
        def keep(_module, _inputs, value):
            result[f"intermediate/{key}"] = value[0] if isinstance(value, tuple) else value

        return keep

    blocks = [f"{side}_blocks.{i}" for side in ("down", "up") for i in range(len(config["down_block_types"]))]
    for key in WATCHED + blocks:
        model.get_submodule(key).register_forward_hook(watch(key))
    times = torch.tensor(timesteps, dtype=torch.int64 if isinstance(timesteps[0], int) else dtype)
    labels = None if labels is None else torch.tensor(labels)
    output = model(sample, times, class_labels=labels).sample
    (output * cotangent).sum().backward()
    result.update({"output": output, "grad-sample": sample.grad})
    result.update({f"grad/{key}": p.grad for key, p in model.named_parameters() if p.requires_grad})
    return {key: to_float32(value.to(dtype)) for key, value in result.items()}, rows


def summary(gradient):
    """L2 norm, sum and evenly strided entries (flat indices floor(i·n/16); all entries where there are fewer)."""
    flat = gradient.reshape(-1).astype(np.float64)
    count = min(ENTRIES, flat.size)
    entries = [number(flat[i * flat.size // count]) for i in range(count)]
    return {"norm": number(np.sqrt((flat**2).sum())), "sum": number(flat.sum()), "entries": entries}


def record(name):
    config, timesteps, labels, full = CASES[name]
    reference, rows = run(name, torch.float64)
    ordinary, _ = run(name, torch.float32)
    total = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for key, g in reference.items() if key.startswith("grad/")))
    for row in rows:
        gradient = reference.get(f"grad/{row['name']}")
        if gradient is None:
            row["frozen"] = True
            continue
        row["gradient"] = summary(gradient)
        if row["gradient"]["norm"] < 1e-10 * total:
            row["gradient"] = {"zero": True}
            reference[f"grad/{row['name']}"] = np.zeros_like(gradient)

    stored = {"output": reference["output"], "grad-sample": reference["grad-sample"]}
    if full:
        stored.update({key: value for key, value in reference.items() if key.startswith("grad/")})
    if name == "tiny":
        stored.update({key: value for key, value in reference.items() if key.startswith("intermediate/")})
    write_config(name, config)
    write_tensors(f"unet/{name}.safetensors", stored)
    head = {
        "config": f"configs/{name}.json",
        "tensors": f"unet/{name}.safetensors",
        "tolerance": 1e-4,
        "seed": SEED,
        "timesteps": timesteps,
        "classLabels": labels,
        "sample": {"shape": list(reference["grad-sample"].shape), "stream": SAMPLE_STREAM, "lo": -2.0, "hi": 2.0},
        "cotangent": {"shape": list(reference["output"].shape), "stream": COTANGENT_STREAM, "lo": -1.0, "hi": 1.0},
        "gradientsStored": full,
        "gradientNorm": number(total),
    }
    write_json(f"unet/{name}.json", head, parameters=rows)

    own = {key: error(ordinary[key], value) for key, value in reference.items() if np.any(value)}
    zeros = [key for key, value in reference.items() if not np.any(value)]
    leak = max((np.linalg.norm(ordinary[key]) / total for key in zeros), default=0.0)
    worst = sorted(((v, k) for k, v in own.items() if k.startswith("grad/")), reverse=True)[:3]
    count = sum(int(np.prod(row["shape"])) for row in rows)
    print(f"unet {name}: {len(rows)} tensors, {count} values; torch's own float32 error: output {own['output']:.1e}, "
          f"gradients {', '.join(f'{v:.1e} {k}' for v, k in worst)}; {len(zeros)} zero gradients, at most {leak:.0e}")


def main():
    for name in CASES:
        record(name)


if __name__ == "__main__":
    main()
