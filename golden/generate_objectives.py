"""Records twenty training steps of every objective with a tiny network: objectives.json.

Each loss is written from its paper, in float64, with PyTorch's autograd and Adam; only random numbers are shared with
the TypeScript side (philox.py). LPIPS is that of Richard Zhang's package, with the random weights of
packages/metrics-fid/golden. The network is F(x, t) = W2 tanh(W1 x + t · scale · w + b1) + b2 on flat images.
"""

import functools
import math
import sys

import lpips
import numpy as np
import torch

from philox import stream_normal, stream_uniform, uniform
from recording import HERE, error, number, numbers, write_json

sys.path.append(str(HERE.parent / "packages/metrics-fid/golden"))
import lpips_reference  # noqa: E402

SEED = 5
STEPS = 20
SHAPE = [8, 2, 3, 4]
HIDDEN = 16
ADAM = {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-3}

# Streams: parameters from 0, images from 1000, noise from 2000; a sample's own as packages/trainer/src/streams.ts has them.
TIMESTEP, OFFSET = 2 * 2**47, 8 * 2**47


def layers(shape):
    """How the network's parameters for images of a shape are drawn."""
    elements = math.prod(shape[1:])
    shapes = {"w1": [HIDDEN, elements], "w": [HIDDEN], "b1": [HIDDEN], "w2": [elements, HIDDEN], "b2": [elements]}
    # More elements: smaller weights on each, for where tanh saturates, its float32 gradient has few digits.
    bounds = {name: 0.3 for name in shapes} | {"w1": 0.3 * math.sqrt(math.prod(SHAPE[1:]) / elements)}
    return [
        {"name": name, "shape": own, "stream": i, "lo": -bounds[name], "hi": bounds[name]}
        for i, (name, own) in enumerate(shapes.items())
    ]


def floats(values):
    """In the precision that the steps are taken in: torch's default one."""
    return torch.as_tensor(values).to(torch.get_default_dtype())


def parameters(shape):
    return {
        row["name"]: floats(uniform(SEED, row["stream"], row["shape"], row["lo"], row["hi"])).requires_grad_()
        for row in layers(shape)
    }


def network(theta, scale):
    def apply(x, t):
        h = x.flatten(1) @ theta["w1"].T + (t * scale).reshape(-1, 1) * theta["w"] + theta["b1"]
        return (torch.tanh(h) @ theta["w2"].T + theta["b2"]).reshape(x.shape)

    return apply


def column(values):
    return floats(values).reshape(-1, 1, 1, 1)


def draw(stream, step, each=1, normal=False, batch=SHAPE[0]):
    """float64 [batch, each]: what every sample of a step draws from its own stream."""
    take = stream_normal if normal else stream_uniform
    return np.stack([take(SEED, stream + step * batch + i, each) for i in range(batch)]).astype(np.float64)


def images(step, shape=SHAPE):
    x0 = floats(uniform(SEED, 1000 + step, shape, -1.0, 1.0))
    noise = floats(stream_normal(SEED, 2000 + step, math.prod(shape)).reshape(shape))
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


@functools.cache
def lpips_model():
    """LPIPS with random weights, and how they are drawn."""
    model = lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False).requires_grad_(False)
    return model, lpips_reference.fill(model)


def lpips_at(size=None):
    """LPIPS of images at their own size, or resized as consistency models do; grey ones as three equal channels."""

    def distance(a, b):
        pair = [x.expand(-1, 3, -1, -1) for x in (a, b)]
        if size:
            pair = [torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear") for x in pair]
        model, _ = lpips_model()
        return model.to(a.dtype)(*pair).reshape(-1)

    return distance


def denoising(prediction, offset=0.0, gamma=None):
    """With min-SNR weights where there is a γ: Hang et al. 2023, section 3.4."""
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float32)
    bars = torch.cumprod(1 - betas, dim=0).double()

    def loss(step, online, _):
        x0, noise = images(step)
        if offset:
            noise = noise + offset * floats(draw(OFFSET, step, SHAPE[1], normal=True)).reshape(*SHAPE[:2], 1, 1)
        t = torch.from_numpy(np.floor(draw(TIMESTEP, step)[:, 0] * 1000)).long()
        a, s = column(bars[t].sqrt()), column((1 - bars[t]).sqrt())
        target = {"epsilon": noise, "sample": x0, "v_prediction": a * noise - s * x0}[prediction]
        squared = (online(a * x0 + s * noise, floats(t)) - target) ** 2
        if gamma is None:
            return squared.mean()
        snr = bars[t] / (1 - bars[t])
        per = {"epsilon": snr, "sample": 1, "v_prediction": snr + 1}[prediction]
        return (column(snr.clamp(max=gamma) / per) * squared).mean()

    return loss


def consistency_training(s0, s1, total, distance, shape=SHAPE):
    """The loss, and μ(k)."""

    def scales(k):
        return max(math.ceil(math.sqrt(min(k / total, 1) * ((s1 + 1) ** 2 - s0**2) + s0**2) - 1), 1) + 1

    def loss(step, online, target):
        x0, z = images(step, shape)
        sigmas = karras(scales(step))
        n = np.floor(draw(TIMESTEP, step, batch=shape[0])[:, 0] * (len(sigmas) - 1)).astype(int)
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
C = 0.00054 * math.sqrt(math.prod(SHAPE[1:]))

