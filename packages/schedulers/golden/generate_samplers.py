"""Records runs of diffusers' samplers other than DDPM and DDIM (generate.py has those) for the tests of this package.

    python packages/schedulers/golden/generate_samplers.py      # writes samplers.json beside this file

The "model" is generate.py's fixed function of x and t; where a sampler is stochastic, generate.py's fixed numbers for the index of
the call stand in the place of its generator. EDM's Algorithm 2, which diffusers does not have, is written out in NumPy, in float64.
"""

import json
import math
from pathlib import Path

import diffusers
import generate
import numpy as np
import torch
from diffusers.schedulers import scheduling_consistency_models

generate.SIZE = SIZE = 4


def model(x: np.ndarray, t: float) -> np.ndarray:
    return 0.9 * np.sin(1.7 * np.asarray(x, dtype=np.float64) + 0.3 * np.arange(SIZE) + 0.002 * t)


def run(name: str, steps: int, config: dict | None = None, **settings) -> dict:
    """Every call of the network: the timestep that it is told, and x after it."""
    scheduler = getattr(diffusers, name)(**(config or {}))
    timesteps, mu, samples = settings.get("timesteps"), settings.get("mu"), settings.get("samples")
    shape = (SIZE,) if samples is None else (samples, 1, SIZE // samples)  # thresholding takes a quantile of each sample
    if timesteps is None:
        scheduler.set_timesteps(steps, **({} if mu is None else {"mu": mu}))
    else:
        scheduler.set_timesteps(timesteps=timesteps)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    x = (generate.start() * float(getattr(scheduler, "init_noise_sigma", 1.0))).float()
    begin, calls = x, []
    for index, t in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        output = torch.from_numpy(model(scaled.numpy(), float(t)).astype(np.float32))
        noise, extra = generate.noise(index), {}
        if name.startswith("CM") and scheduler.sigmas[index + 1] <= np.float32(scheduler.config.sigma_min):
            noise = torch.zeros(SIZE)  # README.md: its weight should be 0, and is 7e-7 by rounding
        scheduling_consistency_models.randn_tensor = lambda *_, **__: noise
        torch.randn_like = lambda *_: noise
        if "sde" in (config or {}).get("algorithm_type", ""):
            extra = {"variance_noise": noise.reshape(shape)}
        x = scheduler.step(output.reshape(shape), t, x.reshape(shape), **extra).prev_sample.reshape(SIZE)
        calls.append({"t": float(f"{float(t):.9g}"), "x": generate.numbers(x)})
    assert torch.isfinite(x).all()
    return {
        "config": {"_class_name": name, **(config or {})},
        "steps": steps,
        **settings,
        "begin": generate.numbers(begin),
        "calls": calls,
    }


def edm(steps: int, config: dict | None = None) -> dict:
    """Karras et al. 2022, Algorithm 2, line by line, with the preconditioning of table 1."""
    sigma_min, sigma_max, sigma_data, rho = 0.002, 80.0, 0.5, 7.0
    churn = {"S_churn": 0.0, "S_min": 0.0, "S_max": math.inf, "S_noise": 1.0, **(config or {})}
    sigma_max, rho = churn.get("sigma_max", sigma_max), churn.get("rho", rho)
    sigma_min, sigma_data = churn.get("sigma_min", sigma_min), churn.get("sigma_data", sigma_data)
    calls = []

    def denoised(x: np.ndarray, sigma: float) -> np.ndarray:
        c_skip = sigma_data**2 / (sigma**2 + sigma_data**2)
        c_out = sigma * sigma_data / math.sqrt(sigma**2 + sigma_data**2)
        c_in = 1 / math.sqrt(sigma**2 + sigma_data**2)
        c_noise = math.log(sigma) / 4
        calls.append({"t": float(f"{c_noise:.9g}")})
        network = model(np.float32(c_in * x), c_noise).astype(np.float32)  # as in the paper's code, float32 by itself
        return c_skip * x + c_out * network.astype(np.float64)

    i = np.arange(steps)
    ramp = i / (steps - 1) if steps > 1 else np.zeros(1)
    t = (sigma_max ** (1 / rho) + ramp * (sigma_min ** (1 / rho) - sigma_max ** (1 / rho))) ** rho
    t = [*t, 0.0]
    begin = x = generate.start().double().numpy() * t[0]
    for i in range(steps):
        gamma = min(churn["S_churn"] / steps, math.sqrt(2) - 1) if churn["S_min"] <= t[i] <= churn["S_max"] else 0.0
        noise = generate.noise(len(calls)).double().numpy() * churn["S_noise"]
        t_hat = t[i] + gamma * t[i]
        x_hat = x + math.sqrt(t_hat**2 - t[i] ** 2) * noise
        d = (x_hat - denoised(x_hat, t_hat)) / t_hat
        x = x_hat + (t[i + 1] - t_hat) * d
        calls[-1]["x"] = generate.numbers(x)
        if t[i + 1] != 0:
            d_prime = (x - denoised(x, t[i + 1])) / t[i + 1]
            x = x_hat + (t[i + 1] - t_hat) * (0.5 * d + 0.5 * d_prime)
            calls[-1]["x"] = generate.numbers(x)
    return {
        "config": {"_class_name": "EDMHeunScheduler", **(config or {})},
        "steps": steps,
        "begin": generate.numbers(begin),
        "calls": calls,
    }


STABLE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
ZERO_SNR = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}
PREDICTIONS = ("epsilon", "sample", "v_prediction")


