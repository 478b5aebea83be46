"""A run over logits → the steps of its softmax, row by row.

In: a `Run`. Out: places, and `SoftmaxSteps` of one row.
"""

from __future__ import annotations

from collections.abc import Iterator

from dense_cli.run import Run
from dense_cli.views.evaluate import View
from dense_cli.views.softmax import SoftmaxSteps, take_apart


def rows_apart(run: Run, temperature: float) -> Iterator[tuple[list[int], SoftmaxSteps]]:
    """Give each row's place and the steps of its softmax, (1, classes).

    Args:
        run: one whose results hold logits.
        temperature: divides the logits.
    """
    for result in run.results(View("logits", arrays=("logits",))):
        for i, place in enumerate(result.places.tolist()):
            yield place, take_apart(result.arrays["logits"][i : i + 1], temperature)
