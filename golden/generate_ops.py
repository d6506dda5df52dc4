"""Records every op of tensor-core, forward, backward and (some) twice differentiated: ops.json, ops.safetensors.

The reference is float64 torch on the very float32 inputs that are stored, rounded once to float32.
"""

import zlib

import numpy as np
import torch

from ops_cases import Integer, Uniform, all_cases
from ops_reference import OPS
from philox import stream_uniform, uniform
from recording import error, to_float32, write_json, write_tensors

SEED = 1


def draw(spec, name):
    """The stored array of an input; its stream is the CRC-32 of its name, so that cases do not move each other."""
    stream = zlib.crc32(name.encode())
    if isinstance(spec, Uniform):
        return uniform(SEED, stream, spec.shape, spec.lo, spec.hi)
    if isinstance(spec, Integer):
        u = stream_uniform(SEED, stream, int(np.prod(spec.shape)))
        return (spec.lo + np.floor((spec.hi - spec.lo) * u)).astype(np.int32).reshape(spec.shape)
    return spec


def draw_cotangent(case, shape):
    cotangent = uniform(SEED, zlib.crc32(f"{case.name}/cotangent".encode()), list(shape), -1.0, 1.0)
    if case.attrs.get("back"):
        cotangent = cotangent.astype(np.float16).astype(np.float32)  # so that it passes through float16 unrounded
    return cotangent


def evaluate(case, arrays, dtype):
    """{key: tensor}: output, cotangent, gradients and second-order gradients, with floats computed in `dtype`."""
    inputs = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(array.copy())
        inputs[name] = tensor.to(dtype).requires_grad_() if array.dtype == np.float32 else tensor
    output = OPS[case.op](list(inputs.values()), case.attrs)
    result = {"output": output}
    wanted = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
    if not output.requires_grad:
        return result
    result["cotangent"] = torch.from_numpy(draw_cotangent(case, output.shape)).to(dtype)
    loss = (output * result["cotangent"]).sum()
    grads = torch.autograd.grad(loss, list(wanted.values()), create_graph=case.second)
    result.update({f"grad/{name}": grad for name, grad in zip(wanted, grads)})
    if case.second:
        penalty = sum(grad.square().sum() for grad in grads)
        seconds = torch.autograd.grad(penalty, list(wanted.values()), allow_unused=True)
        for (name, tensor), grad in zip(wanted.items(), seconds):
            result[f"second/{name}"] = torch.zeros_like(tensor) if grad is None else grad
    return result


def record(case, tensors):
    """Puts the case's tensors into `tensors`; returns its JSON row and torch's own float32 error."""
    arrays = {name: draw(spec, f"{case.name}/{name}") for name, spec in case.inputs.items()}
    reference = {key: to_float32(value) for key, value in evaluate(case, arrays, torch.float64).items()}
    ordinary = {key: to_float32(value) for key, value in evaluate(case, arrays, torch.float32).items()}

    row = {"name": case.name, "op": case.op, "attrs": case.attrs, "inputs": []}
    for name, array in arrays.items():
        key = f"{case.name}/{name}"
        tensors[key] = array
        row["inputs"].append({"name": name, "shape": list(array.shape), "dtype": str(array.dtype), "stored": key})
    row["output"] = f"{case.name}/output"
    row["outputShape"], row["outputDtype"] = list(reference["output"].shape), str(reference["output"].dtype)
    if "cotangent" in reference:
        row["cotangent"] = f"{case.name}/cotangent"
    for field, prefix in [("grads", "grad/"), ("second", "second/")]:
        keys = {key.removeprefix(prefix): f"{case.name}/{key}" for key in reference if key.startswith(prefix)}
        if keys:
            row[field] = keys
    tensors.update({f"{case.name}/{key}": array for key, array in reference.items()})
    if not all(np.isfinite(array).all() for array in reference.values()):
        raise ValueError(f"{case.name}: the reference is not finite")
    return row, {key: error(ordinary[key], reference[key]) for key in reference}


def main():
    tensors, rows, errors = {}, [], {}
    for case in all_cases():
        row, own = record(case, tensors)
        rows.append(row)
        for key, value in own.items():
            errors[f"{case.name}/{key}"] = value
    missing = set(OPS) - {row["op"] for row in rows}
    if missing:
        raise ValueError(f"no case of {sorted(missing)}")
    write_tensors("ops.safetensors", tensors)
    write_json("ops.json", {"tensors": "ops.safetensors", "tolerance": 1e-5}, cases=rows)
    worst = sorted(errors.items(), key=lambda item: -item[1])[:12]
    print(f"ops: {len(rows)} cases of {len(OPS)} ops, {len(tensors)} tensors; torch's own float32 errors, worst first:")
    for name, value in worst:
        print(f"  {value:.1e} {name}")


if __name__ == "__main__":
    main()
