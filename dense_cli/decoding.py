"""A run → one line of text per sample: the labels of the likeliest classes, joined.

In: a `Run`, and `Rules` that say how steps become text. Out: `Lines`, as the samples end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dense_cli.errors import ConfigError, DtypeError
from dense_cli.run import Run
from dense_cli.sources.source import Source, named
from dense_cli.views.beam import CtcPrefixes, Paths, Search
from dense_cli.views.decode import Decoder, Lines, Rules
from dense_cli.views.evaluate import Result, View
from dense_cli.views.pieces import NAMED, Pieces


def require_confidence(run: Run) -> None:
    """Refuse a run in which the value of the likeliest class is no probability.

    Raises:
        ConfigError: the activation is neither softmax nor sigmoid.
    """
    if run.head is None or run.gives_distributions or run.head.activation.name == "sigmoid":
        return
    raise ConfigError(
        "-f jsonl: a confidence is a probability: expected activation softmax or sigmoid, "
        f"found {run.head.activation.name}",
        hint="of logits, -a softmax makes probabilities; the classes stay the same",
    )


def decode(run: Run, rules: Rules, *, confident: bool) -> Iterator[tuple[Lines, bool]]:
    """Give the lines of the samples that ended in each block, and whether the next block may take long.

    Args:
        run: what is decoded.
        rules: how steps become text.
        confident: the confidences of lines are used, and so must be probabilities.

    Raises:
        DtypeError: a score is no probability; the message says which.
    """
    decoder = Decoder(rules)
    view = View(top=1, measures=run.measures)
    for result in run.results(view):
        assert result.top_values is not None
        if confident and run.plan.scores:
            _require_probabilities(result, run.source)
        confidence = result.top_values[:, 0]
        lines = decoder.add(result.places, result.classes, confidence, result.mask, result.measures)
        yield lines, result.pause and not result.whole
        if result.whole:
            yield decoder.end(), result.pause
    yield decoder.end(), False


def _require_probabilities(result: Result, source: Source) -> None:
    """Refuse scores that are no probabilities; padding and rows without a class are let pass."""
    assert result.top_values is not None
    values = result.top_values[:, 0]
    used = result.classes >= 0 if result.mask is None else (result.classes >= 0) & result.mask
    wrong = np.flatnonzero(used & ((values < 0) | (values > 1)))
    if len(wrong):
        name, at = named(source, tuple(result.places[wrong[0]].tolist()))
        place = "".join(f"[{i}]" for i in at)
        raise DtypeError(
            f"{name}: -f jsonl: a confidence is a probability: expected a highest score from 0 to 1, "
            f"found {values[wrong[0]]:.6g} at {place}",
            hint="-f text prints the labels of any scores; --logits is for logits",
        )


class Ranked(NamedTuple):
    """One of the likeliest lines of a sample; its classes are those of the line, or of its path."""

    sample: int
    rank: int
    text: str
    classes: list[int]
    log_probability: float


def likeliest(run: Run, rules: Rules, most: int) -> Iterator[tuple[list[Ranked], bool]]:
    """Give the ``most`` likeliest lines of the samples that ended in each block, as `decode` gives its own.

    Raises:
        ConfigError: the activation gives no distributions.
    """
    if not run.gives_distributions:
        raise ConfigError(
            "--beam: a log-probability is that of a distribution: expected activation softmax",
            hint="of logits, -a softmax makes probabilities",
        )
    sample: int | None = None
    search = _search(rules, most)
    for result in run.results(View(show="log-probabilities", arrays=("log_probabilities",))):
        lines: list[Ranked] = []
        rows = result.arrays["log_probabilities"]
        for at, number in enumerate(result.places[:, 0].tolist()):
            if number != sample:
                lines += _ranked(sample, search, rules)
                sample, search = number, _search(rules, most)
            if result.mask is None or result.mask[at]:
                search.step(rows[at] if result.classes[at] >= 0 else None)
        if result.whole:
            lines += _ranked(sample, search, rules)
            sample = None
        yield lines, result.pause
    yield _ranked(sample, search, rules), False


def _search(rules: Rules, most: int) -> Search:
    return Paths(most, rules.eos) if rules.blank is None else CtcPrefixes(most, rules.blank)


def _ranked(sample: int | None, search: Search, rules: Rules) -> list[Ranked]:
    """Return the lines of a sample that has ended; None is none."""
    if sample is None:
        return []
    left_out = {rules.eos, rules.pad}
    return [
        Ranked(sample, rank, rules.text([c for c in classes if c not in left_out]), classes, score)
        for rank, (classes, score) in enumerate(search.best())
    ]


def pieces_of(name: str | None, labels: str | None) -> Pieces | None:
    """Return how the pieces of a file of labels are joined: as ``name`` says, or with ``auto`` the file.

    Raises:
        ConfigError: there are no labels, or they do not say it.
    """
    if name is None:
        return None
    if labels is None:
        raise ConfigError("--pieces: expected the pieces that classes stand for", hint="give --labels FILE")
    if name != "auto":
        return NAMED[name]
    from dense_cli.sources.tokenizer import decoder_config
    from dense_cli.views.pieces import of_config

    return of_config(decoder_config(labels), labels)
