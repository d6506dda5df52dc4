"""Which cases of every op are recorded.

An input is a Uniform (float32 drawn from [lo, hi)), an Integer (int32 drawn from [lo, hi)), or a numpy array given
whole where the values are the point of the case.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Uniform:
    shape: list
    lo: float = -1.0
    hi: float = 1.0


@dataclasses.dataclass
class Integer:
    shape: list
    lo: int
    hi: int


@dataclasses.dataclass
class Case:
    """`name` is `op` or begins with `op-`; inputs stand in the order of the op's arguments."""

    name: str
    attrs: dict
    inputs: dict
    second: bool = False

    @property
    def op(self):
        return self.name.split("-")[0]


def elementwise():
    shapes = {
        "same": ([3, 5], [3, 5]),
        "broadcast-inner": ([2, 3, 4], [3, 1]),
        "broadcast-both": ([2, 1, 4], [3, 1]),
        "broadcast-left": ([4], [2, 3, 1]),
        "rank0": ([2, 3], []),
    }
    second_operand = {"div": (0.5, 2.0), "pow": (-2.0, 2.0)}
    for op in ["add", "sub", "mul", "div", "pow", "maximum", "minimum"]:
        for name, (a, b) in shapes.items():
            first = Uniform(a, 0.5, 2.0) if op == "pow" else Uniform(a, -2.0, 2.0)
            yield Case(f"{op}-{name}", {}, {"a": first, "b": Uniform(b, *second_operand.get(op, (-2.0, 2.0)))})
        scalar = {"pow": 3.0, "div": 3.0, "maximum": 0.25, "minimum": 0.25}.get(op, -1.75)
        yield Case(f"{op}-scalar", {"scalar": scalar}, {"a": Uniform([3, 5], -2.0, 2.0)})
    yield Case("pow-scalar-half", {"scalar": 0.5}, {"a": Uniform([3, 5], 0.1, 3.0)})
    yield Case("pow-scalar-negative", {"scalar": -1.5}, {"a": Uniform([3, 5], 0.3, 3.0)})
    yield Case("pow-scalar-square", {"scalar": 2.0}, {"a": np.array([-1.5, 0, 0.5, 2], np.float32)})
    ties = {"a": np.array([1, 2, 3, -1], np.float32), "b": np.array([1, 3, 2, -1], np.float32)}
    yield Case("maximum-ties", {}, ties)
    yield Case("minimum-ties", {}, ties)
    yield Case("add-int32", {}, {"a": Integer([2, 3], -9, 9), "b": Integer([3], -9, 9)})
    yield Case("mul-int32", {}, {"a": Integer([2, 3], -9, 9), "b": Integer([3], -9, 9)})

    ranges = {"log": (0.05, 4.0), "sqrt": (0.05, 4.0), "exp": (-4.0, 4.0), "sin": (-9.0, 9.0), "cos": (-9.0, 9.0)}
    for op in "neg exp log sqrt square abs sin cos tanh sigmoid silu relu".split():
        lo_hi = ranges.get(op, (-4.0, 4.0))
        smooth = op in ("silu", "exp", "tanh", "sigmoid", "log", "sqrt")
        yield Case(op, {}, {"x": Uniform([2, 3, 7], *lo_hi)}, second=smooth)
    yield Case("neg-rank0", {}, {"x": Uniform([])})
    far = np.array([-100, -30, -10, -1, 0, 1, 10, 30, 100], np.float32)
    for op in ["tanh", "sigmoid", "silu", "relu", "abs"]:
        yield Case(f"{op}-far", {}, {"x": far})

    for op in ["less", "greater", "equal"]:
        rows = np.array([[1, 2, 3], [-1, 0, 5]], np.float32)
        yield Case(f"{op}-ties", {}, {"a": rows, "b": np.array([1, 3, 3], np.float32)})
        yield Case(f"{op}-int32", {}, {"a": Integer([4, 1], 0, 4), "b": Integer([4], 0, 4)})
        yield Case(f"{op}-scalar", {"scalar": 0.0}, {"a": np.array([-0.5, 0, -0.0, 0.5], np.float32)})
    cond = np.array([[True, False, True], [False, False, True]])
    yield Case("where-same", {}, {"cond": cond, "a": Uniform([2, 3]), "b": Uniform([2, 3])})
    yield Case("where-broadcast", {}, {"cond": cond, "a": Uniform([4, 1, 3]), "b": Uniform([])})
    yield Case("where-cond-broadcast", {}, {"cond": np.array([[True], [False]]), "a": Uniform([2, 3]), "b": Uniform([3])})

    mixed = np.array([-3.7, -1.0, -0.4, 0.0, 0.4, 1.5, 200.9], np.float32)
    yield Case("cast-float32-int32", {"dtype": "int32"}, {"x": mixed})
    yield Case("cast-float32-bool", {"dtype": "bool"}, {"x": mixed})
    yield Case("cast-float32-uint8", {"dtype": "uint8"}, {"x": np.abs(mixed)})
    yield Case("cast-float32-float16", {"dtype": "float16"}, {"x": Uniform([3, 5], -100.0, 100.0)})
    yield Case("cast-float16-float32", {"dtype": "float32"}, {"x": np.array([-1.5, 0.1, 65504, 6e-8], np.float16)})
    yield Case("cast-int32-float32", {"dtype": "float32"}, {"x": Integer([2, 3], -99, 99)})
    yield Case("cast-uint8-float32", {"dtype": "float32"}, {"x": np.array([0, 1, 127, 128, 255], np.uint8)})
    yield Case("cast-bool-float32", {"dtype": "float32"}, {"x": cond})
    yield Case("cast-float32-float16-back", {"dtype": "float16", "back": True}, {"x": Uniform([3, 5], -4.0, 4.0)})


