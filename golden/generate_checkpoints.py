"""Records small checkpoints of torch.save() in its three forms, and what they hold: checkpoints/, checkpoints.json."""

import collections
import contextlib

import torch

from philox import uniform
from recording import HERE, write_json

SEED = 5


def values(stream, *shape):
    return torch.from_numpy(uniform(SEED, stream, list(shape), -2.0, 2.0))


class Network(torch.nn.Module):
    """A state dict of a module has metadata beside its tensors, and a counter of 64 bits."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3)
        self.norm = torch.nn.BatchNorm2d(3)
        with torch.no_grad():
            for stream, parameter in enumerate(self.parameters()):
                parameter.copy_(values(stream, *parameter.shape))


def contents():
    state = Network().state_dict()
    grid = values(10, 4, 6)
    return {
        "model": state,
        "tensors": collections.OrderedDict(
            parameter=torch.nn.Parameter(values(11, 2, 3)),
            transposed=grid.t(),
            window=grid[1:3, 2:5],
            row=grid[2],
            grid=grid,
            permuted=values(12, 2, 3, 4).permute(2, 0, 1),
            scalar=torch.tensor(1.5),
            nothing=torch.zeros(0, 3),
            double=values(13, 3).double() / 3,
            half=values(14, 3).half(),
            bfloat=values(15, 3).bfloat16(),
            long=torch.tensor([-(2**31), 7, 2**31 - 1]),
            int=torch.tensor([-5, 6], dtype=torch.int32),
            short=torch.tensor([-300, 300], dtype=torch.int16),
            char=torch.tensor([-128, 127], dtype=torch.int8),
            byte=torch.tensor([0, 255], dtype=torch.uint8),
            bool=torch.tensor([True, False, True]),
        ),
        "optimizer": {
            "state": {0: {"step": torch.tensor(3.0), "exp_avg": values(16, 2)}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0], "amsgrad": False, "foreach": None}],
        },
        "epoch": 3,
        "images": 2**40,
        "loss": 0.25,
        "size": torch.Size([2, 3]),
        "note": "Größe",
    }


def tensors_in(value, prefix=""):
    """{name: tensor}, named by the keys on the way."""
    found = {}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in items:
        if isinstance(entry, torch.Tensor):
            found[f"{prefix}{key}"] = entry
        elif isinstance(entry, (dict, list, tuple)):
            found.update(tensors_in(entry, f"{prefix}{key}."))
    return found


def row(name, tensor):
    narrow = {torch.float64: torch.float32, torch.bfloat16: torch.float32}
    narrow |= {t: torch.int32 for t in (torch.int64, torch.int16, torch.int8)}
    kept = tensor.detach().to(narrow.get(tensor.dtype, tensor.dtype))
    dtype = str(kept.dtype).removeprefix("torch.")
    bits = kept.contiguous().view(torch.uint16) if kept.dtype == torch.float16 else kept
    return {"name": name, "shape": list(tensor.shape), "dtype": dtype, "values": bits.reshape(-1).tolist()}


@contextlib.contextmanager
def numbered_storages():
    """The old form calls storages by their address; numbers in their place make it the same in every run."""
    numbers = {}
    address = torch._C.StorageBase._cdata
    torch.UntypedStorage._cdata = property(
        lambda storage: numbers.setdefault(address.__get__(storage), 1000 + len(numbers))
    )
    try:
        yield
    finally:
        del torch.UntypedStorage._cdata


def main():
    value = contents()
    folder = HERE / "checkpoints"
    folder.mkdir(exist_ok=True)
    torch.save(value, folder / "zip.pth")
    torch.save(value, folder / "zip-protocol4.pth", pickle_protocol=4)
    with numbered_storages(), open(folder / "legacy.pth", "wb") as file:
        torch.save(value, file, _use_new_zipfile_serialization=False)
    files = sorted(path.name for path in folder.glob("*.pth"))
    for name in files:
        back = tensors_in(torch.load(folder / name, weights_only="protocol4" not in name))  # it knows protocol 2 alone
        if any(not torch.equal(back[key], tensor) for key, tensor in tensors_in(value).items()):
            raise ValueError(f"{name}: PyTorch reads something else")
    rows = [row(name, tensor) for name, tensor in tensors_in(value).items()]
    write_json("checkpoints.json", {"files": files}, tensors=rows)
    print(f"checkpoints: {len(rows)} tensors in {len(files)} files of {sum((folder / f).stat().st_size for f in files)} bytes")


if __name__ == "__main__":
    main()
