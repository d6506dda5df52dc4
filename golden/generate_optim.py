"""Records optimizers, clipping, EMA and learning-rate schedules over several steps: optim.json.

Optimizers run in float64 on float32 parameters and gradients. Gradients are chosen so that conventions show: those of
`b` are so small that it matters where eps is added, and one entry of `w` never has any gradient.
"""

import numpy as np
import torch
from diffusers.optimization import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel

from philox import uniform
from recording import error, number, numbers, write_json

SEED = 2
STEPS = 20
BATCH = 128  # images in a step, for averages that count images
SHAPES = {"w": [4, 3], "b": [5]}
GRADIENT_SCALE = {"w": 1.0, "b": 1e-8}

OPTIMIZERS = {
    "adam": ("Adam", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0}),
    "adam-beta1-0.95": ("Adam", {"lr": 0.01, "betas": [0.95, 0.999], "eps": 1e-8, "weight_decay": 0}),
    "adam-l2": ("Adam", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}),
    "adamw": ("AdamW", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}),
    "adamw-beta1-0.95": ("AdamW", {"lr": 0.01, "betas": [0.95, 0.999], "eps": 1e-8, "weight_decay": 0.01}),
    "radam": ("RAdam", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0}),
    "radam-beta1-0.95": ("RAdam", {"lr": 0.01, "betas": [0.95, 0.999], "eps": 1e-8, "weight_decay": 0}),
    "radam-beta2-0.99": ("RAdam", {"lr": 0.01, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0}),
    "radam-beta2-0.5": ("RAdam", {"lr": 0.01, "betas": [0.9, 0.5], "eps": 1e-8, "weight_decay": 0}),
    "radam-l2": ("RAdam", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}),
    "radam-decoupled": (
        "RAdam",
        {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01, "decoupled_weight_decay": True},
    ),
}

EMAS = {
    "decay-0.9999": {"decay": 0.9999},
    "decay-0.25": {"decay": 0.25},
    "late": {"decay": 0.9999, "update_after_step": 3},
    "power": {"decay": 0.9999, "use_ema_warmup": True, "inv_gamma": 1.0, "power": 0.75},
    "power-bounded": {"decay": 0.6, "min_decay": 0.3, "use_ema_warmup": True, "inv_gamma": 4.0, "power": 0.75},
}


def half_life(update, half_life, ramp_up=None):
    """EDM (Karras et al. 2022): weights count half after so many images, fewer while the run is young."""
    if ramp_up is not None:
        half_life = min(half_life, (update - 1) * BATCH * ramp_up)
    return 0.5 ** (BATCH / max(half_life, 1e-8))


def power_function(update, relative_std):
    """Karras et al. 2024, equation 2 and appendix C: beta = (1 - 1/t)^(gamma + 1)."""
    inverse = relative_std**-2
    gamma = np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max()
    return (1 - 1 / update) ** (gamma + 1)


FORMULAS = {
    "half-life": (half_life, {"half_life": 400}),
    "half-life-ramp-up": (half_life, {"half_life": 600, "ramp_up": 0.5}),
    "power-function-0.1": (power_function, {"relative_std": 0.1}),
    "power-function-0.25": (power_function, {"relative_std": 0.25}),
}

SCHEDULES = {
    "constant-with-warmup": (get_constant_schedule_with_warmup, {"num_warmup_steps": 10}),
    "constant-without-warmup": (get_constant_schedule_with_warmup, {"num_warmup_steps": 0}),
    "cosine-with-warmup": (get_cosine_schedule_with_warmup, {"num_warmup_steps": 10, "num_training_steps": 50}),
    "cosine-without-warmup": (get_cosine_schedule_with_warmup, {"num_warmup_steps": 0, "num_training_steps": 50}),
}


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def options(given):
    return {camel(key): value for key, value in given.items()}


def listed(tensors):
    return {name: numbers(tensor) for name, tensor in tensors.items()}