def reductions():
    variants = {
        "all": {},
        "all-keep": {"keepDims": True},
        "first": {"axes": [0]},
        "last": {"axes": [-1]},
        "last-keep": {"axes": [-1], "keepDims": True},
        "outer": {"axes": [0, 2]},
        "image": {"axes": [2, 3]},
        "sample-keep": {"axes": [1, 2, 3], "keepDims": True},
    }
    for op in ["sum", "mean", "max"]:
        for name, attrs in variants.items():
            yield Case(f"{op}-{name}", attrs, {"x": Uniform([2, 3, 4, 5])})
        yield Case(f"{op}-long", {"axes": [1]}, {"x": Uniform([3, 1001])})
    yield Case("max-ties", {"axes": [1]}, {"x": np.array([[1, 3, 3, 3], [2, 2, -1, 0]], np.float32)})


def movement():
    x = {"x": Uniform([2, 3, 4])}
    yield Case("reshape-merge", {"shape": [6, 4]}, x)
    yield Case("reshape-split", {"shape": [2, 3, 2, 2, 1]}, x)
    yield Case("reshape-rank0", {"shape": []}, {"x": Uniform([1, 1])})
    yield Case("transpose-reverse", {}, x)
    yield Case("transpose-perm", {"perm": [1, 2, 0]}, x)
    yield Case("transpose-heads", {"perm": [0, 2, 1, 3]}, {"x": Uniform([2, 4, 3, 5])})
    yield Case("expand-ones", {"shape": [2, 3, 4]}, {"x": Uniform([2, 1, 4])})
    yield Case("expand-rank", {"shape": [5, 2, 3]}, {"x": Uniform([2, 1])})
    yield Case("expand-rank0", {"shape": [2, 2]}, {"x": Uniform([])})
    yield Case("slice-middle", {"starts": [0, 1, 1], "ends": [2, 2, 3]}, x)
    yield Case("slice-end", {"starts": [1, 0, 2], "ends": [2, 3, 4]}, x)
    yield Case("slice-negative", {"starts": [0, -2, 0], "ends": [2, 3, -1]}, x)
    yield Case("pad-zero", {"pairs": [[0, 0], [1, 2], [0, 1]]}, x)
    yield Case("pad-value", {"pairs": [[1, 0], [0, 0], [2, 1]], "value": -1.5}, x)
    yield Case("concat-first", {"axis": 0}, {"a": Uniform([2, 3]), "b": Uniform([1, 3])})
    yield Case("concat-channels", {"axis": 1}, {k: Uniform([2, c, 3, 3]) for k, c in [("a", 3), ("b", 5), ("c", 1)]})
    yield Case("concat-last", {"axis": 2}, {"a": Uniform([1, 2, 3]), "b": Uniform([1, 2, 4])})
    yield Case("stack-first", {"axis": 0}, {"a": Uniform([2, 3]), "b": Uniform([2, 3])})
    yield Case("stack-last", {"axis": 2}, {"a": Uniform([2, 3]), "b": Uniform([2, 3]), "c": Uniform([2, 3])})


