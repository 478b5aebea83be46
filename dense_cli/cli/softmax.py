"""``densecli softmax``."""

from __future__ import annotations

import click

from dense_cli.cli import options as opts
from dense_cli.cli.command import Command, Unbounded, complete
from dense_cli.cli.records import standard_input

HELP = """Take a softmax apart: logit, minus the maximum, exp, divided by the sum.

\b
  densecli softmax '[2.0, 1.0, 0.1]'
  densecli softmax '[2.0, 1.0, 0.1]' --temperature 0.5
  densecli softmax logits.npy --labels names.txt -n 1

LOGITS are numbers in brackets, an array file, or - for standard input. The maximum is taken away so that
no exp overflows; the quotients stay the same. The numbers are float64.
"""


@click.command(cls=Command, help=HELP)
@click.argument("logits", required=False, shell_complete=complete("arrays"))
@opts.temperature_option
@opts.labels_options
@opts.key_option
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    cls=Unbounded,
    default=5,
    show_default=True,
    metavar="N",
    help="Rows that are taken apart at most.",
)
@opts.precision_option
@opts.output_options("table", "json")
def softmax(
    logits: str | None,
    temperature: float,
    labels: str | None,
    labels_key: str | None,
    key: str | None,
    limit: int,
    precision: int,
    format: str | None,
    output: str | None,
) -> None:
    from itertools import islice

    from dense_cli.cli.notes import note
    from dense_cli.cli.output import open_output, screen_of
    from dense_cli.plan import Plan
    from dense_cli.taking_apart import rows_apart
    from dense_cli.writers.formats import format_of
    from dense_cli.writers.softmax import as_json, write_json, write_row
    from dense_cli.writers.writer import TableOptions

    plan = Plan(
        logits or standard_input("LOGITS"),
        logits=True,
        labels=labels,
        labels_key=labels_key,
        key=key,
        dtype="float64",
    )
    run = plan.open(note=note)
    json = (format or format_of(output)) == "json"
    table = TableOptions(None, precision, screen_of(output))
    with open_output(output, text=not json) as out:
        rows = rows_apart(run, temperature)
        shown = list(islice(rows, limit))
        if json:
            write_json(out, temperature, [as_json(place, steps, run.labels) for place, steps in shown])
        else:
            for i, (place, steps) in enumerate(shown):
                out.write(b"\n" * (i > 0))
                write_row(out, place, steps, run.labels, table)
    if next(rows, None) is not None:
        note(f"only the first {limit} rows are shown (more: --limit N)")