def pndm() -> list:
    name = "PNDMScheduler"
    runs = [run(name, steps) for steps in (4, 10, 50)]
    runs += [run(name, steps, {**STABLE, "skip_prk_steps": True, "steps_offset": 1}) for steps in (1, 2, 3, 5, 20, 50)]
    for spacing in generate.SPACINGS:
        config = {"timestep_spacing": spacing, "prediction_type": "v_prediction", "set_alpha_to_one": True}
        runs += [run(name, 7, config), run(name, 7, {**config, "skip_prk_steps": True})]
    runs.append(run(name, 20, {"beta_schedule": "squaredcos_cap_v2", "skip_prk_steps": True}))
    return runs


def euler_and_heun() -> list:
    runs = []
    for name in ("EulerDiscreteScheduler", "HeunDiscreteScheduler"):
        runs += [run(name, steps) for steps in (1, 2, 5, 10, 50)]
        for spacing in generate.SPACINGS:
            for prediction in PREDICTIONS:
                runs.append(run(name, 7, {**STABLE, "timestep_spacing": spacing, "prediction_type": prediction, "steps_offset": 1}))
        runs += [run(name, steps, {**STABLE, "use_karras_sigmas": True}) for steps in (1, 8, 25)]
        runs.append(run(name, 8, {"use_exponential_sigmas": True, "timestep_spacing": "trailing"}))
        runs.append(run(name, 8, {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True}))
        runs.append(run(name, 4, STABLE, timesteps=[999, 700, 300, 20]))
    name = "EulerDiscreteScheduler"
    edm_like = {"sigma_min": 0.002, "sigma_max": 700.0, "use_karras_sigmas": True}
    runs.append(run(name, 9, {**edm_like, "timestep_type": "continuous", "prediction_type": "v_prediction"}))
    runs.append(run(name, 9, {**STABLE, "interpolation_type": "log_linear"}))
    runs.append(run(name, 9, {**STABLE, "final_sigmas_type": "sigma_min"}))
    runs.append(run(name, 9, {**STABLE, **ZERO_SNR}))
    name = "HeunDiscreteScheduler"
    runs.append(run(name, 7, {"clip_sample": True, "clip_sample_range": 0.8}))
    runs.append(run(name, 7, {"beta_schedule": "exp"}))
    return runs


def dpm_solver() -> list:
    name, runs = "DPMSolverMultistepScheduler", []
    for algorithm in ("dpmsolver++", "sde-dpmsolver++", "dpmsolver"):
        for order in (1, 2, 3):
            for solver in ("midpoint", "heun"):
                config = {**STABLE, "algorithm_type": algorithm, "solver_order": order, "solver_type": solver}
                config["final_sigmas_type"] = "sigma_min" if algorithm == "dpmsolver" else "zero"
                runs += [run(name, 8, config), run(name, 20, {**config, "prediction_type": "v_prediction"})]
        config = {"algorithm_type": algorithm, "final_sigmas_type": "sigma_min", "prediction_type": "sample"}
        runs += [run(name, 6, config), run(name, 16, {**config, "euler_at_final": True})]
    runs += [run(name, steps) for steps in (1, 2, 3, 15, 50)]
    for spacing in generate.SPACINGS:
        config = {"timestep_spacing": spacing, "steps_offset": 1, "lower_order_final": False, "solver_order": 3}
        runs += [run(name, 7, config), run(name, 7, {**config, "lambda_min_clipped": -3.0})]
    runs += [run(name, steps, {**STABLE, "use_karras_sigmas": True}) for steps in (1, 8, 25)]
    runs.append(run(name, 8, {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True, "lambda_min_clipped": -5.1}))
    runs.append(run(name, 8, {**STABLE, "use_exponential_sigmas": True, "final_sigmas_type": "sigma_min"}))
    runs.append(run(name, 8, {**STABLE, **ZERO_SNR}))
    runs.append(run(name, 4, STABLE, timesteps=[999, 700, 300, 20]))
    return runs