def products():
    for a_flag in (False, True):
        for b_flag in (False, True):
            name = ("T" if a_flag else "N") + ("T" if b_flag else "N")
            attrs = {**({"transposeA": True} if a_flag else {}), **({"transposeB": True} if b_flag else {})}
            m_k, k_n = ([7, 5] if a_flag else [5, 7]), ([6, 7] if b_flag else [7, 6])
            yield Case(f"matmul-2d-{name}", attrs, {"a": Uniform(m_k), "b": Uniform(k_n)}, second=name in ("NN", "NT"))
            yield Case(f"matmul-batch-{name}", attrs, {"a": Uniform([2, 3, *m_k]), "b": Uniform([2, 3, *k_n])})
            yield Case(f"matmul-broadcast-{name}", attrs, {"a": Uniform([2, 1, *m_k]), "b": Uniform([3, *k_n])})
    yield Case("matmul-weights", {}, {"a": Uniform([2, 3, 5]), "b": Uniform([5, 4])}, second=True)
    yield Case("matmul-left-2d", {}, {"a": Uniform([4, 5]), "b": Uniform([3, 5, 2])})
    yield Case("matmul-long", {}, {"a": Uniform([3, 257]), "b": Uniform([257, 5])})
    yield Case("matmul-row", {}, {"a": Uniform([1, 9]), "b": Uniform([9, 1])})
    yield Case("matmul-wide", {"transposeB": True}, {"a": Uniform([33, 40]), "b": Uniform([37, 40])})


def convolutions():
    def conv(name, x, w, bias=False, second=False, **attrs):
        inputs = {"x": Uniform(x), "w": Uniform(w), **({"bias": Uniform([w[0]])} if bias else {})}
        return Case(f"conv2d-{name}", attrs, inputs, second)

    yield conv("1x1", [2, 5, 6, 7], [3, 5, 1, 1], second=True)
    yield conv("1x1-bias", [2, 16, 4, 4], [32, 16, 1, 1], bias=True)
    yield conv("1x1-stride2", [1, 3, 7, 8], [4, 3, 1, 1], stride=2)
    yield conv("3x3", [2, 3, 5, 6], [4, 3, 3, 3])
    yield conv("3x3-pad1", [2, 3, 5, 6], [5, 3, 3, 3], padding=1, second=True)
    yield conv("3x3-pad1-bias", [2, 3, 8, 8], [16, 3, 3, 3], bias=True, padding=1, second=True)
    yield conv("3x3-pad1-gray-in", [2, 1, 8, 8], [32, 1, 3, 3], bias=True, padding=1)
    yield conv("3x3-pad1-gray-out", [2, 32, 6, 6], [1, 32, 3, 3], bias=True, padding=1)
    yield conv("3x3-pad1-16", [1, 16, 6, 6], [16, 16, 3, 3], padding=1)
    yield conv("3x3-pad1-32", [1, 32, 5, 5], [32, 32, 3, 3], bias=True, padding=1)
    yield conv("3x3-pad1-5to20", [2, 5, 5, 5], [20, 5, 3, 3], bias=True, padding=1)
    yield conv("3x3-pad1-20to3", [1, 20, 7, 5], [3, 20, 3, 3], padding=1)
    yield conv("3x3-pad1-odd", [1, 3, 9, 7], [5, 3, 3, 3], bias=True, padding=1)
    yield conv("3x3-pad1-one-pixel", [2, 5, 1, 1], [3, 5, 3, 3], padding=1)
    yield conv("3x3-stride2-pad1", [2, 3, 8, 8], [5, 3, 3, 3], bias=True, stride=2, padding=1, second=True)
    yield conv("3x3-stride2-pad1-odd", [1, 5, 7, 9], [3, 5, 3, 3], stride=2, padding=1)
    yield conv("3x3-stride2-pad1-16", [2, 16, 8, 8], [16, 16, 3, 3], bias=True, stride=2, padding=1)
    same = {"stride": 2, "padding": [0, 0, 1, 1]}
    yield conv("3x3-stride2-asymmetric", [2, 3, 8, 8], [5, 3, 3, 3], bias=True, second=True, **same)
    yield conv("3x3-stride2-asymmetric-odd", [1, 5, 7, 9], [4, 5, 3, 3], **same)
    yield conv("3x3-stride2-asymmetric-16", [1, 16, 6, 6], [16, 16, 3, 3], bias=True, **same)
    yield conv("3x3-stride2-rest", [1, 3, 8, 10], [4, 3, 3, 3], stride=2)
    yield conv("3x3-stride3-rest", [1, 2, 8, 8], [3, 2, 3, 3], stride=3, padding=1)
    yield conv("3x3-all-paddings", [1, 3, 4, 5], [2, 3, 3, 3], padding=[1, 0, 2, 3])
    yield conv("2x3", [2, 3, 5, 6], [4, 3, 2, 3], padding=[0, 1, 1, 1])
    yield conv("5x5-pad2", [1, 3, 6, 6], [4, 3, 5, 5], padding=2)
    yield conv("whole-image", [2, 3, 4, 4], [5, 3, 4, 4], bias=True)
    yield conv("groups2", [2, 4, 5, 5], [6, 2, 3, 3], bias=True, padding=1, groups=2, second=True)
    yield conv("groups4-stride2", [1, 20, 7, 7], [20, 5, 3, 3], padding=1, stride=2, groups=4)
    yield conv("depthwise", [2, 5, 6, 6], [5, 1, 3, 3], padding=1, groups=5)
    yield conv("dilation2", [1, 3, 7, 8], [4, 3, 3, 3], bias=True, padding=2, dilation=2, second=True)
    yield conv("dilation2-stride2", [1, 3, 9, 9], [4, 3, 3, 3], padding=1, dilation=2, stride=2)


