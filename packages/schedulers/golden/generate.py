"""Records diffusers' schedules, timesteps and whole sampling trajectories for the tests of this package.

    python packages/schedulers/golden/generate.py      # writes diffusers.json beside this file

The "model" is a fixed function of x and t, computed in float64 and rounded once, so that the tests can compute it too; the noise
of stochastic samplers is a fixed function as well, given to DDIM as `variance_noise` and put in the place of DDPM's generator.
"""

import json
import math
import platform
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.schedulers import scheduling_ddpm

SIZE = 8
SPACINGS = ("leading", "trailing", "linspace")


def model(x: torch.Tensor, t: int) -> torch.Tensor:
    i = np.arange(SIZE)
    value = 0.9 * np.sin(1.7 * x.double().numpy() + 0.3 * i + 0.002 * t)
    return torch.from_numpy(value.astype(np.float32))


def noise(step: int) -> torch.Tensor:
    k = step * SIZE + np.arange(SIZE)
    return torch.from_numpy((1.4 * np.sin(3.7 * k + 0.5)).astype(np.float32))


def start() -> torch.Tensor:
    return torch.from_numpy((1.5 * np.cos(2.1 * np.arange(SIZE))).astype(np.float32))


def numbers(x) -> list:
    """Shortest decimals that read back as the same float32."""
    return [float(str(v)) for v in np.asarray(x, dtype=np.float32)]


