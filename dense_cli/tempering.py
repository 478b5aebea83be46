"""A plan with targets → the temperature that makes it calibrated, and what that changes.

In: a `Plan` on a file. Out: `Tempered`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from dense_cli.errors import ConfigError, UsageError
from dense_cli.plan import Plan
from dense_cli.run import Run
from dense_cli.views.evaluate import View
from dense_cli.views.measures import Accuracy, Summary
from dense_cli.views.temperature import Rows, fit_temperature


class Tempered(NamedTuple):
    """The temperature, and how right the rows are without it and with it."""

    temperature: float
    before: Accuracy
    after: Accuracy


def temper(plan: Plan) -> Tempered:
    """Return the temperature of the least loss.

    Raises:
        UsageError: there are no targets, no softmax, or the input can be read only once.
        ConfigError: no row has a target.
        DenseCliError, OSError: as `Plan.open` does.
    """
    if plan.targets is None:
        raise UsageError("--fit-temperature is about targets: it needs --targets FILE")
    if plan.input == "-":
        raise UsageError(
            "--fit-temperature reads INPUT more than once: expected a file, found standard input"
        )
    plain = replace(plan, temperature=1.0, top_k=None, sort=None, unsure=None, wrong=False, explain=None)
    run = plain.open()
    if run.head is None or run.head.activation.name != "softmax":
        raise UsageError("--fit-temperature is about a softmax: a layer's, a model's, or --logits")
    try:
        temperature = fit_temperature(lambda: _rows(plain.open()))
    except ValueError as error:
        raise ConfigError(f"{run.input_name}: {error}") from None
    before, after = (_accuracy(replace(plain, temperature=t)) for t in (1.0, temperature))
    return Tempered(temperature, before, after)


def _rows(run: Run) -> Iterator[Rows]:
    assert run.targets is not None
    for result in run.results(View("logits", arrays=("logits",))):
        yield result.arrays["logits"], run.targets.rows(result.places, result.mask, run.classes)


def _accuracy(plan: Plan) -> Accuracy:
    run = plan.open()
    summary = Summary(run.classes)
    for result in run.results(run.view._replace(arrays=())):
        summary.add(result.classes, result.measures, result.places[:, 0], result.mask)
    found = summary.totals().targets
    assert found is not None
    return found
