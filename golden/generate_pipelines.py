"""Saves a model folder with diffusers itself, and what its UNet gives: pipelines/tiny-ddpm, pipelines/tiny-ddpm.json.

Model and weights are those of unet/tiny.json, so that both recordings check each other.
"""

import shutil

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler
from safetensors.numpy import load_file

from check_diffusers import describe
from recording import HERE, write_json
from unet_reference import CASES, build

NAME = "tiny-ddpm"


def main():
    folder = HERE / "pipelines" / NAME
    shutil.rmtree(folder, ignore_errors=True)
    model, _ = build(CASES["tiny"][0], torch.float32)
    scheduler = DDPMScheduler(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
    DDPMPipeline(unet=model, scheduler=scheduler).save_pretrained(folder, safe_serialization=True)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    expected, complaints, _ = describe(folder)
    if complaints:
        raise ValueError(f"{folder}: diffusers does not read back what it wrote: {complaints}")
    recorded = load_file(HERE / "unet" / "tiny.safetensors")["output"].reshape(-1)
    if not np.array_equal(np.float32(expected["output"]["values"]), recorded):
        raise ValueError("the model folder gives another output than unet/tiny: run the part `unet` first")
    write_json(f"pipelines/{NAME}.json", {"tolerance": 1e-4, **expected})
    print(f"pipelines: {NAME}, the same output as unet/tiny")


if __name__ == "__main__":
    main()
