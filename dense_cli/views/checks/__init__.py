"""The checks of outputs, weights and labels, as a table: NumPy is imported only by those that run.

A new check is a class in one of these files and a row here; docs/checks.md says what its thresholds mean.
"""

from __future__ import annotations

from typing import NamedTuple


class CheckEntry(NamedTuple):
    """A check by its name.

    Attributes:
        name: as ``--skip`` and findings have it.
        path: where its class is; None for a check of weights, labels or a model, which takes no rows.
        of_distributions: whether it says something of distributions alone.
        of_models: whether it looks at the layers of a model.
        of_targets: whether it needs targets.
        explains: the checks whose findings follow from this one's, and are left out beside it.
    """

    name: str
    path: str | None = None
    of_distributions: bool = False
    of_models: bool = False
    of_targets: bool = False
    explains: tuple[str, ...] = ()


_HERE = "dense_cli.views.checks"
CHECKS = (
    CheckEntry("sums", f"{_HERE}.sums:Sums", True),
    CheckEntry("negative", f"{_HERE}.sums:Negative", True),
    CheckEntry("finite", f"{_HERE}.finite:Finite"),
    CheckEntry("axis", f"{_HERE}.sums:Axis", True, explains=("sums",)),
    CheckEntry("one-class", f"{_HERE}.sums:OneClass", True, explains=("saturated", "constant")),
    CheckEntry("double-softmax", f"{_HERE}.softmax:DoubleSoftmax", True, explains=("uniform",)),
    CheckEntry("saturated", f"{_HERE}.softmax:Saturated", True),
    CheckEntry("uniform", f"{_HERE}.softmax:Uniform", True),
    CheckEntry("never-chosen", f"{_HERE}.classes:NeverChosen"),
    CheckEntry("constant", f"{_HERE}.classes:Constant", explains=("never-chosen", "targets-unrelated")),
    CheckEntry("padding", f"{_HERE}.padding:Padding"),
    CheckEntry(
        "targets-shifted",
        f"{_HERE}.targets:Shifted",
        of_targets=True,
        explains=("targets-permuted", "targets-unrelated"),
    ),
    CheckEntry(
        "targets-permuted", f"{_HERE}.targets:Permuted", of_targets=True, explains=("targets-unrelated",)
    ),
    CheckEntry("targets-unrelated", f"{_HERE}.targets:Unrelated", True, of_targets=True),
    CheckEntry("labels"),
    CheckEntry("transposed"),
    CheckEntry("untrained"),
    CheckEntry("layer-finite", of_models=True, explains=("finite",)),
    CheckEntry("silent-units", of_models=True),
    CheckEntry("saturated-layer", of_models=True),
    CheckEntry("out-of-vocabulary", of_models=True),
    CheckEntry("moving-statistics", of_models=True),
    CheckEntry("input-range", of_models=True),
)
NAMES = tuple(check.name for check in CHECKS)
OF_DISTRIBUTIONS = frozenset(check.name for check in CHECKS if check.of_distributions)
OF_MODELS = frozenset(check.name for check in CHECKS if check.of_models)
OF_TARGETS = frozenset(check.name for check in CHECKS if check.of_targets)
