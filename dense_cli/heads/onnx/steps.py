"""Keras' activations taken apart: which state of a value an ONNX node makes of the states of its inputs.

Comes in: the node's kind, and for each input a state (``linear`` is the layer's sums, ``~1+erf`` a part of an
activation, ``gelu`` an activation) or a number. Goes out: the state of the output, or None.
"""

from __future__ import annotations

import math

from dense_cli.heads.onnx.constants import Constants

# Numbers that activations are made of, which a file may hold in float16.
_NUMBERS = {
    "0": 0.0,
    "1": 1.0,
    "2": 2.0,
    "3": 3.0,
    "6": 6.0,
    "1/2": 0.5,
    "1/6": 1 / 6,
    "√2": math.sqrt(2),
    "√(1/2)": math.sqrt(0.5),
    "√(2/π)": math.sqrt(2 / math.pi),
    "0.044715": 0.044715,
    "-∞": -math.inf,
}

# (op, states or numbers of its inputs) → state. The inputs of `_ANY_ORDER` may also be swapped.
STEPS: dict[tuple[str, ...], str] = {
    ("Relu", "linear"): "relu",
    ("Sigmoid", "linear"): "sigmoid",
    ("Tanh", "linear"): "tanh",
    ("Softplus", "linear"): "softplus",
    ("Softsign", "linear"): "softsign",
    ("Mish", "linear"): "mish",
    ("HardSwish", "linear"): "hard_silu",
    ("Exp", "linear"): "exponential",
    # softmax and log_softmax taken apart
    ("Sub", "linear", "~max"): "~z-max",
    ("Max", "~max", "-∞"): "~max",
    ("Max", "~max, no axis", "-∞"): "~max, no axis",
    ("Exp", "~z-max"): "~exp(z-max)",
    ("Div", "~exp(z-max)", "~sum exp(z-max)"): "softmax",
    ("Div", "exponential", "~sum exp(z)"): "softmax",
    ("Log", "~sum exp(z-max)"): "~log sum exp(z-max)",
    ("Log", "~sum exp(z)"): "~log sum exp(z)",
    ("Sub", "~z-max", "~log sum exp(z-max)"): "log_softmax",
    ("Sub", "linear", "~log sum exp(z)"): "log_softmax",
    ("Log", "softmax"): "log_softmax",
    ("Exp", "log_softmax"): "softmax",
    # sigmoid and what is made with it
    ("Neg", "linear"): "~-z",
    ("Exp", "~-z"): "~exp(-z)",
    ("Add", "~exp(-z)", "1"): "~1+exp(-z)",
    ("Reciprocal", "~1+exp(-z)"): "sigmoid",
    ("Div", "1", "~1+exp(-z)"): "sigmoid",
    ("Log", "sigmoid"): "log_sigmoid",
    ("Mul", "linear", "sigmoid"): "silu",
    ("Tanh", "softplus"): "~tanh softplus",
    ("Mul", "linear", "~tanh softplus"): "mish",
    ("Sub", "linear", "tanh"): "tanh_shrink",
    # cut off
    ("Max", "linear", "0"): "relu",
    ("Min", "relu", "6"): "relu6",
    ("Mul", "linear", "hard_sigmoid"): "hard_silu",
    ("Add", "linear", "3"): "~z+3",
    ("Relu6", "~z+3"): "~relu6(z+3)",
    ("Div", "~relu6(z+3)", "6"): "hard_sigmoid",
    ("Mul", "~relu6(z+3)", "1/6"): "hard_sigmoid",
    ("Mul", "linear", "~relu6(z+3)"): "~z relu6(z+3)",
    ("Div", "~z relu6(z+3)", "6"): "hard_silu",
    ("Mul", "~z relu6(z+3)", "1/6"): "hard_silu",
    # gelu
    ("Mul", "linear", "1/2"): "~z/2",
    ("Div", "linear", "2"): "~z/2",
    ("Div", "linear", "√2"): "~z/√2",
    ("Mul", "linear", "√(1/2)"): "~z/√2",
    ("Erf", "~z/√2"): "~erf",
    ("Add", "~erf", "1"): "~1+erf",
    ("Mul", "~1+erf", "1/2"): "~(1+erf)/2",
    ("Mul", "linear", "~1+erf"): "~z(1+erf)",
    ("Mul", "~z/2", "~1+erf"): "gelu",
    ("Mul", "linear", "~(1+erf)/2"): "gelu",
    ("Mul", "~z(1+erf)", "1/2"): "gelu",
    ("Div", "~z(1+erf)", "2"): "gelu",
    # gelu by a tanh
    ("Pow", "linear", "3"): "~z³",
    ("Mul", "linear", "linear"): "~z²",
    ("Mul", "linear", "~z²"): "~z³",
    ("Mul", "~z³", "0.044715"): "~cz³",
    ("Mul", "linear", "0.044715"): "~cz",
    ("Mul", "linear", "~cz"): "~cz²",
    ("Mul", "linear", "~cz²"): "~cz³",
    ("Add", "linear", "~cz³"): "~z+cz³",
    ("Mul", "~z+cz³", "√(2/π)"): "~inner",
    ("Tanh", "~inner"): "~tanh",
    ("Add", "~tanh", "1"): "~1+tanh",
    ("Mul", "~1+tanh", "1/2"): "~(1+tanh)/2",
    ("Mul", "linear", "~1+tanh"): "~z(1+tanh)",
    ("Mul", "~z/2", "~1+tanh"): "gelu(approximate=True)",
    ("Mul", "linear", "~(1+tanh)/2"): "gelu(approximate=True)",
    ("Mul", "~z(1+tanh)", "1/2"): "gelu(approximate=True)",
}


_ANY_ORDER = ("Add", "Mul", "Max", "Min")
# What these make of a value is the value.
_NEUTRAL = (("Mul", "1"), ("Div", "1"), ("Add", "0"), ("Sub", "0"))


def made_of(op: str, inputs: list[str]) -> str | None:
    """Return the state that a node makes of states and numbers, None where it is not known.

    >>> made_of("Mul", ["sigmoid", "linear"])
    'silu'
    """
    if (op, *inputs[1:]) in _NEUTRAL:
        return inputs[0]
    state = STEPS.get((op, *inputs))
    if state is None and op in _ANY_ORDER and len(inputs) == 2:
        state = STEPS.get((op, inputs[1], inputs[0]))
    return state


def number_in(constants: Constants, name: str) -> str | None:
    """Return the number of `_NUMBERS` that a value is, None where it is another or none."""
    value = constants.number(name)
    if value is None:
        return None
    near = (said for said, number in _NUMBERS.items() if math.isclose(value, number, rel_tol=1e-3))
    return next(near, None)
