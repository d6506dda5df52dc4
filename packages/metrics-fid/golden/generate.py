"""Records reference values of the metrics on tiny fixtures for the tests of this package.

    python packages/metrics-fid/golden/generate.py      # writes metrics.json beside this file; needs numpy, scipy, mpmath

Fréchet distances are computed twice: with mpmath at 60 digits (the value that tests are held to), and as pytorch-fid does, with
SciPy's sqrtm in float64 (to show what that loses). The other metrics are their formulas in NumPy float64.
"""

import json
import platform
from pathlib import Path

import mpmath as mp
import numpy as np
import scipy
from scipy.linalg import sqrtm

mp.mp.dps = 60


def exact_frechet(a: np.ndarray, b: np.ndarray) -> float:
    def centred(x):
        n, d = x.shape
        m = mp.matrix(x.tolist())
        mean = [mp.fsum(m[i, j] for i in range(n)) / n for j in range(d)]
        rows = mp.matrix(n, d)
        for i in range(n):
            for j in range(d):
                rows[i, j] = (m[i, j] - mean[j]) / mp.sqrt(n - 1)
        return mean, rows

    mean_a, f = centred(a)
    mean_b, g = centred(b)
    means = mp.fsum((p - q) ** 2 for p, q in zip(mean_a, mean_b))
    traces = mp.fsum(v * v for v in f) + mp.fsum(v * v for v in g)
    product = f * g.T if f.rows <= f.cols else None
    if product is None:  # the nuclear norm from the d × d side: eigenvalues of Σ_a^½ Σ_b Σ_a^½
        values, vectors = mp.eigsy(f.T * f)
        root = vectors * mp.diag([mp.sqrt(max(v, 0)) for v in values]) * vectors.T
        trace = mp.fsum(mp.sqrt(max(v, 0)) for v in mp.eigsy(root * (g.T * g) * root, eigvals_only=True))
    else:
        trace = mp.fsum(mp.sqrt(max(v, 0)) for v in mp.eigsy(product * product.T, eigvals_only=True))
    return float(means + traces - 2 * trace)


def scipy_frechet(a: np.ndarray, b: np.ndarray) -> float:
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(s @ t)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * np.trace(root.real))


def mmd(a: np.ndarray, b: np.ndarray) -> float:
    n, m, d = len(a), len(b), a.shape[1]
    k = lambda x, y: (x @ y.T / d + 1) ** 3
    within = lambda x, n: (k(x, x).sum() - np.trace(k(x, x))) / (n * (n - 1))
    return float(within(a, n) + within(b, m) - 2 * k(a, b).mean())


def prdc(real: np.ndarray, fake: np.ndarray, k: int) -> dict:
    distances = lambda x, y: np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))
    radii = lambda x: np.sort(distances(x, x), axis=1)[:, k]
    cross = distances(real, fake)
    in_real = cross <= radii(real)[:, None]
    in_fake = cross <= radii(fake)[None]
    return {
        "k": k,
        "precision": float(in_real.any(0).mean()),
        "recall": float(in_fake.any(1).mean()),
        "density": float(in_real.sum(0).mean() / k),
        "coverage": float(in_real.any(1).mean()),
    }


def fixtures() -> dict:
    found = {}
    for n, d in ((4, 4), (64, 16), (16, 64)):
        random = np.random.RandomState(2023)
        found[f"randn {n}x{d}"] = (random.randn(n, d), random.randn(n, d))
    random = np.random.RandomState(7)
    # What pooled pixels look like: whole numbers, dead features, copies of features, very different variances.
    base = random.randint(0, 256, (2, 40, 5)).astype(float)
    mix = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1e-4, 0],
                    [0, 0, 0, 0, 1e3], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, -1, 0]])
    found["singular 40x10"] = (base[0] @ mix.T + 100, base[1] @ mix.T + 101)
    found["unequal sizes 30x6, 9x6"] = (random.randn(30, 6), random.randn(9, 6) * 2 + 0.5)
    return found


def main() -> None:
    records = []
    for name, (a, b) in fixtures().items():
        records.append(
            {
                "name": name,
                "dimension": a.shape[1],
                "a": a.ravel().tolist(),
                "b": b.ravel().tolist(),
                "frechet": exact_frechet(a, b),
                "frechet_sqrtm": scipy_frechet(a, b),
                "mmd": mmd(a, b),
                "prdc": [prdc(a, b, k) for k in (1, 3)],
            }
        )
    versions = {
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "mpmath": mp.__version__,
        "python": platform.python_version(),
    }
    text = json.dumps({"versions": versions, "fixtures": records}, separators=(",", ":"), allow_nan=False)
    Path(__file__).with_name("metrics.json").write_text(text + "\n")
    print(json.dumps(versions), f"{len(text)} bytes")
    for record in records:
        print(record["name"], record["frechet"], record["frechet_sqrtm"])


if __name__ == "__main__":
    main()
