"""Saves model folders with diffusers itself, what their UNets give and what images their pipelines make.

Model and weights are those of a recording of unet/, so that both check each other.
"""

import json
import shutil

import numpy as np
import torch
from diffusers import CMStochasticIterativeScheduler, ConsistencyModelPipeline, DDPMPipeline, DDPMScheduler
from safetensors.numpy import load_file

from check_diffusers import describe
from recording import HERE, numbers, write_json
from sample_diffusers import sample
from unet_reference import CASES, build

SEEDS = [3, 2**40 + 5]

# folder: the case of unet_reference whose model it holds, its pipeline, and the numbers of steps that it samples with
PIPELINES = {
    "tiny-ddpm": (
        "tiny",
        DDPMPipeline,
        DDPMScheduler(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear"),
        [3],
    ),
    "class-conditional-cm": ("class-conditional", ConsistencyModelPipeline, CMStochasticIterativeScheduler(), [1, 2]),
}


def record(name, case, pipeline_class, scheduler, steps):
    folder = HERE / "pipelines" / name
    shutil.rmtree(folder, ignore_errors=True)
    model, _ = build(CASES[case][0], torch.float32)
    pipeline_class(unet=model, scheduler=scheduler).save_pretrained(folder, safe_serialization=True)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    given = json.loads((HERE / "unet" / f"{case}.json").read_text())
    given = {
        "sample": {"seed": given["seed"], **given["sample"]},
        "timesteps": given["timesteps"],
        "classLabels": given["classLabels"],
    }
    expected, complaints, _ = describe(folder, given)
    if complaints:
        raise ValueError(f"{folder}: diffusers does not read back what it wrote: {complaints}")
    recorded = load_file(HERE / "unet" / f"{case}.safetensors")["output"].reshape(-1)
    if not np.array_equal(np.float32(expected["output"]["values"]), recorded):
        raise ValueError(f"{folder} gives another output than unet/{case}: run the part `unet` first")
    samples = []
    for count in steps:
        request = {"seeds": SEEDS, "steps": count}
        if given["classLabels"] is not None:
            request["labels"] = [1, 7]
        _, images = sample(folder, **request)
        samples.append({**request, "images": numbers(images)})
    write_json(f"pipelines/{name}.json", {"tolerance": 1e-4, **expected}, samples=samples)
    print(f"pipelines: {name}, the same output as unet/{case}; images in {steps} steps")


def main():
    for name, recorded in PIPELINES.items():
        record(name, *recorded)


if __name__ == "__main__":
    main()
