"""Records torch.amp.GradScaler with Adam, AdamW and RAdam over steps some of which overflow: scaler.json.

The steps are those of a training loop: the gradient of the scaled loss, unscale_, clip_grad_norm_, step, update. The
gradients are given, float32, and some have an entry that is not finite.
"""

import torch

from philox import uniform
from recording import numbers, write_json

SEED = 3
STEPS = 14
SIZE = 6
MAX_NORM = 1.0
OVERFLOWS = {2: float("inf"), 3: float("-inf"), 9: float("nan")}
SCALER = {"init_scale": 4096.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 3}

OPTIMIZERS = {
    "adam": ("Adam", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0}),
    "adamw": ("AdamW", {"lr": 0.01, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.01}),
    "radam": ("RAdam", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0}),
}


def draw():
    """(parameters, gradient of every step), float32."""
    parameters = torch.from_numpy(uniform(SEED, 0, [SIZE], -1.0, 1.0))
    gradients = [torch.from_numpy(uniform(SEED, 1 + step, [SIZE], -1.0, 2.0)) for step in range(STEPS)]
    for step, value in OVERFLOWS.items():
        gradients[step - 1][step % SIZE] = value
    return parameters, gradients


def record(optimizer, given, parameters, gradients):
    """Parameters, scale, growth tracker and whether the step was left out, after each step; float64."""
    moving = parameters.double().clone().requires_grad_()
    stepper = getattr(torch.optim, optimizer)([moving], **given, foreach=False)
    scaler = torch.amp.GradScaler("cpu", **SCALER)
    rows = []
    for gradient in gradients:
        before = scaler.scale(torch.ones(())).item()
        moving.grad = gradient.double() * before
        scaler.unscale_(stepper)
        torch.nn.utils.clip_grad_norm_([moving], MAX_NORM)
        taken = []
        hook = stepper.register_step_post_hook(lambda *_: taken.append(True))
        scaler.step(stepper)
        hook.remove()
        scaler.update()
        state = scaler.state_dict()
        rows.append(
            {
                "parameters": numbers(moving),
                "scaleBefore": before,
                "scale": state["scale"],
                "streak": state["_growth_tracker"],
                "skipped": not taken,
            }
        )
    return rows


def main():
    parameters, gradients = draw()
    rows = []
    for name, (optimizer, given) in OPTIMIZERS.items():
        options = {"lr": given["lr"], "betas": given["betas"], "eps": given["eps"], "weightDecay": given["weight_decay"]}
        after = record(optimizer, given, parameters, gradients)
        rows.append({"name": name, "optimizer": optimizer, "options": options, "after": after})
    write_json(
        "scaler.json",
        {
            "tolerance": 1e-6,
            "maxNorm": MAX_NORM,
            "scaler": {
                "initial": SCALER["init_scale"],
                "growth": SCALER["growth_factor"],
                "backoff": SCALER["backoff_factor"],
                "interval": SCALER["growth_interval"],
            },
            "parameters": numbers(parameters),
        },
        overflows=[{"step": step, "entry": step % SIZE, "value": str(value)} for step, value in OVERFLOWS.items()],
        gradients=[numbers(torch.nan_to_num(gradient, 0.0, 0.0, 0.0)) for gradient in gradients],
        optimizers=rows,
    )
    left_out = sum(row["skipped"] for row in rows[0]["after"])
    print(f"scaler: {len(rows)} optimizers over {STEPS} steps, {left_out} of them left out")


if __name__ == "__main__":
    main()
