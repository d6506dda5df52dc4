"""Records twenty training steps of every objective with a tiny network: objectives.json.

Each loss is written from its paper, in float64, with PyTorch's autograd and Adam; only random numbers are shared with
the TypeScript side (philox.py). The network is F(x, t) = W2 tanh(W1 x + t · scale · w + b1) + b2 on flat images.
"""

import math

import numpy as np
import torch

from philox import stream_normal, stream_uniform, uniform
from recording import number, numbers, write_json

SEED = 5
STEPS = 20
SHAPE = [8, 2, 3, 4]
HIDDEN = 16
ADAM = {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-3}

BATCH = SHAPE[0]
ELEMENTS = math.prod(SHAPE[1:])
# Streams: parameters from 0, images from 1000, noise from 2000; a sample's own as packages/trainer/src/streams.ts has them.
TIMESTEP, OFFSET = 2 * 2**47, 8 * 2**47
NAMES = {"w1": [HIDDEN, ELEMENTS], "w": [HIDDEN], "b1": [HIDDEN], "w2": [ELEMENTS, HIDDEN], "b2": [ELEMENTS]}


def parameters():
    return {
        name: torch.from_numpy(uniform(SEED, stream, shape, -0.3, 0.3)).double().requires_grad_()
        for stream, (name, shape) in enumerate(NAMES.items())
    }


def network(theta, scale):
    def apply(x, t):
        h = x.reshape(BATCH, -1) @ theta["w1"].T + (t * scale).reshape(-1, 1) * theta["w"] + theta["b1"]
        return (torch.tanh(h) @ theta["w2"].T + theta["b2"]).reshape(SHAPE)

    return apply


def column(values):
    return torch.as_tensor(np.asarray(values, dtype=np.float64)).reshape(-1, 1, 1, 1)


def draw(stream, step, each=1, normal=False):
    """float64 [BATCH, each]: what every sample of a step draws from its own stream."""
    take = stream_normal if normal else stream_uniform
    return np.stack([take(SEED, stream + step * BATCH + i, each) for i in range(BATCH)]).astype(np.float64)


def images(step):
    x0 = torch.from_numpy(uniform(SEED, 1000 + step, SHAPE, -1.0, 1.0)).double()
    noise = torch.from_numpy(stream_normal(SEED, 2000 + step, math.prod(SHAPE)).reshape(SHAPE)).double()
    return x0, noise


# Preconditioning of consistency models and of EDM, σ_data = 0.5.
def consistency(apply, sigma_min=0.002, data=0.5):
    def f(x, sigma):
        skip = data**2 / ((sigma - sigma_min) ** 2 + data**2)
        out = (sigma - sigma_min) * data / (sigma**2 + data**2).sqrt()
        inner = 1 / (sigma**2 + data**2).sqrt()
        return skip * x + out * apply(inner * x, 1000 * 0.25 * torch.log(sigma))

    return f


def karras(count, low=0.002, high=80.0, rho=7):
    """Rising."""
    ramp = np.arange(count) / (count - 1)
    return (low ** (1 / rho) + ramp * (high ** (1 / rho) - low ** (1 / rho))) ** rho


def mean_square(a, b):
    return ((a - b) ** 2).mean(dim=(1, 2, 3))


def pseudo_huber(c):
    return lambda a, b: (((a - b) ** 2).sum(dim=(1, 2, 3)) + c**2).sqrt() - c


def denoising(prediction, offset=0.0):
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float32)
    bars = torch.cumprod(1 - betas, dim=0).double()

    def loss(step, online, _):
        x0, noise = images(step)
        if offset:
            noise = noise + offset * torch.from_numpy(draw(OFFSET, step, SHAPE[1], normal=True)).reshape(*SHAPE[:2], 1, 1)
        t = torch.from_numpy(np.floor(draw(TIMESTEP, step)[:, 0] * 1000)).long()
        a, s = bars[t].sqrt().reshape(-1, 1, 1, 1), (1 - bars[t]).sqrt().reshape(-1, 1, 1, 1)
        target = noise if prediction == "epsilon" else a * noise - s * x0
        return ((online(a * x0 + s * noise, t.double()) - target) ** 2).mean()

    return loss


def consistency_training(s0, s1, total, distance):
    """The loss, and μ(k)."""

    def scales(k):
        return max(math.ceil(math.sqrt(min(k / total, 1) * ((s1 + 1) ** 2 - s0**2) + s0**2) - 1), 1) + 1

    def loss(step, online, target):
        x0, z = images(step)
        sigmas = karras(scales(step))
        n = np.floor(draw(TIMESTEP, step)[:, 0] * (len(sigmas) - 1)).astype(int)
        upper, lower = column(sigmas[n + 1]), column(sigmas[n])
        with torch.no_grad():
            there = consistency(target)(x0 + lower * z, lower)
        return distance(consistency(online)(x0 + upper * z, upper), there).mean()

    return loss, lambda k: math.exp(s0 * math.log(0.9) / (scales(k) - 1))


