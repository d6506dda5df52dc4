"""Records LPIPS values and gradients of the reference implementation, with random weights: lpips.json, lpips.safetensors,
lpips-heads.pth.

    pip install numpy torch torchvision safetensors lpips==0.1.4
    python packages/metrics-fid/golden/lpips_reference.py

Richard Zhang's own package computes them, in float64, with its VGG and its linear layers filled with uniform numbers of
Philox streams (golden/philox.py at the repository's root), which the tests draw again: 59 MB of weights need not be stored.
"""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import lpips
import numpy as np
import torch
from safetensors.numpy import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "golden"))
from philox import uniform  # noqa: E402

SEED = 11

CASES = [
    {"name": "square", "shape": [2, 3, 32, 32]},
    {"name": "odd", "shape": [1, 3, 37, 25]},
    {"name": "grey", "shape": [2, 1, 24, 24]},
    {"name": "resized", "shape": [1, 3, 12, 10], "resize": [20, 16]},
]


def fill(model):
    """Fills every weight from a stream of its own; the list of how, in the order of the streams."""
    rows = []
    layers = [
        (f"features.{name}", module)
        for part in (model.net.slice1, model.net.slice2, model.net.slice3, model.net.slice4, model.net.slice5)
        for name, module in part.named_children()
        if isinstance(module, torch.nn.Conv2d)
    ]
    heads = [(f"lin{i}.model.1", getattr(model, f"lin{i}").model[1]) for i in range(5)]
    for prefix, module in layers + heads:
        for part, parameter in module.named_parameters():
            shape = list(parameter.shape)
            if prefix.startswith("lin"):
                lo, hi = 0.0, 1.0  # the published ones are not negative either
            elif part == "bias":
                lo, hi = -0.05, 0.15
            else:
                hi = float(np.sqrt(6 / np.prod(shape[1:])))  # He et al. 2015: ReLU keeps the scale
                lo = -hi
            row = {"name": f"{prefix}.{part}", "shape": shape, "stream": len(rows), "lo": lo, "hi": hi}
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(uniform(SEED, row["stream"], shape, lo, hi)))
            rows.append(row)
    return rows


def evaluate(model, case, images, dtype):
    a, b = (torch.from_numpy(x).to(dtype).requires_grad_() for x in images)
    pair = [x.expand(-1, 3, -1, -1) for x in (a, b)]
    if "resize" in case:
        pair = [torch.nn.functional.interpolate(x, size=case["resize"], mode="bilinear") for x in pair]
    distances = model.to(dtype)(*pair).reshape(-1)
    weights = torch.arange(1, len(distances) + 1, dtype=dtype)
    gradients = torch.autograd.grad((distances * weights).sum(), [a, b])
    return [x.detach().numpy() for x in (distances, *gradients)]


def main():
    torch.set_num_threads(1)
    model = lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False)
    parameters = fill(model)
    tensors = {}
    for i, case in enumerate(CASES):
        images = [uniform(SEED, 1000 + 2 * i + k, case["shape"], -1.0, 1.0) for k in range(2)]
        exact = evaluate(model, case, images, torch.float64)
        ordinary = evaluate(model, case, images, torch.float32)
        for key, value, own in zip(["distances", "gradient-a", "gradient-b"], exact, ordinary):
            assert np.isfinite(value).all()
            if key == "gradient-b" and case["name"] != "square":
                continue  # the distance is symmetric
            tensors[f"{case['name']}/{key}"] = value.astype(np.float32)
            print(f"{case['name']} {key}: {np.abs(own - value).max() / np.abs(value).max():.1e} PyTorch's own, in float32")
        tensors[f"{case['name']}/a"], tensors[f"{case['name']}/b"] = images
    # As the published heads come: a state dict of torch.save().
    heads = {name: value.float() for name, value in model.state_dict().items() if name.startswith("lin")}
    torch.save({name: value for name, value in heads.items() if not name.startswith("lins")}, HERE / "lpips-heads.pth")
    versions = {name: version(name) for name in ("lpips", "torch", "torchvision", "numpy")}
    record = {"versions": {**versions, "python": platform.python_version()}, "seed": SEED}
    text = json.dumps({**record, "parameters": parameters, "cases": CASES}, indent=1)
    (HERE / "lpips.json").write_text(text + "\n")
    save_file({key: np.ascontiguousarray(tensors[key]) for key in sorted(tensors)}, HERE / "lpips.safetensors")
    (HERE / "lpips.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
