"""Records preconditioning as diffusers' schedulers compute it, in float64: precondition.json.

    python packages/models/golden/generate_precondition.py
"""

import pathlib
import sys

import numpy as np
import torch
from diffusers import CMStochasticIterativeScheduler, EDMEulerScheduler

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "golden"))

import recording  # noqa: E402

SIGMAS = [0.002, 0.00200001, 0.0021, 0.01, 0.1, 0.5, 1.0, 3.7, 80.0]
# (kind, sigma_data, sigma_min)
CASES = [("edm", 0.5, 0.002), ("edm", 0.7, 0.01), ("consistency", 0.5, 0.002), ("consistency", 0.7, 0.0)]


def edm(sigma, sigma_data, sigma_min):
    scheduler = EDMEulerScheduler(sigma_min=sigma_min, sigma_data=sigma_data)
    one, zero = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    return {
        "cSkip": scheduler.precondition_outputs(one, zero, sigma),
        "cOut": scheduler.precondition_outputs(zero, one, sigma),
        "cIn": scheduler.precondition_inputs(one, sigma),
        "cNoise": scheduler.precondition_noise(sigma),
    }


def consistency(sigma, sigma_data, sigma_min):
    scheduler = CMStochasticIterativeScheduler(sigma_min=sigma_min, sigma_data=sigma_data)
    c_skip, c_out = scheduler.get_scalings_for_boundary_condition(sigma)
    # scale_model_input reads σ from the scheduler's own table: one that holds this σ only.
    scheduler.sigmas, scheduler._step_index = [sigma], 0
    c_in = scheduler.scale_model_input(torch.ones((), dtype=torch.float64), None)
    return {"cSkip": c_skip, "cOut": c_out, "cIn": c_in, "cNoise": scheduler.sigma_to_t([float(sigma)])[0]}


def main():
    recording.HERE = HERE
    rows = []
    for kind, sigma_data, sigma_min in CASES:
        for sigma in SIGMAS:
            # What the library under test is given is a float32.
            exact = torch.tensor(np.float64(np.float32(sigma)))
            result = (edm if kind == "edm" else consistency)(exact, sigma_data, sigma_min)
            rows.append(
                {
                    "kind": kind,
                    "sigmaData": sigma_data,
                    "sigmaMin": sigma_min,
                    "sigma": sigma,
                    **{key: recording.number(float(value)) for key, value in result.items()},
                }
            )
    recording.write_json("precondition.json", {"tolerance": 1e-6}, rows=rows)


if __name__ == "__main__":
    main()
