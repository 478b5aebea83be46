"""A plan → what is wrong with the outputs, the weights and the labels: findings, with advice.

In: a `Plan` and the names of the checks that are wanted. Out: a `Report`. The checks themselves are in
`views.checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.plan import Plan
from dense_cli.progress import Progress
from dense_cli.run import Run
from dense_cli.sources.open import no_note
from dense_cli.views.checks import CHECKS, NAMES, OF_DISTRIBUTIONS, OF_MODELS, OF_TARGETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dense_cli.checking_layers import LayerChecks
    from dense_cli.dense import DenseArrays
    from dense_cli.sources.masks import Mask
    from dense_cli.sources.source import Block, Source
    from dense_cli.sources.spread import Spread
    from dense_cli.sources.targets import Targets
    from dense_cli.views.checks.check import CheckRows, Finding, OutputInfo
    from dense_cli.views.checks.run import Checks
    from dense_cli.views.evaluate import Result

_ARRAYS = ("probabilities", "logits")  # that are checked of what a layer gives


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
    spread: Spread | None = None,
) -> Report:
    """Return what the checks named in ``wanted`` find; ``spread`` computes blocks somewhere else.

    Raises:
        DenseCliError, OSError: as `Plan.open` does.

    >>> import numpy as np
    >>> [finding.check for finding in check(Plan(np.array([[0.5, 0.5], [0.9, 0.3]]))).findings]
    ['sums']
    """
    wanted = _possible(plan, wanted, spread, note)
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
        run.spread = spread
        findings += _of_run(run, layers, wanted)
        findings += _of_labels(plan, run) if "labels" in wanted else []
        name, shape = run.input_name, (*run.source.shape[:-1], run.classes)
        done = _done(plan, run, wanted, note)
    findings.sort(key=lambda finding: NAMES.index(finding.check))
    return Report(name, shape, [name for name in NAMES if name in done], findings)


def _possible(
    plan: Plan, wanted: frozenset[str], spread: Spread | None, note: Callable[[str], None]
) -> frozenset[str]:
    """Return the checks that can be done: on a cluster nobody looks into layers."""
    if spread is None or plan.model is None or not wanted & OF_MODELS:
        return wanted
    note("the layers of a model are not checked on a cluster, only what it puts out")
    return wanted - OF_MODELS


def _of_run(run: Run, layers: LayerChecks | None, wanted: frozenset[str]) -> list[Finding]:
    """Check the outputs, and the layers of a model that were looked at meanwhile."""
    findings = _of_outputs(run, wanted)
    if layers is None or run.model is None:
        return findings
    return _with(findings, layers.findings(run.model.part, wanted))


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

    # Samples that are picked keep their numbers, so how many there are says nothing of these.
    lead = run.source.shape[:-1] if not run.plan.picks else (None, *run.source.shape[1:-1])
    claimed = _claims_distributions(run)
    info = OutputInfo((*lead, run.classes), run.dtype, run.head is not None, claimed, run.labels)
    square = "transposed" in wanted and run.plan.weights is not None
    dense = run.head.dense if run.head is not None and square else None
    targets, run.targets = run.targets, None  # no measure of these is needed
    skip = (frozenset(NAMES) - wanted) | (frozenset() if targets is not None else OF_TARGETS)
    alone = _Alone(info, skip, dense, run.mask, targets)
    checks, findings = alone.checks(), []
    for part, finding in _blocks(run, alone):
        checks.merge(part)
        findings += [finding] if finding is not None else []
    return findings + checks.findings()


def _blocks(run: Run, alone: _Alone) -> Iterator[tuple[Checks, Finding | None]]:
    """Give the checks of each block by itself; finished outputs need not be distributions."""
    from dense_cli.pipeline import MEMORY, block_rows
    from dense_cli.results import reduce, spread_source
    from dense_cli.sources.spread import each
    from dense_cli.views.evaluate import View

    if run.head is not None:
        return reduce(run, View(arrays=_ARRAYS), alone)
    source = spread_source(run, run.source)
    rows = block_rows(run.classes, run.classes, 8, run.plan.memory or MEMORY)
    return each(partial(partial, alone), source, rows, run.spread if hasattr(source, "parts") else None)


@dataclass(frozen=True)
class _Alone:
    """Checks a block by itself, here or where a cluster has it.

    Attributes:
        info, skip: of the checks.
        dense: a layer whose kernel is held against the first block; None: it is not.
        mask, targets: of the rows.
    """

    info: OutputInfo
    skip: frozenset[str]
    dense: DenseArrays | None
    mask: Mask | None
    targets: Targets | None

    def __call__(self, block: Result | Block) -> tuple[Checks, Finding | None]:
        """Return the checks of a block, and what the first one tells of a square kernel."""
        from dense_cli.sources.source import Block
        from dense_cli.views.checks.weights import transposed_square

        rows = _of_block(block, self.mask) if isinstance(block, Block) else _of_result(block)
        start = block.start if isinstance(block, Block) else block.block.start
        checks = self.checks()
        checks.add(self.targeted(rows))
        if self.dense is None or rows.x is None or start:
            return checks, None
        return checks, transposed_square(rows.x[:512], self.dense.kernel, self.dense.bias)

    def checks(self) -> Checks:
        """Return the checks that are wanted, without rows."""
        from dense_cli.views.checks.run import Checks

        return Checks(self.info, self.skip)

    def targeted(self, rows: CheckRows) -> CheckRows:
        """Return rows with their targets, where there are some."""
        targets = self.targets
        if targets is None:
            return rows
        classes = self.info.n + targets.count_from_1(self.info.n)
        neighbours = [(axis, by) for axis in range(min(len(self.info.shape) - 1, 2)) for by in (1, -1)]
        return rows._replace(
            targets=targets.rows(rows.places, None, classes),
            near={(axis, by): targets.near(rows.places, axis, by) for axis, by in neighbours},
        )


def _claims_distributions(run: Run) -> bool | None:
    """Whether it is said that rows sum to 1; None: only the rows can tell."""
    from dense_cli.views.evaluate import SUM_TO_ONE

    if run.plan.scores or run.shows_values:
        return False
    return None if run.head is None else run.head.activation.name in SUM_TO_ONE


def _of_result(result: Result) -> CheckRows:
    arrays = result.arrays
    return _rows(arrays["probabilities"], result.places, result.mask, result.x, arrays["logits"])


def _of_block(block: Block, mask: Mask | None) -> CheckRows:
    counted = block.mask if mask is None else mask.counting(block, block.x)
    return _rows(block.x, block.places(), counted)


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