LPIPS_FILES = {"kind": "lpips", "backbone": "elsewhere", "heads": "elsewhere"}
# As small as VGG-16 takes them, for a test goes through it forty times and back twenty. Shapes, s1 and the small step are
# chosen so that rounding moves no ReLU or pooling that matters to its other side: README.md, "Objectives".
LPIPS_OWN, LPIPS_GREY = [4, 3, 16, 16], [6, 1, 12, 12]
LPIPS_ADAM = {**ADAM, "lr": 1e-3}


def min_snr(gamma):
    return {"training": {"lossWeighting": {"kind": "min-snr", "gamma": gamma}}}


# name, the config's objective, its scheduler, scale of the network's time, (loss, μ(k) or None); in some, what differs from
# the other cases: `training` of the config, `shape` of the images, `adam`
CASES = [
    ("denoising", {"kind": "denoising"}, {"_class_name": "DDPMScheduler"}, 1e-3, (denoising("epsilon"), None)),
    (
        "denoising-sample",
        {"kind": "denoising"},
        {"_class_name": "DDIMScheduler", "prediction_type": "sample"},
        1e-3,
        (denoising("sample"), None),
    ),
    (
        "denoising-offset",
        {"kind": "denoising", "offsetNoise": 0.1},
        {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"},
        1e-3,
        (denoising("v_prediction", 0.1), None),
    ),
    *(
        (
            f"denoising-min-snr-{prediction}",
            {"kind": "denoising"},
            {"_class_name": "DDPMScheduler", "prediction_type": prediction},
            1e-3,
            (denoising(prediction, gamma=gamma), None),
            min_snr(gamma),
        )
        for prediction, gamma in [("epsilon", 5), ("sample", 5), ("v_prediction", 3.5)]
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
        "consistency-training-lpips",
        {"kind": "consistency-training", "s1": 4, "distance": {**LPIPS_FILES, "resize": None}},
        CM,
        1e-3,
        consistency_training(2, 4, STEPS, lpips_at(), LPIPS_OWN),
        {"shape": LPIPS_OWN, "adam": LPIPS_ADAM},
    ),
    (
        "consistency-training-lpips-resized",
        {"kind": "consistency-training", "s1": 6, "distance": {**LPIPS_FILES, "resize": 20}},
        CM,
        1e-3,
        consistency_training(2, 6, STEPS, lpips_at(20), LPIPS_GREY),
        {"shape": LPIPS_GREY, "adam": LPIPS_ADAM},
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


def train(dtype, shape, adam, scale, loss, decay):
    """Losses of every step, and the parameters (and the target's, where it has one) after the last."""
    torch.set_default_dtype(dtype)
    theta = parameters(shape)
    minus = {name: value.detach().clone() for name, value in theta.items()}
    stepper = torch.optim.Adam(theta.values(), **adam, foreach=False)
    losses = []
    for step in range(STEPS):
        stepper.zero_grad()
        value = loss(step, network(theta, scale), network(minus if decay else theta, scale))
        value.backward()
        stepper.step()
        losses.append(value.item())
        if decay:
            mu = decay(step)
            minus = {name: mu * minus[name] + (1 - mu) * theta[name].detach() for name in theta}
    torch.set_default_dtype(torch.float32)
    return losses, {"parameters": theta, **({"target": minus} if decay else {})}


def record(name, *rest):
    """Losses, and some of the parameters; prints how far PyTorch's own float32 is from them."""
    own, own_after = train(torch.float32, *rest)
    losses, after = train(torch.float64, *rest)
    assert np.isfinite(losses).all()
    row = {"losses": [number(value) for value in losses]}
    apart = [0.0]
    for part, values in after.items():
        row[part] = {key: numbers(values[key]) for key in ("w", "b1", "b2")}
        apart += [error(numbers(own_after[part][key]), recorded) for key, recorded in row[part].items()]
    in_losses = np.abs(np.divide(own, losses) - 1).max()
    print(f"{name}: PyTorch's own, in float32, {in_losses:.1e} in losses, {max(apart):.1e} in parameters")
    return row


def main():
    rows = []
    for name, objective, scheduler, scale, (loss, decay), *others in CASES:
        other = others[0] if others else {}
        shape, adam = other.get("shape", SHAPE), other.get("adam", ADAM)
        head = {"name": name, "objective": objective, "scheduler": scheduler, "timeScale": scale, **other}
        if "shape" in other:
            head["network"] = layers(shape)
        rows.append({**head, **record(name, shape, adam, scale, loss, decay)})
    write_json(
        "objectives.json",
        {
            "tolerance": 1e-6,
            "seed": SEED,
            "steps": STEPS,
            "shape": SHAPE,
            "adam": ADAM,
            "streams": {"images": 1000, "noise": 2000},
            "lpipsSeed": lpips_reference.SEED,
        },
        network=layers(SHAPE),
        cases=rows,
        lpips=lpips_model()[1],
    )
    print(f"objectives: {len(rows)} over {STEPS} steps")


if __name__ == "__main__":
    main()