def consistency_and_flow() -> list:
    name = "CMStochasticIterativeScheduler"
    runs = [run(name, steps) for steps in (1, 2, 5, 40)]
    runs.append(run(name, 2, timesteps=[22, 0]))
    runs.append(run(name, 4, {"num_train_timesteps": 151, "clip_denoised": False, "s_noise": 0.9}))
    runs.append(run(name, 3, {"sigma_min": 0.01, "sigma_max": 20.0, "sigma_data": 0.7, "rho": 5.0}))
    name = "FlowMatchEulerDiscreteScheduler"
    runs += [run(name, steps) for steps in (1, 2, 10, 50)]
    runs += [run(name, 8, {"shift": 3.0}), run(name, 8, {"shift": 3.0, "stochastic_sampling": True})]
    runs += [run(name, 8, {"use_dynamic_shifting": True, "time_shift_type": kind}, mu=1.15) for kind in ("exponential", "linear")]
    runs.append(run(name, 8, {"shift": 2.0, "shift_terminal": 0.1}))
    runs += [run(name, 8, {"use_karras_sigmas": True}), run(name, 8, {"use_exponential_sigmas": True, "num_train_timesteps": 100})]
    return runs


def every_spacing() -> list:
    """Those that are not among the others."""
    runs = []
    for spacing in generate.SPACINGS:
        config = {"timestep_spacing": spacing}
        runs += [run("PNDMScheduler", 7, config), run("PNDMScheduler", 7, {**config, "skip_prk_steps": True})]
        for prediction in PREDICTIONS:
            runs.append(run("DPMSolverMultistepScheduler", 7, {**STABLE, **config, "prediction_type": prediction}))
    return runs


def dpm_solver_sde() -> list:
    name, runs = "DPMSolverMultistepScheduler", []
    sde = {**STABLE, "algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min"}
    for order in (1, 2):
        for solver in ("midpoint", "heun"):
            for prediction in PREDICTIONS:
                config = {**sde, "solver_order": order, "solver_type": solver, "prediction_type": prediction}
                runs += [run(name, steps, config) for steps in (2, 8, 20)]
    runs += [run(name, 50, sde), run(name, 50, {**sde, "solver_type": "heun"})]
    runs.append(run(name, 16, {**sde, "euler_at_final": True, "timestep_spacing": "trailing"}))
    return runs


def dpm_solver_aliases() -> list:
    """diffusers takes deis for dpmsolver++ and the solver types of DEIS and UniPC for midpoint."""
    name, runs = "DPMSolverMultistepScheduler", []
    for solver in ("logrho", "bh1", "bh2"):
        runs.append(run(name, 8, {**STABLE, "solver_type": solver}))
        config = {**STABLE, "algorithm_type": "deis", "solver_type": solver, "final_sigmas_type": "sigma_min"}
        runs += [run(name, 8, config), run(name, 20, {**config, "solver_order": 3})]
        noisy = {**STABLE, "algorithm_type": "sde-dpmsolver++", "solver_type": solver}
        runs.append(run(name, 8, noisy))
    return runs


def dpm_solver_lu() -> list:
    name, lu = "DPMSolverMultistepScheduler", {**STABLE, "use_lu_lambdas": True}
    runs = [run(name, steps, lu) for steps in (1, 2, 8, 25, 50)]
    runs += [run(name, 8, {**lu, "prediction_type": prediction, "solver_order": 3}) for prediction in PREDICTIONS]
    runs.append(run(name, 8, {"beta_schedule": "squaredcos_cap_v2", "use_lu_lambdas": True}))
    for algorithm in ("dpmsolver", "sde-dpmsolver"):
        runs.append(run(name, 8, {**lu, "algorithm_type": algorithm, "final_sigmas_type": "sigma_min"}))
    # of two, diffusers takes Karras et al. before Lu et al., and those before the exponential ones
    runs.append(run(name, 8, {**lu, "use_karras_sigmas": True}))
    runs.append(run(name, 8, {**lu, "use_exponential_sigmas": True}))
    return runs


