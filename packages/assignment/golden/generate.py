"""Records what SciPy and PyTorch say about matrices and numbers that the tests make again for themselves.

    python packages/assignment/golden/generate.py > packages/assignment/golden/reference.json

Only optimal costs, sums and hashes are stored. The matrices come from an integer hash that is the same in both
languages (`hash32` here and in src/golden.ts), so float64 entries are equal bit for bit. SciPy solves in float64; its
optimal cost differs from ours only by the order of n additions, hence the relative tolerance of 1e-12 in the tests.
"""

import json

import numpy as np
import scipy
import torch
from scipy.optimize import linear_sum_assignment

SIZES = [1, 2, 3, 5, 17, 64, 127, 128, 251, 256, 509, 512]


def hash32(seed: int, count: int) -> np.ndarray:
    """Elements 0 … count-1 of stream `seed`: a 32-bit finaliser (lowbias32) of the index."""
    x = (np.arange(count, dtype=np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B9)) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return (x ^ (x >> np.uint64(16))).astype(np.uint32)


def uniform(seed: int, count: int) -> np.ndarray:
    return hash32(seed, count).astype(np.float64) / 2**32


def points(seed: int, rows: int, dimensions: int) -> np.ndarray:
    return uniform(seed, rows * dimensions).reshape(rows, dimensions)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    squared = np.zeros((len(a), len(b)))
    for k in range(a.shape[1]):  # in this order, as the TypeScript loop adds
        difference = a[:, k][:, None] - b[:, k][None, :]
        squared = squared + difference * difference
    return np.sqrt(squared)


def matrix(family: str, rows: int, columns: int) -> np.ndarray:
    shape = (rows, columns)
    size = rows * columns
    if family == "uniform":
        return uniform(1, size).reshape(shape)
    if family == "integers":
        return (hash32(2, size) % 1_000_000).astype(np.float64).reshape(shape)
    if family == "ties":
        return (hash32(3, size) % 4).astype(np.float64).reshape(shape)
    if family == "constant":
        return np.full(shape, 7.25)
    if family == "geometric":
        return distances(points(4, rows, 2), points(5, columns, 2))
    if family == "rank-one":
        return np.outer(uniform(6, rows), uniform(7, columns))
    if family == "permuted-diagonal":
        cost = 1 + uniform(8, size).reshape(shape)
        for i in range(rows):
            cost[i, (7 * i + 3) % columns] = 0.5  # a permutation when 7 does not divide the size
        return cost
    if family == "dear-row":
        cost = uniform(9, size).reshape(shape)
        cost[rows // 2] = cost[rows // 2] + 1e6
        return cost
    if family == "duplicates":
        few = max(1, rows // 4)
        cost = uniform(10, few * columns).reshape(few, columns)
        return cost[np.arange(rows) % few]
    if family == "image-noise":
        # A few strong directions and a size of its own for every image, as in real data, against plain noise.
        scale = 1 / (1 + np.arange(24))
        a = (points(11, rows, 24) - 0.5) * 8 * scale * (0.5 + points(12, rows, 1))
        return distances(a, (points(13, columns, 24) - 0.5) * 3.4641016151377544)
    raise ValueError(family)


FAMILIES = [
    "uniform",
    "integers",
    "ties",
    "constant",
    "geometric",
    "rank-one",
    "permuted-diagonal",
    "dear-row",
    "duplicates",
    "image-noise",
]


def record(family: str, rows: int, columns: int) -> dict:
    cost = matrix(family, rows, columns)
    row, column = linear_sum_assignment(cost)
    row32, column32 = linear_sum_assignment(cost.astype(np.float32).astype(np.float64))
    return {
        "family": family,
        "rows": rows,
        "columns": columns,
        "probe": float(cost.ravel()[:: max(1, cost.size // 97)].cumsum()[-1]),  # tells whether both made the same
        "cost": float(cost[row, column].sum()),
        "costFloat32": float(cost.astype(np.float32).astype(np.float64)[row32, column32].sum()),
        "costMaximised": float(cost[linear_sum_assignment(cost, maximize=True)].sum()) if rows <= 128 else None,
    }


def fnv1a(words: np.ndarray) -> int:
    state = 0x811C9DC5
    for word in words.tolist():
        for byte in (word & 0xFF, word >> 8):
            state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return state


def float16() -> dict:
    bits = np.arange(0x10000, dtype=np.uint32).astype(np.uint16)
    finite = bits[np.isfinite(bits.view(np.float16))]
    scaled = 0.10 * torch.from_numpy(finite.view(np.float16).copy())
    # The two distances of the authors' scripts on the same small samples: linear assignment, and best of k.
    x0 = torch.from_numpy((points(21, 8, 192) * 2 - 1).astype(np.float32))
    noise = torch.from_numpy(((points(22, 8, 192) - 0.5) * 3.4641016151377544).astype(np.float32))
    linear = torch.linalg.vector_norm(
        0.10 * x0.to(torch.float16).unsqueeze(1) - 0.10 * noise.to(torch.float16).unsqueeze(0), dim=2
    )
    return {
        "scaledHash": fnv1a(scaled.numpy().view(np.uint16)),
        "linearDistances": linear.float().flatten().tolist(),
    }


print(
    json.dumps(
        {
            "versions": {"scipy": scipy.__version__, "numpy": np.__version__, "torch": torch.__version__},
            "solutions": [
                record(family, n, n)
                for family in FAMILIES
                for n in SIZES
                if family != "rank-one" or n <= 256  # the hardest family: seconds at 512
            ]
            + [record(family, 48, columns) for family in FAMILIES for columns in (49, 80, 300)],
            "float16": float16(),
        },
        indent=1,
    )
)
