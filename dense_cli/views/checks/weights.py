"""What is wrong with a head's weights: a kernel that looks transposed, numbers that look untrained.

In: kernel and bias as arrays, and rows of the input. Out: a `Finding` or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.random.erf import erf
from dense_cli.views.checks.check import Finding
from dense_cli.views.measures import measure

_SAMPLE = 1 << 18  # numbers of a kernel that are held against an initializer
_CRITICAL = 1.63  # of the Kolmogorov-Smirnov statistic · √n, at 1 %
_LEAST = 100  # numbers without a bias that is zero to go by

Distribution = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def not_finite(kernel: NDArray[Any], bias: NDArray[Any] | None) -> Finding | None:
    """Return a finding if a number of the weights is NaN or infinite."""
    for name, array in (("kernel", kernel), ("bias", bias)):
        if array is not None and not np.isfinite(array).all():
            wrong = np.argwhere(~np.isfinite(array))
            evidence = (
                f"{len(wrong)} of {array.size} numbers of the {name} are NaN or infinity, in the weights"
            )
            advice = "the file was saved after training failed, or is damaged"
            return Finding("finite", evidence, advice, tuple(int(i) for i in wrong[0]))
    return None


def untrained(kernel: NDArray[Any], bias: NDArray[Any] | None) -> Finding | None:
    """Return a finding if the numbers are those of a known initializer.

    The kernel is held against each initializer's distribution by a Kolmogorov-Smirnov test. The bias must be
    zeros, as initializers leave it, or lie where PyTorch's Linear puts it; without one, the kernel alone
    decides if it is large enough.

    Args:
        kernel: (features, units), finite.
        bias: (units,) or None.

    Source: Massey 1951, https://doi.org/10.1080/01621459.1951.10500769
    """
    features, units = kernel.shape
    values = kernel.reshape(-1)
    step = -(-values.size // _SAMPLE)
    values = np.sort(values[::step].astype(np.float64))
    evidence = _evidence(values, bias, features, units)
    if evidence is None:
        return None
    advice = "is this the trained file, and was the head's own array loaded into it?"
    return Finding("untrained", evidence, advice)


def _evidence(
    values: NDArray[np.float64], bias: NDArray[Any] | None, features: int, units: int
) -> str | None:
    """Return what speaks for numbers of an initializer; ``values`` are the kernel's, sorted."""
    if values[0] == values[-1] and values.size > 1:
        return f"every number of the kernel is {values[0]:g}"
    enough = values.size >= _LEAST
    if bias is not None and bias.any():
        linear = enough and _is_of_linear(values, bias, features)
        return (
            f"kernel and bias lie within ±1/√{features}, as PyTorch's Linear makes them" if linear else None
        )
    name = _initializer(values, features, units) if bias is not None or enough else None
    no_bias = "there is no bias" if bias is None else "the bias is all zeros"
    return name and f"the kernel {(features, units)} is distributed as {name} makes it, and {no_bias}"


def _initializer(values: NDArray[np.float64], features: int, units: int) -> str | None:
    """Return the first initializer whose numbers ``values`` may be."""
    initializers = _initializers(features, units).items()
    return next((name for name, distribution in initializers if _fits(values, distribution)), None)


def _is_of_linear(values: NDArray[np.float64], bias: NDArray[Any], features: int) -> bool:
    """Whether kernel and bias are both uniform within PyTorch's bound."""
    bound = 1 / math.sqrt(features)
    return bool(np.abs(bias).max() <= bound) and _fits(values, _uniform(bound))


def _fits(values: NDArray[np.float64], distribution: Distribution) -> bool:
    expected = distribution(values)
    n = len(values)
    above = np.arange(1, n + 1) / n - expected
    below = expected - np.arange(n) / n
    return bool(max(above.max(), below.max()) * math.sqrt(n) <= _CRITICAL)


def _initializers(features: int, units: int) -> dict[str, Distribution]:
    both = features + units
    return {
        "GlorotUniform": _uniform(math.sqrt(6 / both)),
        "GlorotNormal": _truncated(math.sqrt(2 / both) / 0.87962566103423978),
        "HeUniform": _uniform(math.sqrt(6 / features)),
        "HeNormal": _truncated(math.sqrt(2 / features) / 0.87962566103423978),
        "LecunUniform": _uniform(math.sqrt(3 / features)),
        "LecunNormal": _truncated(math.sqrt(1 / features) / 0.87962566103423978),
        "PyTorch's Linear": _uniform(1 / math.sqrt(features)),
        "RandomNormal": _normal(0.05),
        "RandomUniform": _uniform(0.05),
        "TruncatedNormal": _truncated(0.05),
        "RandomNormal(stddev=0.02)": _normal(0.02),
        "TruncatedNormal(stddev=0.02)": _truncated(0.02),
    }


def _uniform(limit: float) -> Distribution:
    return lambda x: np.clip((x + limit) / (2 * limit), 0, 1)


def _normal(stddev: float) -> Distribution:
    return lambda x: 0.5 * (1 + np.asarray(erf(x / (stddev * math.sqrt(2)))))


def _truncated(stddev: float) -> Distribution:
    """Return a normal's distribution cut at two standard deviations."""
    normal = _normal(stddev)
    tail = 0.5 * (1 - math.erf(math.sqrt(2)))
    return lambda x: np.clip((normal(x) - tail) / (1 - 2 * tail), 0, 1)


def transposed_shape(shape: tuple[int, int], features: int, turned: bool) -> Finding | None:
    """Return a finding if a kernel fits the input only the other way round.

    Args:
        shape: (features, units), as the layer would use it.
        features: what the input has.
        turned: whether the kernel has been turned for that already.
    """
    if shape[0] == features or shape[1] != features:
        return None
    evidence = f"the kernel {shape} does not take {features} features, but would as {shape[::-1]}"
    return Finding("transposed", evidence, f"--{'no-' if turned else ''}transpose turns it")


def transposed_square(x: NDArray[Any], kernel: NDArray[Any], bias: NDArray[Any] | None) -> Finding | None:
    """Return a finding if a square kernel decides far more clearly when it is turned.

    Args:
        x: (rows, features), some rows of the input.
        kernel: (features, features).
        bias: (features,) or None.
    """
    n = kernel.shape[0]
    if kernel.shape[1] != n or n < 2 or not len(x) or not np.isfinite(x).all():
        return None
    wide, offset = kernel.astype(np.float64), 0 if bias is None else bias.astype(np.float64)
    entropies = []
    for matrix in (wide, wide.T):
        logits = x.astype(np.float64) @ matrix + offset
        entropies.append(float(measure(("entropy",), logits, logits)["entropy"].mean()) / math.log(n))
    straight, turned = entropies
    if straight < 0.3 or turned > 0.5 * straight:
        return None
    left = f"{straight:.0%} of the uniform's entropy, turned {turned:.0%}"
    evidence = f"the square kernel {kernel.shape} leaves {left}"
    return Finding("transposed", evidence, "it may be stored as (units, features): try --transpose")
