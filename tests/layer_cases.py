"""Calls of layers to compare with real Keras: random ones, and those that it refuses.

A case is plain JSON: the layer's class, its arguments, the shapes of its inputs (one shape, or a list of
them), and which of the inputs go through Masking before.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Case = dict[str, Any]
Arguments = tuple[dict[str, Any], Any]


def sizes(draw: random.Random, rank: int) -> list[int]:
    return [draw.randint(1, 6) for _ in range(rank)]


def data_format(draw: random.Random) -> str:
    return draw.choice(["channels_last", "channels_first"])


def spatial(draw: random.Random, rank: int, order: str, channels: int) -> list[int]:
    lengths = [draw.randint(6, 12) for _ in range(rank)]
    return [2, *lengths, channels] if order == "channels_last" else [2, channels, *lengths]


def convolution(rank: int) -> Callable[[random.Random], Arguments]:
    def arguments(draw: random.Random) -> Arguments:
        groups = draw.choice([1, 1, 2, 3])
        order = data_format(draw)
        strides = draw.choice([1, 1, 2, 3])
        return {
            "filters": groups * draw.randint(1, 3),
            "kernel_size": draw.choice([1, 2, [draw.randint(1, 4) for _ in range(rank)]]),
            "strides": strides,
            "dilation_rate": 1 if strides > 1 else draw.choice([1, 1, 2]),
            "padding": draw.choice(["valid", "same", "SAME", *(["causal"] if rank == 1 else [])]),
            "groups": groups,
            "data_format": order,
            "use_bias": draw.random() < 0.7,
            "activation": draw.choice([None, "relu", "softmax", "tanh"]),
        }, spatial(draw, rank, order, groups * draw.randint(1, 3))

    return arguments


def pooling(rank: int) -> Callable[[random.Random], Arguments]:
    def arguments(draw: random.Random) -> Arguments:
        order = data_format(draw)
        return {
            "pool_size": draw.choice([1, 2, [draw.randint(1, 5) for _ in range(rank)]]),
            "strides": draw.choice([None, 1, 2, 3, 5]),
            "padding": draw.choice(["valid", "same"]),
            "data_format": order,
        }, spatial(draw, rank, order, 3)

    return arguments


def global_pooling(rank: int) -> Callable[[random.Random], Arguments]:
    return lambda draw: (
        {"data_format": data_format(draw), "keepdims": draw.random() < 0.5},
        sizes(draw, rank + 2),
    )


def merge(count: int | None = None) -> Callable[[random.Random], Arguments]:
    def arguments(draw: random.Random) -> Arguments:
        shape = sizes(draw, draw.randint(2, 4))
        shapes = []
        for _ in range(count or draw.randint(1, 4)):
            other = list(shape)
            if len(shape) > 2 and draw.random() < 0.3:
                other[1:2] = draw.choice([[], [1]])
            shapes.append(other)
        return {}, shapes

    return arguments


def concatenate(draw: random.Random) -> Arguments:
    shape = sizes(draw, draw.randint(2, 4))
    axis = draw.randrange(1, len(shape))
    shapes = []
    for _ in range(draw.randint(1, 3)):
        shape[axis] = draw.randint(1, 4)
        shapes.append(list(shape))
    return {"axis": draw.choice([axis, axis - len(shape)])}, shapes


def dot(draw: random.Random) -> Arguments:
    batch, common = draw.randint(1, 4), draw.randint(1, 5)
    shapes, axes = [], []
    for _ in range(2):
        shape = sizes(draw, draw.randint(1, 3))
        axis = draw.randrange(len(shape))
        shape[axis] = common
        shapes.append([batch, *shape])
        axes.append(draw.choice([axis + 1, axis - len(shape)]))
    return {"axes": axes, "normalize": draw.random() < 0.4}, shapes


def batch_normalization(draw: random.Random) -> Arguments:
    shape = sizes(draw, draw.randint(2, 4))
    axis = draw.randrange(1, len(shape))
    return {
        "axis": draw.choice([axis, axis - len(shape)]),
        "epsilon": draw.choice([1e-3, 1e-5]),
        "center": draw.random() < 0.7,
        "scale": draw.random() < 0.7,
        "renorm": draw.random() < 0.2,
    }, shape


def layer_normalization(draw: random.Random) -> Arguments:
    shape = sizes(draw, draw.randint(2, 4))
    axes = draw.sample(range(1, len(shape)), draw.randint(1, len(shape) - 1))
    return {
        "axis": draw.choice([-1, axes, [axis - len(shape) for axis in axes], axes[0]]),
        "epsilon": draw.choice([1e-3, 1e-6]),
        "center": draw.random() < 0.7,
        "scale": draw.random() < 0.7,
    }, shape


def unit_normalization(draw: random.Random) -> Arguments:
    shape = sizes(draw, draw.randint(2, 4))
    return {"axis": draw.choice([-1, 1, [1, -1] if len(shape) > 2 else [1]])}, shape


def normalization(draw: random.Random) -> Arguments:
    shape = sizes(draw, draw.randint(2, 4))
    axis = draw.choice([None, -1, draw.randrange(1, len(shape))])
    arguments: dict[str, Any] = {"axis": axis, "invert": draw.random() < 0.3}
    if draw.random() < 0.7:
        one = axis is None or draw.random() < 0.3
        mean = draw.uniform(-1, 1) if one else [draw.uniform(-1, 1) for _ in range(shape[axis])]
        arguments |= {"mean": mean, "variance": 0.5 if one else [draw.uniform(0, 2) for _ in mean]}
    return arguments, shape


def softmax(draw: random.Random) -> Arguments:
    shape = sizes(draw, draw.randint(1, 4))
    return {"axis": draw.choice([-1, 0, [-1], *([1, [1, -1], [0, 1]] if len(shape) > 2 else [])])}, shape


def relu(draw: random.Random) -> Arguments:
    return {
        "max_value": draw.choice([None, 1.0, 0.5]),
        "negative_slope": draw.choice([0.0, 0.1, 1.5]),
        "threshold": draw.choice([0.0, 0.3]),
    }, sizes(draw, draw.randint(1, 4))


def prelu(draw: random.Random) -> Arguments:
    shape = sizes(draw, draw.randint(2, 4))
    return {"shared_axes": draw.choice([None, [draw.randrange(1, len(shape))]])}, shape


def reshape(draw: random.Random) -> Arguments:
    target = draw.choice([[-1], [24], [2, -1], [-1, 3], [1, 24], [2, 12], [-1, 2, 2]])
    return {"target_shape": target}, draw.choice([[2, 24], [3, 4, 6], [1, 2, 3, 4]])


def permute(draw: random.Random) -> Arguments:
    dims = draw.sample(range(1, 4), 3)
    return {"dims": dims}, sizes(draw, 4)


def pairs(name: str, rank: int, ordered: bool = True) -> Callable[[random.Random], Arguments]:
    def arguments(draw: random.Random) -> Arguments:
        value = draw.choice([1, [2, 1], *([[[1, 2], [0, 3]]] if rank == 2 else [0, [0, 2]])])
        order = {"data_format": data_format(draw)} if ordered else {}
        return {name: value} | order, [draw.randint(5, 7) for _ in range(rank + 2)]

    return arguments


def up_sampling2d(draw: random.Random) -> Arguments:
    return {
        "size": draw.choice([2, [1, 3]]),
        "data_format": data_format(draw),
        "interpolation": draw.choice(["nearest", "bilinear"]),
    }, sizes(draw, 4)


def plain(rank: int | None = None, **arguments: Any) -> Callable[[random.Random], Arguments]:
    return lambda draw: (arguments, sizes(draw, rank or draw.randint(1, 4)))


RANDOM: dict[str, Callable[[random.Random], Arguments]] = {
    "ActivityRegularization": plain(l1=0.1),
    "Add": merge(),
    "AlphaDropout": plain(rate=0.5),
    "Average": merge(),
    "AveragePooling1D": pooling(1),
    "AveragePooling2D": pooling(2),
    "BatchNormalization": batch_normalization,
    "Concatenate": concatenate,
    "Conv1D": convolution(1),
    "Conv2D": convolution(2),
    "Cropping1D": pairs("cropping", 1, ordered=False),
    "Cropping2D": pairs("cropping", 2),
    "Dot": dot,
    "Dropout": plain(rate=0.5, seed=3),
    "ELU": lambda draw: ({"alpha": draw.choice([1.0, 0.3])}, sizes(draw, 3)),
    "Flatten": lambda draw: ({"data_format": data_format(draw)}, sizes(draw, draw.randint(1, 4))),
    "GaussianDropout": plain(rate=0.5),
    "GaussianNoise": plain(stddev=0.5),
    "GlobalAveragePooling1D": global_pooling(1),
    "GlobalAveragePooling2D": global_pooling(2),
    "GlobalMaxPooling1D": global_pooling(1),
    "GlobalMaxPooling2D": global_pooling(2),
    "LayerNormalization": layer_normalization,
    "LeakyReLU": lambda draw: ({"negative_slope": draw.choice([0.3, 1.5, 0.0])}, sizes(draw, 2)),
    "MaxPooling1D": pooling(1),
    "MaxPooling2D": pooling(2),
    "Maximum": merge(),
    "Minimum": merge(),
    "Multiply": merge(),
    "Normalization": normalization,
    "PReLU": prelu,
    "Permute": permute,
    "ReLU": relu,
    "RepeatVector": lambda draw: ({"n": draw.randint(1, 4)}, sizes(draw, 2)),
    "Rescaling": lambda draw: ({"scale": draw.uniform(0, 2), "offset": draw.uniform(-1, 1)}, sizes(draw, 3)),
    "Reshape": reshape,
    "Softmax": softmax,
    "SpatialDropout1D": plain(3, rate=0.5),
    "SpatialDropout2D": plain(4, rate=0.5),
    "Subtract": merge(2),
    "UnitNormalization": unit_normalization,
    "UpSampling1D": lambda draw: ({"size": draw.randint(1, 4)}, sizes(draw, 3)),
    "UpSampling2D": up_sampling2d,
    "ZeroPadding1D": pairs("padding", 1),
    "ZeroPadding2D": pairs("padding", 2),
}
"""Layer -> what draws arguments and a shape, or a list of shapes."""

MASKED = (
    "Add",
    "Average",
    "Concatenate",
    "Dropout",
    "GlobalAveragePooling1D",
    "LayerNormalization",
    "Maximum",
    "Minimum",
    "Multiply",
    "ReLU",
    "Subtract",
)

DTYPES = ("float16", "mixed_float16", "float64", "bfloat16", "mixed_bfloat16")

REFUSED: list[tuple[str, dict[str, Any], Any]] = [
    ("ReLU", {"max_value": -1.0}, [2]),
    ("ReLU", {"negative_slope": None}, [2]),
    ("ReLU", {"threshold": -1.0}, [2]),
    ("LeakyReLU", {"negative_slope": -0.5}, [2]),
    ("Dropout", {"rate": 1.5}, [2]),
    ("Dropout", {"rate": 0.5, "noise_shape": "1"}, [2]),
    ("Dropout", {"rate": 0.5, "noise_shape": [1, -2]}, [2]),
    ("Dropout", {"rate": 0.5, "noise_shape": [1.5]}, [2]),
    ("AlphaDropout", {"rate": -0.5}, [2]),
    ("GaussianDropout", {"rate": -0.5}, [2]),
    ("GaussianNoise", {"stddev": 2.0}, [2]),
    ("SpatialDropout1D", {"rate": 0.5}, [2, 3]),
    ("Flatten", {"data_format": "last"}, [2, 3]),
    ("Reshape", {"target_shape": [-1, -1]}, [2, 4]),
    ("Reshape", {"target_shape": [-2, 2]}, [2, 4]),
    ("Reshape", {"target_shape": [3]}, [2, 4]),
    ("Reshape", {"target_shape": [3, -1]}, [2, 4]),
    ("Permute", {"dims": [0, 1]}, [2, 3, 4]),
    ("Permute", {"dims": [1, 3]}, [2, 3, 4]),
    ("Permute", {"dims": [2, 1]}, [2, 3]),
    ("RepeatVector", {"n": 0}, [2, 3]),
    ("RepeatVector", {"n": "3"}, [2, 3]),
    ("RepeatVector", {"n": 2}, [2, 3, 4]),
    ("UpSampling1D", {"size": 2.5}, [2, 3, 4]),
    ("UpSampling1D", {"size": -1}, [2, 3, 4]),
    ("ZeroPadding1D", {"padding": [1, 2, 3]}, [2, 3, 4]),
    ("ZeroPadding1D", {"padding": -1}, [2, 3, 4]),
    ("ZeroPadding2D", {"padding": [1, 2, 3]}, [2, 3, 4, 5]),
    ("ZeroPadding2D", {"padding": "1"}, [2, 3, 4, 5]),
    ("ZeroPadding2D", {"padding": [[1, 2], [3, -4]]}, [2, 3, 4, 5]),
    ("Cropping1D", {"cropping": 2}, [2, 4, 4]),
    ("Cropping1D", {"cropping": "1"}, [2, 4, 4]),
    ("Cropping2D", {"cropping": 2}, [2, 4, 5, 4]),
    ("Cropping2D", {"cropping": [1, 2, 3]}, [2, 4, 5, 4]),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"min": 1.0}}, [2, 3]),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 0.0, "rmin": 1.0}}, [2, 3]),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"dmax": -1.0}}, [2, 3]),
    ("LayerNormalization", {"axis": {"axis": -1}}, [2, 3]),
    ("UnitNormalization", {"axis": {"axis": -1}}, [2, 3]),
    ("Normalization", {"mean": 1.0}, [2, 3]),
    ("Normalization", {"mean": [1.0, 2.0], "variance": [1.0]}, [2, 2]),
    ("Normalization", {"mean": [[1.0]], "variance": [[1.0]]}, [2, 2]),
    ("Normalization", {"axis": 3}, [2, 2]),
    ("Add", {}, [[2, 3], [3, 3]]),
    ("Add", {}, [[2, 3], [2, 4]]),
    ("Subtract", {}, [[2, 3], [2, 3], [2, 3]]),
    ("Concatenate", {"axis": 1}, [[2, 3, 4], [2, 3, 5]]),
    ("Concatenate", {}, [[2, 3, 4], [2, 4]]),
    ("Dot", {"axes": 1}, [[2, 3], [2, 4]]),
    ("Dot", {"axes": "1"}, [[2, 3], [2, 3]]),
    ("Dot", {"axes": [1, 1, 1]}, [[2, 3], [2, 3]]),
    ("Dot", {"axes": 1}, [[2, 3], [2, 3], [2, 3]]),
    ("Conv1D", {"filters": 0, "kernel_size": 1}, [2, 5, 3]),
    ("Conv1D", {"filters": 4, "kernel_size": 0}, [2, 5, 3]),
    ("Conv1D", {"filters": 4, "kernel_size": [1, 2]}, [2, 5, 3]),
    ("Conv1D", {"filters": 4, "kernel_size": 1, "groups": 0}, [2, 5, 3]),
    ("Conv1D", {"filters": 5, "kernel_size": 1, "groups": 2}, [2, 5, 4]),
    ("Conv1D", {"filters": 4, "kernel_size": 1, "groups": 2}, [2, 5, 3]),
    ("Conv1D", {"filters": 4, "kernel_size": 1, "padding": "full"}, [2, 5, 3]),
    ("Conv1D", {"filters": 4, "kernel_size": 6}, [2, 5, 3]),
    ("Conv1D", {"filters": 4, "kernel_size": 1}, [2, 5]),
    ("Conv2D", {"filters": 4, "kernel_size": 1, "padding": "causal"}, [2, 5, 5, 3]),
    ("Conv2D", {"filters": 4, "kernel_size": 1, "strides": 2, "dilation_rate": [2, 1]}, [2, 5, 5, 3]),
    ("Conv2D", {"filters": 4, "kernel_size": 1, "strides": [1, 0]}, [2, 5, 5, 3]),
    ("MaxPooling1D", {"pool_size": 0}, [2, 5, 3]),
    ("MaxPooling1D", {"pool_size": 2}, [2, 5]),
    ("AveragePooling2D", {"pool_size": [1, 2, 3]}, [2, 5, 5, 3]),
    ("AveragePooling2D", {}, [2, 5, 5, 3]),
    ("GlobalMaxPooling1D", {}, [2, 5, 5, 3]),
]
"""Layer, arguments and shapes that Keras refuses."""


def random_cases(seed: int, each: int) -> list[Case]:
    """Return ``each`` random cases of every layer."""
    draw = random.Random(seed)
    cases = []
    for layer in RANDOM:
        for _ in range(each):
            arguments, shape = RANDOM[layer](draw)
            if draw.random() < 0.15:
                arguments = arguments | {"dtype": draw.choice(DTYPES)}
            case = make_case(layer, arguments, shape)
            if layer in MASKED and arguments.get("data_format") != "channels_first":
                case["masked"] = [len(s) == 3 and draw.random() < 0.6 for s in case["shapes"]]
            cases.append(case)
    return cases


def refused_cases() -> list[Case]:
    """Return the cases that Keras refuses."""
    return [make_case(*case) for case in REFUSED]


def make_case(layer: str, arguments: dict[str, Any], shape: Any) -> Case:
    listed = isinstance(shape[0], list)
    shapes = shape if listed else [shape]
    return {
        "layer": layer,
        "arguments": arguments,
        "listed": listed,
        "shapes": shapes,
        "inputs": len(shapes),
        "masked": [False] * len(shapes),
        "weights": 0,
    }
