"""Records what a forward pass of one sample costs, by PyTorch's own counter: costs.json.

    python packages/models/golden/generate_costs.py

`multiplyAdds` is half of what FlopCounterMode counts (it counts a multiplication with its addition as two);
`activations` are the elements that convolutions, linear layers and the two products of attention put out.
"""

import json
import pathlib

import torch
from diffusers import UNet2DModel
from diffusers.models.attention_processor import Attention
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = pathlib.Path(__file__).resolve().parent
CONFIGS = HERE.parents[2] / "golden" / "configs"
OWN = ["ct-imagenet64"]
NAMES = ["demo", "resnet-sampling", "class-conditional", "ddpm-cifar10-32", "ddpm-cifar10-32-one-head"]


def cost(name):
    config = json.loads(((HERE / "configs" if name in OWN else CONFIGS) / f"{name}.json").read_text())
    model = UNet2DModel.from_config(config).eval()
    activations = 0

    def count_output(_module, _inputs, output):
        nonlocal activations
        activations += output.numel()

    def count_attention(module, inputs, _output):
        nonlocal activations
        length = inputs[0].shape[2] * inputs[0].shape[3]
        activations += module.heads * length * length + length * module.inner_dim

    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(count_output)
        if isinstance(module, Attention):
            module.register_forward_hook(count_attention)
    size = config["sample_size"]
    sample = torch.zeros(1, config["in_channels"], size, size)
    labels = torch.zeros(1, dtype=torch.int64) if config.get("num_class_embeds") else None
    # The plain kernel, because the counter knows its two products for what they are.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(sample, torch.ones(1), class_labels=labels)
    return {
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "tensors": len(model.state_dict()),
        "multiplyAdds": counter.get_total_flops() // 2,
        "activations": activations,
    }


def main():
    torch.set_default_device("meta")  # nothing is computed
    costs = {name: cost(name) for name in NAMES + OWN}
    (HERE / "costs.json").write_text(json.dumps(costs, indent=2) + "\n")


if __name__ == "__main__":
    main()
