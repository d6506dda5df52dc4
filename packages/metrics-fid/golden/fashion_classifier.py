"""Records what PyTorch gives for the weights of fashion-classifier, for the tests of this package.

    python packages/metrics-fid/golden/fashion_classifier.py    # writes fashion-classifier.json; needs numpy, torch, safetensors

The network is written out here a second time, from its description, in float64: four test images of Fashion-MNIST at each size go
through it. Run it again when the weights change.
"""

import gzip
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "assets" / "fashion-classifier.safetensors"
IMAGES = HERE.parent.parent / "fashion-mnist" / "assets" / "t10k-images-idx3-ubyte.gz"
COUNT = 4

weights = {name: value.double() for name, value in load_file(WEIGHTS).items()}


def block(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
    x = F.conv2d(x, weights[f"{name}.conv.weight"], stride=stride, padding=1)
    return F.relu(F.group_norm(x, 8, weights[f"{name}.norm.weight"], weights[f"{name}.norm.bias"], eps=1e-5))


def network(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = block(x, "entry16") if x.shape[2] == 16 else block(x, "entry32", stride=2)
    x = block(x, "layer1")
    x = block(F.avg_pool2d(x, 2), "layer2")
    x = block(F.avg_pool2d(x, 2), "layer3")
    features = block(x, "layer4").mean((2, 3))
    return features, F.linear(features, weights["classifier.weight"], weights["classifier.bias"])


raw = np.frombuffer(gzip.decompress(IMAGES.read_bytes())[16:], np.uint8).reshape(-1, 28, 28)[:COUNT]
padded = np.pad(raw, ((0, 0), (2, 2), (2, 2))).astype(np.float64)
pooled = np.floor(padded.reshape(COUNT, 16, 2, 16, 2).mean((2, 4)) + 0.5)

record = {
    "versions": {"torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()},
    "weightsSha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
}
for size, images in ((16, pooled), (32, padded)):
    features, logits = network(torch.from_numpy(images / 127.5 - 1)[:, None])
    record[str(size)] = {
        "features": [round(v, 9) for v in features.flatten().tolist()],
        "logits": [round(v, 9) for v in logits.flatten().tolist()],
    }
(HERE / "fashion-classifier.json").write_text(json.dumps(record) + "\n")