def dpm_solver_thresholding() -> list:
    name, runs = "DPMSolverMultistepScheduler", []
    on = {**STABLE, "thresholding": True, "dynamic_thresholding_ratio": 0.45, "sample_max_value": 1.3}
    for algorithm in ("dpmsolver++", "sde-dpmsolver++", "dpmsolver", "sde-dpmsolver"):
        final = "zero" if algorithm.endswith("++") else "sigma_min"
        for prediction in PREDICTIONS:
            config = {**on, "algorithm_type": algorithm, "final_sigmas_type": final, "prediction_type": prediction}
            runs += [run(name, steps, config, samples=2) for steps in (2, 8, 20)]
    runs += [run(name, steps, on, samples=2) for steps in (1, 50)]
    runs.append(run(name, 8, {**on, "solver_order": 3, "solver_type": "heun"}, samples=1))
    runs.append(run(name, 8, {**STABLE, "thresholding": True}, samples=1))
    return runs


def inverted_flow() -> list:
    name, inverted = "FlowMatchEulerDiscreteScheduler", {"invert_sigmas": True}
    runs = [run(name, steps, inverted) for steps in (1, 2, 8, 50)]
    runs.append(run(name, 8, {**inverted, "shift": 3.0, "num_train_timesteps": 100}))
    runs.append(run(name, 8, {**inverted, "use_dynamic_shifting": True}, mu=1.15))
    runs.append(run(name, 8, {**inverted, "shift_terminal": 0.1}))
    runs.append(run(name, 8, {**inverted, "use_karras_sigmas": True}))
    runs.append(run(name, 8, {"shift": 2.0, "shift_terminal": 0.0}))
    runs.append(run(name, 8, {"shift": 2.0, "shift_terminal": 0.1, "stochastic_sampling": True}))
    runs.append(run(name, 8, {"shift": 2.0, "use_exponential_sigmas": True, "stochastic_sampling": True}))
    return runs


def edm_heun() -> list:
    runs = [edm(steps) for steps in (1, 2, 5, 18, 40)]
    runs.append(edm(18, {"S_churn": 40.0, "S_min": 0.05, "S_max": 50.0, "S_noise": 1.003}))
    runs.append(edm(8, {"S_churn": 1.0}))
    runs.append(edm(6, {"sigma_min": 0.01, "sigma_max": 20.0, "sigma_data": 0.7, "rho": 5.0, "S_churn": 2.0}))
    return runs


def config_files() -> list:
    """As text: Python's JSON has infinities."""
    schedulers = [
        diffusers.PNDMScheduler(**STABLE, skip_prk_steps=True, steps_offset=1),
        diffusers.EulerDiscreteScheduler(use_karras_sigmas=True),
        diffusers.HeunDiscreteScheduler(),
        diffusers.DPMSolverMultistepScheduler(),
        diffusers.DPMSolverMultistepScheduler(lambda_min_clipped=-5.1, variance_type="fixed_small"),
        diffusers.CMStochasticIterativeScheduler(),
        diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        diffusers.FlowMatchEulerDiscreteScheduler(invert_sigmas=True),
        diffusers.DPMSolverMultistepScheduler(
            algorithm_type="sde-dpmsolver", final_sigmas_type="sigma_min", use_lu_lambdas=True, thresholding=True
        ),
        diffusers.DPMSolverMultistepScheduler(algorithm_type="deis", solver_type="logrho", final_sigmas_type="sigma_min"),
    ]
    return [scheduler.to_json_string() for scheduler in schedulers]


def main() -> None:
    families = [pndm, euler_and_heun, dpm_solver, consistency_and_flow, edm_heun, every_spacing]
    families += [dpm_solver_sde, dpm_solver_aliases, dpm_solver_lu, dpm_solver_thresholding, inverted_flow]
    golden = {
        "versions": {"diffusers": diffusers.__version__, "torch": torch.__version__, "numpy": np.__version__},
        "runs": [run for family in families for run in family()],
        "config_files": config_files(),
    }
    text = json.dumps(golden, separators=(",", ":"), allow_nan=False)
    Path(__file__).with_name("samplers.json").write_text(text + "\n")
    print(json.dumps(golden["versions"]), len(golden["runs"]), "runs", len(text), "bytes")


if __name__ == "__main__":
    main()
