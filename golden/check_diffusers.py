"""Opens a saved model folder with diffusers and runs its UNet on a known input.

    python golden/check_diffusers.py FOLDER [EXPECTED.json]

Prints one JSON object. With EXPECTED (see README.md, "Model folders") the output is compared with it: exit code 0 where
it agrees within its tolerance, 1 where it does not or where weights are missing, left over or of another shape
(diffusers itself would only warn and go on with random ones). Without EXPECTED it prints the object that can serve as
one, for the input that recordings use. The UNet runs in float64, so that the error is the other side's.
"""

import argparse
import json
import pathlib
import sys

import torch
from diffusers import DDPMPipeline, UNet2DModel
from diffusers.utils import logging

from philox import uniform
from recording import error, numbers
from unet_reference import SAMPLE_STREAM, SEED


logging.disable_progress_bar()


def default_input(config):
    size = config["sample_size"]
    height, width = (size, size) if isinstance(size, int) else size
    shape = [2, config["in_channels"], height, width]
    sample = {"shape": shape, "seed": SEED, "stream": SAMPLE_STREAM, "lo": -2.0, "hi": 2.0}
    labels = None if config["num_class_embeds"] is None else [0, config["num_class_embeds"] - 1]
    return {"sample": sample, "timesteps": [7, 613], "classLabels": labels}


def load(folder):
    """(pipeline, complaints about its weights). The UNet is loaded once more by itself, because only that reports."""
    pipeline = DDPMPipeline.from_pretrained(folder)
    _, info = UNet2DModel.from_pretrained(pathlib.Path(folder) / "unet", output_loading_info=True)
    complaints = {key: [str(name) for name in names] for key, names in info.items() if names}
    return pipeline, complaints


def run(unet, given):
    """The UNet's output, float64, for an input as EXPECTED describes it."""
    s = given["sample"]
    sample = torch.from_numpy(uniform(s["seed"], s["stream"], s["shape"], s["lo"], s["hi"])).double()
    labels = given.get("classLabels")
    with torch.no_grad():
        labels = None if labels is None else torch.tensor(labels)
        return unet.double().eval()(sample, torch.tensor(given["timesteps"]), class_labels=labels).sample


def describe(folder, given=None):
    """(what EXPECTED holds, for this folder; complaints; scheduler's class and config)."""
    pipeline, complaints = load(folder)
    given = given or default_input(pipeline.unet.config)
    output = run(pipeline.unet, given)
    expected = {**given, "output": {"shape": list(output.shape), "values": numbers(output)}}
    return expected, complaints, {"class": type(pipeline.scheduler).__name__, **pipeline.scheduler.config}


def main():
    parser = argparse.ArgumentParser(description="Open a model folder with diffusers and check what its UNet gives.")
    parser.add_argument("folder")
    parser.add_argument("expected", nargs="?")
    arguments = parser.parse_args()
    wanted = json.loads(pathlib.Path(arguments.expected).read_text()) if arguments.expected else None
    got, complaints, scheduler = describe(arguments.folder, wanted)
    report = {"complaints": complaints, "scheduler": scheduler}
    if wanted is None:
        report["expected"] = {"tolerance": 1e-4, **got}
        ok = not complaints
    else:
        same_shape = wanted["output"]["shape"] == got["output"]["shape"]
        report["error"] = error(wanted["output"]["values"], got["output"]["values"]) if same_shape else None
        report["tolerance"] = wanted["tolerance"]
        ok = not complaints and same_shape and report["error"] <= wanted["tolerance"]
    print(json.dumps({"ok": ok, **report}, default=str))
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
