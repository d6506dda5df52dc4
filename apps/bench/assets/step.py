"""The same training step in PyTorch eager: diffusers' UNet2DModel, Adam, clip, moving average.

Speaks JSON, a line each way: first the settings come in, then every line "step" asks for one step and is answered with
its milliseconds.
"""

import json
import sys
import time

import torch
from diffusers import UNet2DModel

settings = json.loads(sys.stdin.readline())
torch.set_num_threads(settings["threads"])
model = UNet2DModel(**settings["model"])
average = [p.detach().clone() for p in model.parameters()]
optimizer = torch.optim.Adam(model.parameters(), settings["learningRate"])
shape = settings["shape"]
x0, noise = torch.rand(shape) * 2 - 1, torch.randn(shape)
timesteps = torch.randint(0, 1000, (shape[0],))
alpha, sigma = torch.rand(shape[0], 1, 1, 1), torch.rand(shape[0], 1, 1, 1)


def step():
    optimizer.zero_grad()
    loss = ((model(x0 * alpha + noise * sigma, timesteps).sample - noise) ** 2).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        for held, now in zip(average, model.parameters()):
            held.lerp_(now, 0.001)
    return loss.item()


parameters = sum(p.numel() for p in model.parameters())
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "parameters": parameters}), flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    step()
    print(json.dumps({"milliseconds": (time.perf_counter() - start) * 1000}), flush=True)
