"""A plan → what is wrong with the outputs, the weights and the labels: findings, with advice.

In: a `Plan` and the names of the checks that are wanted. Out: a `Report`. The checks themselves are in
`views.checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.plan import Plan
from dense_cli.run import Progress, Run
from dense_cli.sources.open import no_note
from dense_cli.views.checks import CHECKS, NAMES, OF_DISTRIBUTIONS, OF_MODELS, OF_TARGETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dense_cli.checking_layers import LayerChecks
    from dense_cli.sources.source import Source
    from dense_cli.views.checks.check import CheckRows, Finding


class Report(NamedTuple):
    """What was checked, by which checks, and what they found, in the order of `NAMES`."""

    name: str
    shape: tuple[int | None, ...]
    checks: list[str]
    findings: list[Finding]


def check(
    plan: Plan,
    wanted: frozenset[str] = frozenset(NAMES),
    *,
    note: Callable[[str], None] = no_note,
    progress: Progress | None = None,
) -> Report:
    """Return what the checks named in ``wanted`` find.

    Raises:
        DenseCliError, OSError: as `Plan.open` does.

    >>> import numpy as np
    >>> [finding.check for finding in check(Plan(np.array([[0.5, 0.5], [0.9, 0.3]]))).findings]
    ['sums']
    """
    source = plan.open_source(note=note) if plan.model is None else None
    findings = []
    if source is not None and plan.weights is not None:
        findings = _of_weights(plan, source, wanted)
    # A kernel that does not fit, or is not finite, cannot be run: what it is is all there is to say.
    if source is not None and any(finding.check in ("transposed", "finite") for finding in findings):
        name, shape = source.name, source.shape
        done = wanted & {"transposed", "finite", "untrained"}
    else:
        # Labels that do not fit are a finding here, and no error, unless targets may be named by them.
        layers = _layer_checks(plan, wanted)
        labels = None if plan.targets is None else plan.labels
        run = replace(plan, labels=labels).open(note=note, progress=progress, source=source, seen=layers)
        findings += _of_outputs(run, wanted)
        if layers is not None and run.model is not None:
            findings = _with(findings, layers.findings(run.model.part, wanted))
        findings += _of_labels(plan, run) if "labels" in wanted else []
        name, shape = run.input_name, (*run.source.shape[:-1], run.classes)
        done = _done(plan, run, wanted, note)
    findings.sort(key=lambda finding: NAMES.index(finding.check))
    return Report(name, shape, [name for name in NAMES if name in done], findings)


def _layer_checks(plan: Plan, wanted: frozenset[str]) -> LayerChecks | None:
    """Return what looks on while the model of a plan runs."""
    if plan.model is None or not wanted & OF_MODELS:
        return None
    from dense_cli.checking_layers import LayerChecks

    return LayerChecks()


def _with(findings: list[Finding], of_layers: list[Finding]) -> list[Finding]:
    """Return all findings, without those of outputs that what is wrong in a layer explains."""
    names = {finding.check for finding in of_layers}
    explained = {name for check in CHECKS if check.name in names for name in check.explains}
    return [finding for finding in findings if finding.check not in explained] + of_layers


def _done(plan: Plan, run: Run, wanted: frozenset[str], note: Callable[[str], None]) -> frozenset[str]:
    """Return which of the checks that are wanted apply to ``run``."""
    if not plan.labels:
        wanted -= {"labels"}
    if not plan.weights:
        wanted -= {"transposed", "untrained"}
    if not plan.model:
        wanted -= OF_MODELS
    if not plan.targets:
        wanted -= OF_TARGETS
    if _claims_distributions(run) is False:
        wanted -= OF_DISTRIBUTIONS
        name = run.head.activation.name if run.head is not None else run.what
        note(f"{name} gives no distributions: what only holds for them is not checked")
    return wanted


def _of_weights(plan: Plan, source: Source, wanted: frozenset[str]) -> list[Finding]:
    """Check the weights by themselves, before the layer is made of them."""
    from dense_cli.files.tensor import require_size
    from dense_cli.heads import array_of, heads, select
    from dense_cli.views.checks.weights import transposed_shape

    file, turn = plan.weights or "", plan.transpose
    in_file = heads(file, memory=plan.memory)
    head = select(in_file, plan.head, file)
    if head.refusal is not None:
        return []  # making the layer says why
    if plan.bias is not None:
        head = replace(head, bias=array_of(in_file, plan.bias, file))
    turned = turn is not None and turn != head.transposed
    shape = head.kernel_shape[::-1] if turned else head.kernel_shape
    if "transposed" in wanted:
        finding = transposed_shape(shape, source.shape[-1] or 0, head.transposed != turned)
        if finding is not None:
            return [finding]
    for tensor in (head.kernel, *([head.bias] if head.bias is not None else [])):
        require_size(tensor, file, plan.memory)
    kernel, bias = head.load()
    return _of_numbers(kernel, bias, turned, wanted)


def _of_numbers(
    kernel: NDArray[Any], bias: NDArray[Any] | None, turned: bool, wanted: frozenset[str]
) -> list[Finding]:
    """Check the numbers of the weights."""
    from dense_cli.views.checks.weights import not_finite, untrained

    finding = not_finite(kernel, bias)
    if finding is not None:
        return [finding] if "finite" in wanted else []
    finding = untrained(kernel.T if turned else kernel, bias) if "untrained" in wanted else None
    return [] if finding is None else [finding]


def _of_labels(plan: Plan, run: Run) -> list[Finding]:
    from dense_cli.errors import ShapeError
    from dense_cli.sources.labels import load_labels
    from dense_cli.views.checks.check import Finding

    if plan.labels is None:
        return []
    try:
        load_labels(plan.labels, run.classes, key=plan.labels_key, note=run.note)
    except ShapeError as e:
        advice = "each class needs its label, in the order of the kernel's columns"
        return [Finding("labels", str(e), advice)]
    return []


def _of_outputs(run: Run, wanted: frozenset[str]) -> list[Finding]:
    """Check the outputs, row by row."""
    from dense_cli.views.checks.check import OutputInfo
    from dense_cli.views.checks.run import Checks
    from dense_cli.views.checks.weights import transposed_square

    findings = []
    # Samples that are picked keep their numbers, so how many there are says nothing of these.
    lead = run.source.shape[:-1] if not run.plan.picks else (None, *run.source.shape[1:-1])
    claimed = _claims_distributions(run)
    info = OutputInfo((*lead, run.classes), run.dtype, run.head is not None, claimed, run.labels)
    skip = frozenset(NAMES) - wanted
    checks = Checks(info, skip if run.targets is not None else skip | OF_TARGETS)
    square = "transposed" in wanted and run.plan.weights is not None
    for i, block in enumerate(_targeted(run)):
        checks.add(block)
        dense = None if run.head is None else run.head.dense
        if i == 0 and square and dense is not None and block.x is not None:
            finding = transposed_square(block.x[:512], dense.kernel, dense.bias)
            findings += [finding] if finding is not None else []
    return findings + checks.findings()


def _claims_distributions(run: Run) -> bool | None:
    """Whether it is said that rows sum to 1; None: only the rows can tell."""
    from dense_cli.views.evaluate import SUM_TO_ONE

    if run.plan.scores or run.shows_values:
        return False
    return None if run.head is None else run.head.activation.name in SUM_TO_ONE


def _targeted(run: Run) -> Iterator[CheckRows]:
    """Give the rows that count, with their targets where there are some."""
    targets, run.targets = run.targets, None  # no measure of these is needed
    if targets is None:
        yield from _blocks(run)
        return
    classes = run.classes + targets.count_from_1(run.classes)
    neighbours = [(axis, offset) for axis in range(min(len(run.shape) - 1, 2)) for offset in (1, -1)]
    for block in _blocks(run):
        yield block._replace(
            targets=targets.rows(block.places, None, classes),
            near={(axis, offset): targets.near(block.places, axis, offset) for axis, offset in neighbours},
        )


def _blocks(run: Run) -> Iterator[CheckRows]:
    """Give the rows that count, as the checks see them; finished outputs need not be distributions."""
    from dense_cli.pipeline import MEMORY, block_rows
    from dense_cli.views.evaluate import View

    if run.head is not None:
        for result in run.results(View(arrays=("probabilities", "logits"))):
            arrays = result.arrays
            yield _rows(arrays["probabilities"], result.places, result.mask, result.x, arrays["logits"])
        return
    for block in run.source.blocks(block_rows(run.classes, run.classes, 8, run.plan.memory or MEMORY)):
        mask = block.mask if run.mask is None else run.mask.counting(block, block.x)
        yield _rows(block.x, block.places(), mask)


def _rows(y: Any, places: Any, mask: Any, x: Any = None, logits: Any = None) -> CheckRows:
    import numpy as np

    from dense_cli.views.checks.check import CheckRows

    if mask is not None:
        y, places = y[mask], places[mask]
        x, logits = (None if array is None else array[mask] for array in (x, logits))
    with np.errstate(invalid="ignore"):  # a signalling NaN is as good as any
        wide = y.astype(np.float64)
    classes = np.where(np.isfinite(wide).all(axis=1), wide.argmax(axis=1), -1)
    return CheckRows(wide, places, classes, x, logits)