def images():
    yield Case("avgPool2d-2", {"kernel": 2}, {"x": Uniform([2, 3, 6, 8])})
    yield Case("avgPool2d-2-rest", {"kernel": 2}, {"x": Uniform([1, 3, 7, 5])})
    yield Case("avgPool2d-3-stride2", {"kernel": 3, "stride": 2}, {"x": Uniform([1, 2, 7, 7])})
    yield Case("avgPool2d-3-pad1", {"kernel": 3, "stride": 1, "padding": 1}, {"x": Uniform([1, 2, 5, 5])})
    yield Case("avgPool2d-global", {"kernel": 4}, {"x": Uniform([2, 5, 4, 4])})
    yield Case("maxPool2d-2", {"kernel": 2}, {"x": Uniform([2, 16, 6, 8])})
    yield Case("maxPool2d-2-rest", {"kernel": 2}, {"x": Uniform([1, 3, 7, 5])})
    yield Case("maxPool2d-2-ties", {"kernel": 2}, {"x": np.floor(np.arange(96).reshape(1, 4, 4, 6) * 5 % 7 / 3).astype(np.float32)})
    yield Case("maxPool2d-3-stride2-pad1", {"kernel": 3, "stride": 2, "padding": 1}, {"x": Uniform([1, 2, 8, 7])})
    yield Case("maxPool2d-3-stride1-ties", {"kernel": 3, "stride": 1}, {"x": np.zeros([1, 1, 5, 4], np.float32)})
    yield Case("maxPool2d-2-stride3", {"kernel": 2, "stride": 3}, {"x": Uniform([2, 1, 8, 9])})
    yield from resized()
    yield Case("upsampleNearest2d-2", {"scale": 2}, {"x": Uniform([2, 3, 4, 5])})
    yield Case("upsampleNearest2d-3", {"scale": 3}, {"x": Uniform([1, 2, 3, 2])})
    yield Case("upsampleNearest2d-one-pixel", {"scale": 2}, {"x": Uniform([2, 5, 1, 1])})


def resized():
    sizes = {
        "up": ([2, 3, 4, 5], [8, 10]),
        "up-odd": ([1, 2, 5, 3], [13, 7]),
        "down": ([2, 3, 9, 8], [4, 3]),
        "down-half": ([1, 2, 8, 12], [4, 6]),
        "up-down": ([1, 2, 3, 11], [7, 4]),
        "one-axis": ([1, 2, 6, 5], [6, 9]),
        "from-pixel": ([1, 2, 1, 1], [3, 2]),
        "to-pixel": ([1, 2, 7, 6], [1, 1]),
        "same": ([1, 2, 3, 4], [3, 4]),
    }
    flags = {
        "": {},
        "-corners": {"alignCorners": True},
        "-antialias": {"antialias": True},
        "-corners-antialias": {"alignCorners": True, "antialias": True},
    }
    for name, (shape, size) in sizes.items():
        for suffix, attrs in flags.items():
            yield Case(f"resizeBilinear-{name}{suffix}", {"size": size, **attrs}, {"x": Uniform(shape)})