def schedules() -> list:
    configs = [
        {},
        {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
        {"beta_schedule": "squaredcos_cap_v2"},
        {"num_train_timesteps": 50},
        {"num_train_timesteps": 1},
        {"num_train_timesteps": 4, "trained_betas": [0.1, 0.2, 0.3, 0.4]},
        {"rescale_betas_zero_snr": True},
        {"rescale_betas_zero_snr": True, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
        {"beta_schedule": "sigmoid"},
        {"beta_schedule": "sigmoid", "num_train_timesteps": 37, "beta_start": 1e-7, "beta_end": 2e-3},
        {"beta_schedule": "sigmoid", "num_train_timesteps": 1},
    ]
    records = []
    for config in configs:
        scheduler = DDPMScheduler(**config)
        T = scheduler.config.num_train_timesteps
        at = sorted({0, 1, T // 3, T // 2, T - 2, T - 1} & set(range(T)))
        x0, eps = torch.full((1,), 0.7), torch.full((1,), -1.3)
        records.append(
            {
                "config": {"_class_name": "DDPMScheduler", **config},
                "at": at,
                "betas": numbers(scheduler.betas[at]),
                "alphas_cumprod": numbers(scheduler.alphas_cumprod[at]),
                # the whole arrays, as their bits: sum of (i + 1)·word modulo 2^31 - 1
                "betas_checksum": checksum(scheduler.betas),
                "alphas_cumprod_checksum": checksum(scheduler.alphas_cumprod),
                "add_noise": numbers([scheduler.add_noise(x0, eps, torch.tensor([t]))[0] for t in at]),
                "velocity": numbers([scheduler.get_velocity(x0, eps, torch.tensor([t]))[0] for t in at]),
            }
        )
    return records


def checksum(values) -> int:
    words = np.asarray(values, dtype=np.float32).view(np.uint32)
    return sum((i + 1) * int(word) for i, word in enumerate(words)) % (2**31 - 1)


def timesteps() -> list:
    records = []
    for T in (1000, 50, 37):
        for spacing in SPACINGS:
            scheduler = DDIMScheduler(num_train_timesteps=T, timestep_spacing=spacing)
            sums, extra = [], []
            for steps in range(1, T + 1):
                scheduler.set_timesteps(steps)
                found = scheduler.timesteps.tolist()
                if len(found) > steps:
                    assert found[steps:] == [-1]
                    extra.append(steps)
                sums.append(sum((i + 1) * t for i, t in enumerate(found[:steps])))
            records.append({"T": T, "spacing": spacing, "sums": sums, "with_extra_minus_one": extra})
    return records


def trajectory(
    name: str, config: dict, steps: int, eta: float | None = None, keep: int = 1, samples: int | None = None
) -> dict:
    """With `samples`, x is as many samples, each of one channel; thresholding takes a quantile of each."""
    shape = (1, SIZE) if samples is None else (samples, 1, SIZE // samples)
    scheduler = (DDIMScheduler if name == "DDIMScheduler" else DDPMScheduler)(**config)
    scheduler.set_timesteps(steps)
    x, record = start(), []
    for index, t in enumerate(scheduler.timesteps.tolist()):
        before, output = x, model(x, t)
        if eta is None:
            scheduling_ddpm.randn_tensor = lambda *_, step=index, **__: noise(step).reshape(shape)
            result = scheduler.step(output.reshape(shape), t, x.reshape(shape))
        else:
            z = noise(index).reshape(shape) if eta > 0 else None
            result = scheduler.step(output.reshape(shape), t, x.reshape(shape), eta=eta, variance_noise=z)
        x, x0 = result.prev_sample.reshape(SIZE), result.pred_original_sample.reshape(SIZE)
        if index % keep == 0 or index == steps - 1:
            record.append({"index": index, "t": t, "before": numbers(before), "x": numbers(x), "x0": numbers(x0)})
    return {
        "config": {"_class_name": name, **config},
        "steps": steps,
        **({} if eta is None else {"eta": eta}),
        **({} if samples is None else {"samples": samples}),
        "trajectory": record,
        "finite": bool(torch.isfinite(x).all()),
    }


def trajectories() -> list:
    stable = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False}
    runs = []
    for steps in (1, 2, 5, 10, 50):
        runs.append(trajectory("DDIMScheduler", {}, steps, eta=0.0))
    for spacing in SPACINGS:
        for prediction in ("epsilon", "sample", "v_prediction"):
            config = {"timestep_spacing": spacing, "prediction_type": prediction, "clip_sample": False}
            runs.append(trajectory("DDIMScheduler", config, 7, eta=0.0))
            runs.append(trajectory("DDIMScheduler", {**config, "clip_sample": True}, 7, eta=0.5))
            runs.append(trajectory("DDPMScheduler", {**config, "clip_sample": True}, 7))
    runs.append(trajectory("DDIMScheduler", {**stable, "set_alpha_to_one": False, "steps_offset": 1}, 20, eta=0.0))
    runs.append(trajectory("DDIMScheduler", {"beta_schedule": "squaredcos_cap_v2", "clip_sample_range": 2.0}, 20, eta=1.0))
    runs.append(trajectory("DDIMScheduler", {"num_train_timesteps": 50}, 50, eta=0.5))
    zero = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}
    runs.append(trajectory("DDIMScheduler", zero, 10, eta=0.0))
    runs.append(trajectory("DDPMScheduler", zero, 10))
    for variance in ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"):
        runs.append(trajectory("DDPMScheduler", {"variance_type": variance}, 10))
    runs.append(trajectory("DDPMScheduler", {"variance_type": "fixed_large"}, 1000, keep=100))
    runs.append(trajectory("DDPMScheduler", {"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing"}, 25))
    runs.append(trajectory("DDPMScheduler", stable, 1000, keep=100))
    return runs + sigmoid() + thresholding()


def sigmoid() -> list:
    config = {"beta_schedule": "sigmoid"}
    runs = [trajectory("DDPMScheduler", config, steps, keep=1 + steps // 10) for steps in (1, 2, 10, 50)]
    runs.append(trajectory("DDPMScheduler", {**config, "prediction_type": "v_prediction", "clip_sample": False}, 25))
    runs.append(trajectory("DDPMScheduler", {**config, "rescale_betas_zero_snr": True, "prediction_type": "sample"}, 10))
    runs.append(trajectory("DDPMScheduler", config, 1000, keep=100))
    return runs


def thresholding() -> list:
    runs = []
    on = {"thresholding": True}
    half = {**on, "dynamic_thresholding_ratio": 0.45, "sample_max_value": 3.0}
    for prediction in ("epsilon", "sample", "v_prediction"):
        config = {**half, "prediction_type": prediction}
        runs += [trajectory("DDIMScheduler", config, steps, eta=eta, samples=2) for steps, eta in ((1, 0.0), (7, 0.0), (20, 0.5))]
        runs += [trajectory("DDPMScheduler", config, steps, samples=2) for steps in (2, 7, 20)]
    for name, eta in (("DDIMScheduler", 0.0), ("DDPMScheduler", None)):
        runs.append(trajectory(name, on, 10, eta=eta, samples=1))
        runs.append(trajectory(name, {**on, "sample_max_value": 0.7, "clip_sample_range": 2.0}, 10, eta=eta, samples=4))
        unbounded = {**on, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 1000.0, "timestep_spacing": "trailing"}
        runs.append(trajectory(name, unbounded, 10, eta=eta, samples=2))
    runs.append(trajectory("DDIMScheduler", half, 50, eta=1.0, keep=5, samples=2))
    runs.append(trajectory("DDPMScheduler", {**half, "variance_type": "fixed_large"}, 1000, keep=100, samples=2))
    return runs


def thresholds() -> list:
    """What becomes of a sample of n values, 4·sin(0.7 i²); of large ones 24 or so of them."""
    records = []
    for n in (1, 2, 7, 192, 3072, 12288):
        i = np.arange(n)
        x0 = torch.from_numpy((4 * np.sin(0.7 * (i * i % 10007))).astype(np.float32))
        for ratio, most in ((0.0, 3.0), (0.25, 3.0), (0.6, 100.0), (0.995, 100.0), (0.995, 1.0), (1.0, 100.0)):
            fields = {"thresholding": True, "dynamic_thresholding_ratio": ratio, "sample_max_value": most}
            found = DDPMScheduler(**fields)._threshold_sample(x0.reshape(1, 1, n))
            every = max(1, n // 24)
            records.append({"n": n, "ratio": ratio, "most": most, "every": every, "x0": numbers(found.reshape(n)[::every])})
    return records


def config_file(scheduler) -> dict:
    return json.loads(scheduler.to_json_string())


def main() -> None:
    golden = {
        "versions": {
            "diffusers": diffusers.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "schedules": schedules(),
        "timesteps": timesteps(),
        "trajectories": trajectories(),
        "config_files": [
            config_file(DDPMScheduler(variance_type="fixed_large")),
            config_file(DDIMScheduler(beta_schedule="scaled_linear", set_alpha_to_one=False, steps_offset=1)),
            config_file(DDPMScheduler(num_train_timesteps=4, trained_betas=[0.1, 0.2, 0.3, 0.4])),
            config_file(DDPMScheduler(beta_schedule="sigmoid", thresholding=True, sample_max_value=1.5)),
        ],
        "thresholds": thresholds(),
    }
    # NaN (fixed_large_log) has no JSON form
    text = json.dumps(replace_nan(golden), separators=(",", ":"), allow_nan=False)
    path = Path(__file__).with_name("diffusers.json")
    path.write_text(text + "\n")
    print(json.dumps(golden["versions"]), f"{len(text)} bytes")


def replace_nan(value):
    if isinstance(value, dict):
        return {key: replace_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [replace_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


if __name__ == "__main__":
    main()
