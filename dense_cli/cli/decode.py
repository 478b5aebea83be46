"""``densecli decode``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, Unbounded
from dense_cli.cli.records import takes_plan
from dense_cli.cli.workers import cluster_option, workers_of

if TYPE_CHECKING:
    from dense_cli.plan import Plan

_FORMATS = ("text", "jsonl")


HELP = """Print one line of text per sample: the labels of the likeliest classes.

\b
  densecli decode hidden.npy --weights model.keras --labels words.txt
  densecli decode frames.npy --labels letters.txt --ctc _ --join ''
  densecli decode y.npy --labels tokenizer.json --eos '[SEP]' --pieces auto

INPUT is that of predict. LABEL is a label, or # and a class number ('#0').

With -f jsonl each sample has its log-probability, its perplexity and the confidence of every step.
--beam N prints the N likeliest lines as sample, log-probability and text. With --ctc a line is the sum
of all paths that merge to it, without --ctc it is one path.
"""


@click.command(cls=Command, help=HELP)
@opts.input_argument
@click.option("--join", metavar="STR", help="What stands between labels.  [default: a space]")
@opts.ends_options
@click.option("--ctc", metavar="BLANK", help="Merge repeats, then drop this label: greedy CTC decoding.")
@click.option(
    "--pieces",
    type=click.Choice(["wordpiece", "bytelevel", "metaspace", "bar", "auto"]),
    help="Join labels as a tokenizer joins its pieces; auto: as the tokenizer.json of --labels says.",
)
@click.option(
    "--beam",
    type=click.IntRange(min=1),
    cls=Unbounded,
    metavar="N",
    help="The N likeliest lines of each sample.",
)
@opts.labels_options
@opts.holds_options
@opts.layer_options
@opts.weight_options
@opts.measure_option
@opts.mask_options
@opts.input_options
@opts.output_options(*_FORMATS)
@opts.work_options
@cluster_option
@takes_plan
def decode(
    plan: Plan,
    join: str | None,
    ctc: str | None,
    pieces: str | None,
    beam: int | None,
    format: str | None,
    output: str | None,
    no_progress: bool,
    cluster: str | None,
) -> None:
    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output
    from dense_cli.cli.progress import ProgressBar
    from dense_cli.decoding import decode, likeliest, pieces_of, require_confidence
    from dense_cli.text import encodable
    from dense_cli.views.decode import Rules
    from dense_cli.views.ends import Ends, class_number
    from dense_cli.writers.decode import WRITERS

    name = format or _format_of(output)
    _require_together(plan, join, pieces, beam, ctc)
    if plan.measures and name == "text":
        raise click.UsageError("--measure needs -f jsonl: a line of text has no place for it")
    run = plan.open(note=note, progress=ProgressBar(shown=not no_progress))
    if name == "jsonl" and beam is None:
        require_confidence(run)
    ends = run.ends or Ends()
    if beam is not None:
        run.ends = None  # each path has an end of its own
    blank = class_number(ctc, "ctc", run.classes, run.labels, plan.labels, note)
    if blank is not None and len(run.shape) == 2:
        note(
            "each sample is a single step, of which --ctc merges nothing: "
            "--axes time,classes makes them one sample"
        )
    joined = pieces_of(pieces, plan.labels)
    labels = _safe(run.labels) if name == "text" and joined is None else run.labels
    # --join is the user's own and stays as it is
    rules = Rules(labels, " " if join is None else encodable(join), ends.eos, ends.pad, blank, joined)
    with workers_of(cluster) as run.spread, open_output(output, text=name == "text") as out:
        writer = WRITERS[name](out, rules)
        if beam is None:
            _write_each(out, writer.write, decode(run, rules, confident=name == "jsonl"))
        else:
            _write_each(out, writer.write_ranked, likeliest(run, rules, beam))


def _safe(labels: list[str] | None) -> list[str] | None:
    """Return labels as a terminal shows them."""
    from dense_cli.text import printable

    return None if labels is None else list(map(printable, labels))


def _write_each(out: BinaryIO, write: Callable[[Any], None], blocks: Iterable[tuple[Any, bool]]) -> None:
    """Write the lines of each block; where the input pauses, what is written so far goes out."""
    for lines, pause in blocks:
        write(lines)
        if pause:
            out.flush()


def _require_together(
    plan: Plan,
    join: str | None,
    pieces: str | None,
    beam: int | None,
    ctc: str | None,
) -> None:
    if join is not None and pieces is not None:
        raise click.UsageError("--join: --pieces says already how labels are joined")
    if beam is not None and plan.measures:
        raise click.UsageError("--measure: a line of --beam has no measures of its steps")
    if beam is not None and ctc is not None and (plan.eos is not None or plan.pad is not None):
        raise click.UsageError(
            "--beam with --ctc takes neither --eos nor --pad: the blank is all that is dropped"
        )


def _format_of(output: str | None) -> str:
    from dense_cli.writers.formats import format_of

    name = {"table": "text", "jsonl": "jsonl"}.get(format_of(output))
    if name is None:
        raise click.UsageError(f"-o {output}: decode writes text or JSON Lines: -f text, -f jsonl")
    return name