def normalised():
    for op in ["softmax", "logSoftmax"]:
        yield Case(f"{op}-last", {"axis": -1}, {"x": Uniform([2, 3, 7], -4.0, 4.0)}, second=True)
        yield Case(f"{op}-axis1", {"axis": 1}, {"x": Uniform([2, 5, 3], -4.0, 4.0)})
        yield Case(f"{op}-large", {"axis": -1}, {"x": Uniform([3, 9], 9000.0, 9020.0)})

    def attention(name, b, heads, length, d, other=None, scale=1.0, second=False):
        kv = [b, heads, other or length, d]
        inputs = {"q": Uniform([b, heads, length, d], -scale, scale), "k": Uniform(kv, -scale, scale), "v": Uniform(kv)}
        return Case(f"scaledDotProductAttention-{name}", {}, inputs, second)

    yield attention("one-head", 2, 1, 9, 16, second=True)
    yield attention("heads4", 2, 4, 16, 8)
    yield attention("heads8", 1, 8, 16, 8)
    yield attention("cross", 2, 3, 5, 4, other=11)
    yield attention("one-token", 2, 2, 1, 8)
    yield attention("sharp", 1, 2, 12, 8, scale=5.0)

    def norm(name, shape, groups, eps, lo=-2.0, hi=3.0, second=False):
        affine = {"weight": Uniform([shape[1]], 0.5, 1.5), "bias": Uniform([shape[1]])}
        return Case(f"groupNorm-{name}", {"groups": groups, "eps": eps}, {"x": Uniform(shape, lo, hi), **affine}, second)

    yield norm("4d-groups2", [2, 6, 4, 5], 2, 1e-5, second=True)
    yield norm("4d-groups8", [2, 32, 4, 4], 8, 1e-5)
    yield norm("4d-groups32-eps1e-6", [1, 32, 5, 5], 32, 1e-6)
    yield norm("4d-one-group", [2, 5, 3, 3], 1, 1e-6)
    yield norm("3d-groups4", [2, 20, 9], 4, 1e-6, second=True)
    yield norm("2d-groups3", [4, 12], 3, 1e-5)
    yield norm("offset", [2, 8, 8, 8], 4, 1e-5, lo=9.0, hi=11.0)
    yield norm("small-variance", [2, 8, 4, 4], 4, 1e-5, lo=-1e-3, hi=1e-3)
    for name, shape in [("2d", [5, 12]), ("3d", [2, 5, 20])]:
        inputs = {"x": Uniform(shape, -2.0, 3.0), "weight": Uniform(shape[-1:], 0.5, 1.5), "bias": Uniform(shape[-1:])}
        yield Case(f"layerNorm-{name}", {"eps": 1e-5}, inputs, second=name == "3d")


def lookups():
    weight = Uniform([10, 6])
    yield Case("embedding-1d", {}, {"weight": weight, "indices": np.array([3, 0, 9, 3, 3], np.int32)})
    yield Case("embedding-2d", {}, {"weight": weight, "indices": Integer([2, 4], 0, 10)})
    yield Case("gather-1d", {"axis": 0}, {"x": Uniform([12]), "indices": np.array([11, 0, 5, 5], np.int32)})
    yield Case("gather-axis0", {"axis": 0}, {"x": Uniform([5, 3, 2]), "indices": Integer([7], 0, 5)})
    yield Case("gather-axis1", {"axis": 1}, {"x": Uniform([2, 5, 3]), "indices": Integer([4], 0, 5)})
    yield Case("gather-axis1-2d", {"axis": 1}, {"x": Uniform([2, 5, 3]), "indices": Integer([2, 3], 0, 5)})


def all_cases():
    cases = []
    for family in (elementwise, reductions, movement, products, convolutions, images, normalised, lookups):
        cases.extend(family())
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise ValueError(f"two cases share a name: {sorted({n for n in names if names.count(n) > 1})}")
    return cases
