"""``densecli check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dense_cli.cli import options as opts

if TYPE_CHECKING:
    from dense_cli.sources.source import Source
    from dense_cli.views.check import CheckRows, Finding

NAMES = (
    "sums",
    "negative",
    "finite",
    "axis",
    "one-class",
    "double-softmax",
    "saturated",
    "uniform",
    "never-chosen",
    "constant",
    "padding",
    "labels",
    "transposed",
    "untrained",
)


@click.command()
@opts.input_argument
@click.option(
    "--skip",
    type=click.Choice(NAMES),
    multiple=True,
    metavar="NAME",
    help=f"Leave a check out; repeatable. Checks: {', '.join(NAMES)}.",
)
@opts.layer_options
@opts.weight_options
@opts.mask_options
@opts.labels_option
@opts.input_options
@opts.output_options("table", "json")
@opts.work_options
def check(skip: tuple[str, ...], **options: Any) -> None:
    """Find what is wrong with a layer's outputs, and say how to mend it.

    With --units or --weights INPUT is layer input and the layer runs; with neither, it holds finished
    outputs. The exit code is 1 when there is a finding. docs/checks.md says what each check means.

    \b
      densecli check outputs.npy
      densecli check hidden.npy --weights head.npz --labels names.txt
      densecli check outputs.npy --skip never-chosen
    """
    import sys

    from dense_cli.cli import show
    from dense_cli.cli.layer import LayerOptions
    from dense_cli.cli.notes import note
    from dense_cli.views.check import OF_DISTRIBUTIONS, SUM_TO_ONE
    from dense_cli.writers.check import write_json, write_table
    from dense_cli.writers.screen import Screen

    wanted = frozenset(NAMES) - frozenset(skip)
    asked = LayerOptions.take(options).asked
    source = show.open_input(options, outputs=not asked)
    findings = _of_weights(options, source, wanted) if options["weights"] is not None else []
    # A kernel that does not fit, or is not finite, cannot be run: what it is is all there is to say.
    if any(finding.check in ("transposed", "finite") for finding in findings):
        shape = source.shape
        done = wanted & {"transposed", "finite", "untrained"}
    else:
        job = show.Job.open(options, outputs=True, source=source)
        findings += _of_outputs(job, wanted)
        shape = (*job.source.shape[:-1], job.units)
        done = wanted - (set() if options["labels"] else {"labels"})
        done -= set() if options["weights"] else {"transposed", "untrained"}
        if job.layer is not None and (name := job.layer.dense.activation.name) not in SUM_TO_ONE:
            done -= OF_DISTRIBUTIONS
            note(f"{name} gives no distributions: what only holds for them is not checked")
    findings.sort(key=lambda finding: NAMES.index(finding.check))
    order = [name for name in NAMES if name in done]
    with show.output(options) as out:
        if show.output_format(options) == "json":
            write_json(out, source.name, shape, order, findings)
        else:
            screen = Screen.of(sys.stdout) if options["output"] is None else Screen()
            write_table(out, source.name, shape, order, findings, screen)
    if findings:
        sys.exit(1)


def _of_weights(options: dict[str, Any], source: Source, wanted: frozenset[str]) -> list[Finding]:
    """Check the weights by themselves, before the layer is made of them."""
    import numpy as np

    from dense_cli.files.tensor import require_size
    from dense_cli.heads import heads, select
    from dense_cli.views.check import Finding
    from dense_cli.views.checkweights import transposed_shape, untrained

    file, turn = options["weights"], options["transpose"]
    head = select(heads(file, memory=options["memory"]), options["head"], file)
    if head.refusal is not None:
        return []  # making the layer says why
    turned = turn is not None and turn != head.transposed
    shape = head.kernel_shape[::-1] if turned else head.kernel_shape
    if "transposed" in wanted:
        found = transposed_shape(shape, source.shape[-1] or 0, head.transposed != turned)
        if found is not None:
            return [found]
    for tensor in (head.kernel, *([head.bias] if head.bias is not None else [])):
        require_size(tensor, file, options["memory"])
    kernel, bias = head.load()
    for name, array in (("kernel", kernel), ("bias", bias)):
        if array is not None and not np.isfinite(array).all():
            if "finite" not in wanted:
                return []
            number = int(np.count_nonzero(~np.isfinite(array)))
            first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            evidence = f"{number} of {array.size} numbers of the {name} are NaN or infinity, in the weights"
            return [
                Finding("finite", evidence, "the file was saved after training failed, or is damaged", first)
            ]
    finding = untrained(kernel.T if turned else kernel, bias) if "untrained" in wanted else None
    return [] if finding is None else [finding]


def _of_outputs(job: Any, wanted: frozenset[str]) -> list[Finding]:
    """Check the outputs, row by row."""
    from dense_cli.errors import ShapeError
    from dense_cli.sources.labels import load_labels
    from dense_cli.views.check import SUM_TO_ONE, Checks, Finding, OutputInfo

    findings = []
    # Samples that are picked keep their numbers, so how many there are says nothing of these.
    lead = job.source.shape[:-1] if job.options["batch"] is None else (None, *job.source.shape[1:-1])
    layer = job.layer.dense if job.layer is not None else None
    claimed = None if layer is None else layer.activation.name in SUM_TO_ONE
    info = OutputInfo((*lead, job.units), job.dtype, layer is not None, claimed)
    checks = Checks(info, frozenset(NAMES) - wanted)
    square = "transposed" in wanted and job.options["weights"] is not None
    for i, block in enumerate(_check_rows(job)):
        checks.add(block)
        if i == 0 and square and layer is not None and block.x is not None:
            from dense_cli.views.checkweights import transposed_square

            finding = transposed_square(block.x[:512], layer.kernel, layer.bias)
            findings += [finding] if finding is not None else []
    if job.options["labels"] is not None and "labels" in wanted:
        try:
            load_labels(job.options["labels"], job.units)
        except ShapeError as e:
            advice = "each class needs its label, in the order of the kernel's columns"
            findings.append(Finding("labels", str(e), advice))
    return findings + checks.findings()


def _check_rows(job: Any) -> Any:
    """Give the rows that count, as the checks see them."""
    import numpy as np

    from dense_cli.pipeline import MEMORY, block_rows
    from dense_cli.sources.streamed import in_order
    from dense_cli.views.check import CheckRows
    from dense_cli.views.evaluate import View

    def check_rows(y: Any, places: Any, mask: Any, x: Any = None, logits: Any = None) -> CheckRows:
        if mask is not None:
            y, places = y[mask], places[mask]
            x, logits = (None if part is None else part[mask] for part in (x, logits))
        with np.errstate(invalid="ignore"):  # a signalling NaN is as good as any
            wide = y.astype(np.float64)
        classes = np.where(np.isfinite(wide).all(axis=1), wide.argmax(axis=1), -1)
        return CheckRows(wide, places, classes, x, logits)

    source = in_order(job.source)
    if job.layer is not None:
        for part in job.parts(source, View(arrays=("probabilities", "logits"))):
            arrays = part.result.arrays
            places = part.block.places()
            yield check_rows(arrays["probabilities"], places, part.mask, part.block.x, arrays["logits"])
        return
    for block in source.blocks(block_rows(job.units, job.units, 8, job.options["memory"] or MEMORY)):
        mask = None if job.mask is None else job.mask.rows(block.places(), block.x)
        yield check_rows(block.x, block.places(), mask)
