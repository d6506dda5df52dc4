"""How recordings are written: tensors in one safetensors file, what they mean in one JSON file beside it.

Files are the same, byte for byte, whenever the numbers are: keys are sorted, safetensors carries no metadata, and
torch runs on one thread.
"""

import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent

torch.set_num_threads(1)


def contiguous(array):
    """The array in row-major order. numpy's own function makes a scalar a vector of one."""
    return np.ascontiguousarray(array).reshape(array.shape)


def to_float32(tensor):
    """A float64 reference as it is stored: float32, rounded once. Other dtypes pass as they are."""
    array = tensor.detach().cpu().numpy()
    return contiguous(array.astype(np.float32) if array.dtype == np.float64 else array)


def error(value, reference):
    """max |value - reference| / max |reference|: the measure that golden/README.md states tolerances in."""
    value, reference = (np.asarray(x, dtype=np.float64) for x in (value, reference))
    scale = np.abs(reference).max(initial=0.0)
    return float(np.abs(value - reference).max(initial=0.0) / (scale or 1.0))


def number(value):
    """A float as JSON writes it: the shortest text that gives the same float32 back."""
    return float(np.format_float_scientific(np.float32(value), unique=True))


def numbers(tensor):
    """All entries of a tensor, in order, as `number` gives them."""
    return [number(value) for value in tensor.detach().reshape(-1).tolist()]


def write_tensors(path, tensors):
    """Writes `tensors` (name → numpy array) as safetensors."""
    (HERE / path).parent.mkdir(parents=True, exist_ok=True)
    save_file({name: contiguous(tensors[name]) for name in sorted(tensors)}, HERE / path)
    (HERE / path).chmod(0o644)


def write_json(path, head, **lists):
    """Writes the object `head` and after it `lists`: a key a line, a list's entry a line, so that diffs can be read."""
    fields = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    for key, entries in lists.items():
        lines = ",\n".join("  " + json.dumps(entry) for entry in entries)
        fields.append(f" {json.dumps(key)}: [\n{lines}\n ]")
    (HERE / path).parent.mkdir(parents=True, exist_ok=True)
    (HERE / path).write_text("{\n" + ",\n".join(fields) + "\n}\n")
