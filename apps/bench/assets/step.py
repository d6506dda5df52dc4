"""The same training step in PyTorch eager: diffusers' UNet2DModel, Adam, clip, moving average.

Speaks JSON, a line each way: first the settings come in and are answered with the version (or {"unavailable": why}), then
every line "step" asks for one step and is answered with its milliseconds.

mode: "f32" (TF32 off), "tf32", "f16" (autocast and loss scaling).
"""

import json
import sys
import time

import torch
from diffusers import UNet2DModel

settings = json.loads(sys.stdin.readline())
device, mode = settings["device"], settings["mode"]
if device == "cuda" and not torch.cuda.is_available():
    print(json.dumps({"unavailable": f"PyTorch {torch.__version__} finds no CUDA device"}), flush=True)
    sys.exit()
torch.set_num_threads(settings["threads"])
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "tf32"
half = mode == "f16"
model = UNet2DModel(**settings["model"]).to(device)
average = [p.detach().clone() for p in model.parameters()]
optimizer = torch.optim.Adam(model.parameters(), settings["learningRate"])
scaler = torch.amp.GradScaler(device, enabled=half)
shape = settings["shape"]
x0, noise = torch.rand(shape, device=device) * 2 - 1, torch.randn(shape, device=device)
timesteps = torch.randint(0, 1000, (shape[0],), device=device)
alpha, sigma = (torch.rand(shape[0], 1, 1, 1, device=device) for _ in range(2))


def step():
    optimizer.zero_grad()
    with torch.autocast(device, dtype=torch.float16, enabled=half):
        prediction = model(x0 * alpha + noise * sigma, timesteps).sample
    loss = ((prediction.float() - noise) ** 2).mean()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    with torch.no_grad():
        for held, now in zip(average, model.parameters()):
            held.lerp_(now, 0.001)
    return loss.item()


parameters = sum(p.numel() for p in model.parameters())
print(json.dumps({"torch": torch.__version__, "parameters": parameters}), flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    print(json.dumps({"milliseconds": (time.perf_counter() - start) * 1000}), flush=True)