def draw():
    """(parameters, gradients of every step), float32."""
    parameters, gradients = {}, [{} for _ in range(STEPS)]
    for i, (name, shape) in enumerate(SHAPES.items()):
        parameters[name] = torch.from_numpy(uniform(SEED, 100 * i, shape, -1.0, 1.0))
        for step in range(STEPS):
            scale = GRADIENT_SCALE[name]
            gradients[step][name] = torch.from_numpy(uniform(SEED, 100 * i + 1 + step, shape, -scale, 2 * scale))
    for gradient in gradients:
        gradient["w"][1, 1] = 0
    return parameters, gradients


def trajectory(optimizer, given, parameters, gradients, dtype):
    """The parameters after each step."""
    moving = {name: value.to(dtype).clone().requires_grad_() for name, value in parameters.items()}
    stepper = getattr(torch.optim, optimizer)(moving.values(), **given, foreach=False)
    after = []
    for gradient in gradients:
        for name, value in moving.items():
            value.grad = gradient[name].to(dtype)
        stepper.step()
        after.append({name: value.detach().clone() for name, value in moving.items()})
    return after


def record_optimizers(parameters, gradients):
    rows, own = [], 0.0
    for name, (optimizer, given) in OPTIMIZERS.items():
        after = trajectory(optimizer, given, parameters, gradients, torch.float64)
        ordinary = trajectory(optimizer, given, parameters, gradients, torch.float32)
        own = max(own, *(error(o[key], a[key]) for o, a in zip(ordinary, after) for key in SHAPES))
        row = {"name": name, "optimizer": optimizer, "options": options(given), "after": [listed(a) for a in after]}
        rows.append(row)
    return rows, own


def record_clips(gradients):
    rows = []
    for max_norm in (1.0, 0.1, 100.0):
        clipped = {name: value.double().clone().requires_grad_() for name, value in gradients[0].items()}
        for name, value in clipped.items():
            value.grad = gradients[0][name].double()
        norm = torch.nn.utils.clip_grad_norm_(clipped.values(), max_norm)
        result = {name: value.grad for name, value in clipped.items()}
        rows.append({"maxNorm": max_norm, "norm": number(norm), "clipped": listed(result)})
    return rows


def record_emas(parameters, gradients):
    """The average of the parameters that the first optimizer passes through; decay of every update."""
    optimizer, given = OPTIMIZERS["adam"]
    path = trajectory(optimizer, given, parameters, gradients, torch.float64)
    rows = []
    for name, ema_options in EMAS.items():
        ema = EMAModel([value.double().clone() for value in parameters.values()], **ema_options)
        decays, after = [], []
        for point in path:
            ema.step([point[key].requires_grad_() for key in SHAPES])
            decays.append(ema.cur_decay_value)
            after.append(listed(dict(zip(SHAPES, ema.shadow_params))))
        rows.append({"name": name, "options": options(ema_options), "decays": decays, "after": after})
    for name, (formula, given) in FORMULAS.items():
        average = {key: value.double().clone() for key, value in parameters.items()}
        decays, after = [float(formula(update, **given)) for update in range(1, STEPS + 1)], []
        for decay, point in zip(decays, path):
            average = {key: torch.lerp(point[key].double(), average[key], decay) for key in SHAPES}
            after.append(listed(average))
        rows.append({"name": name, "options": options(given), "decays": decays, "after": after})
    return rows


def record_schedules():
    """The factor on the learning rate at optimizer steps 0 … 50."""
    rows = []
    for name, (schedule, given) in SCHEDULES.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = schedule(optimizer, **given)
        factors = []
        for _ in range(51):
            factors.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
            scheduler.step()
        rows.append({"name": name, "options": options(given), "factors": factors})
    return rows


def main():
    parameters, gradients = draw()
    optimizers, own = record_optimizers(parameters, gradients)
    head = {"tolerance": 1e-6, "shapes": SHAPES, "parameters": listed(parameters)}
    write_json(
        "optim.json",
        {**head, "batch": BATCH},
        gradients=[listed(gradient) for gradient in gradients],
        optimizers=optimizers,
        clips=record_clips(gradients),
        emas=record_emas(parameters, gradients),
        schedules=record_schedules(),
    )
    print(f"optim: {len(optimizers)} optimizers over {STEPS} steps; torch's own float32 error {own:.1e}")


if __name__ == "__main__":
    main()