def improved(s0, s1, total, distance, mean=-1.1, std=2.0):
    interval = math.floor(total / (math.log2(s1 // s0) + 1))

    def loss(step, online, _):
        x0, z = images(step)
        sigmas = karras(min(s0 * 2 ** (step // interval), s1) + 1)
        erf = torch.erf((torch.from_numpy(np.log(sigmas)) - mean) / (math.sqrt(2) * std)).numpy()
        chances = np.diff(erf)
        i = np.searchsorted(np.cumsum(chances / chances.sum()), draw(TIMESTEP, step)[:, 0], side="right")
        upper, lower = column(sigmas[i + 1]), column(sigmas[i])
        f = consistency(online)
        distances = distance(f(x0 + upper * z, upper), f(x0 + lower * z, lower).detach())
        return (distances / (upper - lower).reshape(-1)).mean()

    return loss


def tuning(stage_steps, c, mean=-1.1, std=2.0, q=2, k=8, b=1):
    def loss(step, online, _):
        x0, z = images(step)
        t = column(np.exp(mean + std * draw(TIMESTEP, step, normal=True)[:, 0]))
        r = (t * (1 - (1 + k * torch.sigmoid(-b * t)) / q ** (step // stage_steps + 1))).clamp(min=0)
        f = consistency(online)
        there = torch.where(r > 0, f(x0 + r * z, r.clamp(min=1e-6)), x0).detach()
        return (pseudo_huber(c)(f(x0 + t * z, t), there) / (t - r).reshape(-1)).mean()

    return loss


def edm(mean=-1.2, std=1.2, data=0.5):
    def loss(step, online, _):
        x0, n = images(step)
        sigma = column(np.exp(mean + std * draw(TIMESTEP, step, normal=True)[:, 0]))
        x = x0 + sigma * n
        total = sigma**2 + data**2
        denoised = data**2 / total * x + sigma * data / total.sqrt() * online(x / total.sqrt(), sigma.log() / 4)
        return (total / (sigma * data) ** 2 * (denoised - x0) ** 2).mean()

    return loss


def flow(logit_normal=None, shift=1.0):
    def loss(step, online, _):
        x0, noise = images(step)
        if logit_normal:
            t = 1 / (1 + np.exp(-(logit_normal[0] + logit_normal[1] * draw(TIMESTEP, step, normal=True)[:, 0])))
        else:
            t = draw(TIMESTEP, step)[:, 0]
        t = column(shift * t / (1 + (shift - 1) * t))
        return ((online((1 - t) * x0 + t * noise, 1000 * t) - (noise - x0)) ** 2).mean()

    return loss


CM = {"_class_name": "CMStochasticIterativeScheduler"}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler"}
C = 0.00054 * math.sqrt(ELEMENTS)

# name, the config's objective, its scheduler, scale of the network's time, (loss, μ(k) or None)
CASES = [
    ("denoising", {"kind": "denoising"}, {"_class_name": "DDPMScheduler"}, 1e-3, (denoising("epsilon"), None)),
    (
        "denoising-offset",
        {"kind": "denoising", "offsetNoise": 0.1},
        {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"},
        1e-3,
        (denoising("v", 0.1), None),
    ),
    (
        "consistency-training-l2",
        {"kind": "consistency-training", "s1": 10, "distance": {"kind": "l2"}},
        CM,
        1e-3,
        consistency_training(2, 10, STEPS, mean_square),
    ),
    (
        "consistency-training-pseudo-huber",
        {"kind": "consistency-training", "s1": 6, "totalSteps": 12, "distance": {"kind": "pseudo-huber", "c": 0.03}},
        CM,
        1e-3,
        consistency_training(2, 6, 12, pseudo_huber(0.03)),
    ),
    (
        "improved-consistency-training",
        {"kind": "improved-consistency-training", "s0": 4, "s1": 16},
        CM,
        1e-3,
        (improved(4, 16, STEPS, pseudo_huber(C)), None),
    ),
    (
        "easy-consistency-tuning",
        # Nearer to 1 than the paper's t: where t - r is small, float32 itself takes digits from the loss.
        {"kind": "easy-consistency-tuning", "from": "elsewhere", "stageSteps": 6, "c": 0.01, "meanLog": 0.5, "stdLog": 1.5},
        CM,
        1e-3,
        (tuning(6, 0.01, 0.5, 1.5), None),
    ),
    ("edm", {"kind": "edm"}, {"_class_name": "EDMHeunScheduler"}, 1, (edm(), None)),
    ("flow-matching", {"kind": "flow-matching"}, FLOW, 1e-3, (flow(), None)),
    (
        "flow-matching-shifted",
        {"kind": "flow-matching", "times": {"kind": "logit-normal", "mean": 0.2, "std": 1.1}},
        {**FLOW, "shift": 3.0},
        1e-3,
        (flow((0.2, 1.1), 3.0), None),
    ),
]


def record(scale, loss, decay):
    """Losses of every step, and some of the parameters (and of the target's) after the last."""
    theta = parameters()
    minus = {name: value.detach().clone() for name, value in theta.items()}
    stepper = torch.optim.Adam(theta.values(), **ADAM, foreach=False)
    losses = []
    for step in range(STEPS):
        stepper.zero_grad()
        value = loss(step, network(theta, scale), network(minus if decay else theta, scale))
        value.backward()
        stepper.step()
        losses.append(number(value.item()))
        if decay:
            mu = decay(step)
            minus = {name: mu * minus[name] + (1 - mu) * theta[name].detach() for name in theta}
    after = {"losses": losses, "parameters": {name: numbers(theta[name]) for name in ("w", "b1", "b2")}}
    if decay:
        after["target"] = {name: numbers(minus[name]) for name in ("w", "b1", "b2")}
    return after


def main():
    rows = []
    for name, objective, scheduler, scale, (loss, decay) in CASES:
        head = {"name": name, "objective": objective, "scheduler": scheduler, "timeScale": scale}
        rows.append({**head, **record(scale, loss, decay)})
    write_json(
        "objectives.json",
        {
            "tolerance": 1e-6,
            "seed": SEED,
            "steps": STEPS,
            "shape": SHAPE,
            "adam": ADAM,
            "streams": {"images": 1000, "noise": 2000},
        },
        network=[{"name": name, "shape": shape, "stream": i, "lo": -0.3, "hi": 0.3} for i, (name, shape) in enumerate(NAMES.items())],
        cases=rows,
    )
    print(f"objectives: {len(rows)} over {STEPS} steps")


if __name__ == "__main__":
    main()
