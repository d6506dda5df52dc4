"""What every op means, in torch: name and attributes as tensor-core has them → the value.

Attributes are those of tensor-core's functions; `scalar`, where given, stands for a number as second operand.
"""

import torch
import torch.nn.functional as F


def binary(function):
    def apply(x, attrs):
        return function(x[0], x[1] if len(x) > 1 else torch.tensor(attrs["scalar"], dtype=x[0].dtype))

    return apply


def unary(function):
    return lambda x, _: function(x[0])


def reduction(function):
    """axes absent = all of them."""

    def reduce(x, attrs):
        axes = attrs.get("axes", list(range(x[0].ndim)))
        return function(x[0], dim=axes, keepdim=attrs.get("keepDims", False))

    return reduce


def cast(x, attrs):
    """float → int truncates; → bool is "not zero"; `back` casts to the first dtype again, so that it has a gradient."""
    result = x[0].to(getattr(torch, attrs["dtype"]))
    return result.to(x[0].dtype) if attrs.get("back") else result


def slice_(x, attrs):
    return x[0][tuple(slice(start, end) for start, end in zip(attrs["starts"], attrs["ends"]))]


def pad(x, attrs):
    """pairs: [before, after] for every axis, first axis first (torch wants the last axis first)."""
    flat = [amount for pair in reversed(attrs["pairs"]) for amount in pair]
    return F.pad(x[0], flat, value=attrs.get("value", 0))


def matmul(x, attrs):
    a = x[0].mT if attrs.get("transposeA") else x[0]
    b = x[1].mT if attrs.get("transposeB") else x[1]
    return a @ b


def conv2d(x, attrs):
    """Cross-correlation, NCHW by OIHW; padding is a number or [top, left, bottom, right]."""
    padding = attrs.get("padding", 0)
    top, left, bottom, right = padding if isinstance(padding, list) else [padding] * 4
    return F.conv2d(
        F.pad(x[0], (left, right, top, bottom)),
        x[1],
        x[2] if len(x) > 2 else None,
        stride=attrs.get("stride", 1),
        dilation=attrs.get("dilation", 1),
        groups=attrs.get("groups", 1),
    )


def attention(x, _):
    """softmax(q kᵀ / √d) v, written out because torch's fused kernel has no second derivative."""
    q, k, v = x
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1) @ v


def gather(x, attrs):
    """numpy.take: the axis is replaced by the shape of the indices."""
    axis, indices = attrs["axis"], x[1].long()
    picked = x[0].index_select(axis, indices.reshape(-1))
    return picked.reshape(x[0].shape[:axis] + indices.shape + x[0].shape[axis + 1 :])


OPS = {
    "add": binary(torch.add),
    "sub": binary(torch.sub),
    "mul": binary(torch.mul),
    "div": binary(torch.div),
    "pow": binary(torch.pow),
    "maximum": binary(torch.maximum),
    "minimum": binary(torch.minimum),
    "less": binary(torch.lt),
    "greater": binary(torch.gt),
    "equal": binary(torch.eq),
    "neg": unary(torch.neg),
    "exp": unary(torch.exp),
    "log": unary(torch.log),
    "sqrt": unary(torch.sqrt),
    "square": unary(torch.square),
    "abs": unary(torch.abs),
    "sin": unary(torch.sin),
    "cos": unary(torch.cos),
    "tanh": unary(torch.tanh),
    "sigmoid": unary(torch.sigmoid),
    "silu": unary(F.silu),
    "relu": unary(torch.relu),
    "where": lambda x, _: torch.where(x[0], x[1], x[2]),
    "cast": cast,
    "sum": reduction(torch.sum),
    "mean": reduction(torch.mean),
    "max": reduction(torch.amax),
    "reshape": lambda x, attrs: x[0].reshape(attrs["shape"]),
    "transpose": lambda x, attrs: x[0].permute(attrs.get("perm", list(range(x[0].ndim))[::-1])),
    "expand": lambda x, attrs: x[0].expand(attrs["shape"]),
    "slice": slice_,
    "pad": pad,
    "concat": lambda x, attrs: torch.cat(x, dim=attrs["axis"]),
    "stack": lambda x, attrs: torch.stack(x, dim=attrs["axis"]),
    "matmul": matmul,
    "conv2d": conv2d,
    "avgPool2d": lambda x, attrs: F.avg_pool2d(
        x[0], attrs["kernel"], attrs.get("stride", attrs["kernel"]), attrs.get("padding", 0)
    ),
    "maxPool2d": lambda x, attrs: F.max_pool2d(
        x[0], attrs["kernel"], attrs.get("stride", attrs["kernel"]), attrs.get("padding", 0)
    ),
    "resizeBilinear": lambda x, attrs: F.interpolate(
        x[0],
        size=attrs["size"],
        mode="bilinear",
        align_corners=attrs.get("alignCorners", False),
        antialias=attrs.get("antialias", False),
    ),
    "upsampleNearest2d": lambda x, attrs: F.interpolate(x[0], scale_factor=attrs["scale"], mode="nearest"),
    "softmax": lambda x, attrs: torch.softmax(x[0], dim=attrs["axis"]),
    "logSoftmax": lambda x, attrs: torch.log_softmax(x[0], dim=attrs["axis"]),
    "scaledDotProductAttention": attention,
    "groupNorm": lambda x, attrs: F.group_norm(x[0], attrs["groups"], x[1], x[2], attrs["eps"]),
    "layerNorm": lambda x, attrs: F.layer_norm(x[0], x[0].shape[-1:], x[1], x[2], attrs["eps"]),
    "embedding": lambda x, _: F.embedding(x[1].long(), x[0]),
    "gather": gather,
}
