"""The options of a view, held against the head and the input of a `Run`."""

from __future__ import annotations

from dense_cli.errors import ConfigError, UsageError
from dense_cli.run import Run


def check_options(run: Run) -> None:
    """Hold the options of the view against the head and the input.

    Raises:
        UsageError, ConfigError: they do not fit.
    """
    plan = run.plan
    if plan.temperature != 1 and run.head is None:
        raise UsageError(f"--temperature divides logits, and {run.what} holds finished outputs")
    if plan.show == "logits":
        _require_logits(run)
    if plan.scores and (plan.show == "log-probabilities" or plan.measures or plan.targets is not None):
        raise UsageError(
            "--scores: each class is scored by itself, and what is asked for is of distributions"
        )
    if run.shows_values:
        _require_nothing_of_classes(run)
    require_classes(run, plan.top_k)
    if plan.ignore_index is not None and plan.targets is None:
        raise UsageError("--ignore-index is about targets: it needs --targets FILE")


def require_classes(run: Run, top_k: int | None) -> None:
    """Refuse more of the likeliest classes than there are.

    Raises:
        ConfigError: there are fewer.
    """
    if top_k is not None and top_k > run.classes:
        raise ConfigError(f"--top-k {top_k}: there are only {run.classes} classes")


def _require_logits(run: Run) -> None:
    head = run.head
    if head is None:
        raise UsageError("--show logits: INPUT holds finished outputs, not logits or the input of a layer")
    if head.classes != head.units:
        raise ConfigError(f"--show logits: {head.activation.name} has not a class for each logit")


def _require_nothing_of_classes(run: Run) -> None:
    plan = run.plan
    asked = (plan.top_k, plan.measures, plan.targets, plan.labels, plan.explain, plan.eos, plan.pad)
    if run.model is not None and (any(asked) or plan.show != "probabilities"):
        layer = run.model.part.layer
        raise UsageError(f"layer {layer!r} gives no classes: nothing of classes can be asked of it")
